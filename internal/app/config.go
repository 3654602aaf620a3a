package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/keyring"
)

// Config is every setting of the server. A flag beats the environment, which
// beats the configuration file, which beats the default.
//
// In a file (YAML) a setting has the name below; as an environment variable it
// is HELIOGRAPH_ and that name in upper case; as a flag it has - in place of _.
type Config struct {
	Data            string        `koanf:"data"`               // directory of everything that is kept
	ControlListen   string        `koanf:"control_listen"`     // address of the AWS APIs, REST API, metrics and health
	PublicListen    string        `koanf:"public_listen"`      // address of routes and sites
	Region          string        `koanf:"region"`             // an AWS region's name; SDKs refuse others
	AccountID       string        `koanf:"account_id"`         // 12 digits
	AccessKeyID     string        `koanf:"access_key_id"`      // root key; both or neither
	SecretAccessKey string        `koanf:"secret_access_key"`  // never a flag: process lists show those
	MasterKey       string        `koanf:"master_key"`         // that seals the keyring: 32 bytes in base64 or hexadecimal; never a flag
	MasterKeyFile   string        `koanf:"master_key_file"`    // file that holds it; "": master.key in the data directory
	MasterKeyCmd    string        `koanf:"master_key_command"` // shell command that prints it; never a flag
	TLSCert         string        `koanf:"tls_cert"`           // certificate chain (PEM) of both listeners; "": plain HTTP
	TLSKey          string        `koanf:"tls_key"`            // its private key (PEM)
	PublicTLSCert   string        `koanf:"public_tls_cert"`    // another certificate for the public listener
	PublicTLSKey    string        `koanf:"public_tls_key"`     // its private key
	TLSClientCA     string        `koanf:"tls_client_ca"`      // certificates (PEM) that clients of the control listener must have theirs from; "": they need none
	Audit           bool          `koanf:"audit"`              // whether there is an audit trail
	AuditFileSize   int           `koanf:"audit_file_size"`    // MiB after which another of its files is begun
	AuditFiles      int           `koanf:"audit_files"`        // of its files are kept, at most
	AuditKeep       time.Duration `koanf:"audit_keep"`         // how long one is kept
	RootSite        string        `koanf:"root_site"`          // bucket whose website is at / of the public listener; "" for none
	TrainingJobs    int           `koanf:"training_jobs"`      // how many training jobs run at once, at most; 0: as cores and memory allow
	TrainingMemory  int           `koanf:"training_memory"`    // MiB that one training job may take; 0: half of the machine's memory
	UploadExpiry    time.Duration `koanf:"upload_expiry"`      // how long a multipart upload may be idle before it is removed; 0 for ever
	DrainTimeout    time.Duration `koanf:"drain_timeout"`      // how long a stop waits for running requests
	AlarmWebhook    string        `koanf:"alarm_webhook"`      // URL that alarms' actions are posted to; "" for none
	LogLevel        string        `koanf:"log_level"`          // debug, info, warn or error
	LogFormat       string        `koanf:"log_format"`         // text or json
}

// DefaultConfig is the configuration of a server that was told nothing.
func DefaultConfig() Config {
	return Config{
		Data:          "data",
		ControlListen: "127.0.0.1:9000",
		PublicListen:  "127.0.0.1:8080",
		Region:        "us-east-1",
		AccountID:     "000000000000",
		Audit:         true,
		AuditFileSize: audit.DefaultMaxBytes >> 20,
		AuditFiles:    audit.DefaultKeep,
		AuditKeep:     audit.DefaultKeepFor,
		UploadExpiry:  7 * 24 * time.Hour,
		DrainTimeout:  20 * time.Second,
		LogLevel:      "info",
		LogFormat:     "text",
	}
}

// Flags declares a flag for each setting but the secret ones.
func Flags(flags *pflag.FlagSet) {
	d := DefaultConfig()
	flags.String("config", "", "configuration file (YAML)")
	flags.String("data", d.Data, "directory of everything that is kept")
	flags.String("control-listen", d.ControlListen, "address of the AWS APIs, the REST API, metrics and health")
	flags.String("public-listen", d.PublicListen, "address of deployed routes and hosted sites")
	flags.String("region", d.Region, "AWS region to answer as")
	flags.String("account-id", d.AccountID, "AWS account to answer as, 12 digits")
	flags.String("master-key-file", "", "file of the key that secrets are sealed under (default master.key in the data directory)")
	flags.String("tls-cert", "", "certificate chain (PEM) of both listeners; without it they speak plain HTTP")
	flags.String("tls-key", "", "private key (PEM) of --tls-cert")
	flags.String("public-tls-cert", "", "another certificate chain for the public listener")
	flags.String("public-tls-key", "", "private key (PEM) of --public-tls-cert")
	flags.String("tls-client-ca", "", "certificates (PEM) that clients of the control listener must have theirs from")
	flags.Bool("audit", d.Audit, "keep an audit trail of all calls")
	flags.Int("audit-file-size", d.AuditFileSize, "MiB after which another file of the audit trail is begun")
	flags.Int("audit-files", d.AuditFiles, "how many files of the audit trail are kept, at most")
	flags.Duration("audit-keep", d.AuditKeep, "how long a file of the audit trail is kept")
	flags.String("root-site", d.RootSite, "bucket whose website is served at / of the public listener")
	flags.Int("training-jobs", d.TrainingJobs, "how many training jobs run at once, at most; 0: as many as cores and memory allow")
	flags.Int("training-memory", d.TrainingMemory, "MiB of memory that one training job may take; 0: half of the machine's")
	flags.Duration("upload-expiry", d.UploadExpiry, "how long a multipart upload may be idle before it is removed; 0 for ever")
	flags.Duration("drain-timeout", d.DrainTimeout, "how long a stop waits for running requests")
	flags.String("alarm-webhook", d.AlarmWebhook, "URL that the actions of alarms are posted to")
	flags.String("log-level", d.LogLevel, "debug, info, warn or error")
	flags.String("log-format", d.LogFormat, "text or json")
}

const envPrefix = "HELIOGRAPH_"

// LoadConfig reads the configuration from flags (as Flags declares them),
// environ (as os.Environ gives it), the file that --config or
// HELIOGRAPH_CONFIG names, and the defaults, and validates it.
func LoadConfig(flags *pflag.FlagSet, environ []string) (Config, error) {
	k := koanf.New(".")
	defaults := DefaultConfig()
	if err := k.Load(structs.Provider(defaults, "koanf"), nil); err != nil {
		return Config{}, err
	}
	path, _ := flags.GetString("config")
	for _, e := range environ {
		if value, ok := strings.CutPrefix(e, envPrefix+"CONFIG="); ok && path == "" {
			path = value
		}
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return Config{}, fmt.Errorf("configuration file %s: %w", path, err)
		}
	}
	known := map[string]bool{}
	for name := range k.All() {
		known[name] = true
	}
	environment := env.Provider(".", env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			name = strings.ToLower(strings.TrimPrefix(name, envPrefix))
			if !known[name] { // the command line has variables of its own
				return "", nil
			}
			return name, value
		},
	})
	if err := k.Load(environment, nil); err != nil {
		return Config{}, err
	}
	given := posflag.ProviderWithFlag(flags, ".", k, func(f *pflag.Flag) (string, any) {
		name := strings.ReplaceAll(f.Name, "-", "_")
		if !f.Changed || !known[name] {
			return "", nil
		}
		return name, posflag.FlagVal(flags, f)
	})
	if err := k.Load(given, nil); err != nil {
		return Config{}, err
	}
	var c Config
	err := k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result:           &c,
		TagName:          "koanf",
		ErrorUnused:      true, // a misspelt setting must not be ignored
		WeaklyTypedInput: true,
		DecodeHook:       mapstructure.StringToTimeDurationHookFunc(),
	}})
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return c, c.Validate()
}

var (
	regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
)

// Validate reports every setting that can't be used, by its name.
func (c Config) Validate() error {
	var faults []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("configuration: "+format, args...))
		}
	}
	refuse(c.Data == "", "data is empty; give a directory")
	for name, addr := range map[string]string{"control_listen": c.ControlListen, "public_listen": c.PublicListen} {
		_, _, err := net.SplitHostPort(addr)
		refuse(err != nil, "%s is %q; give host:port, such as 127.0.0.1:9000", name, addr)
	}
	refuse(!regionName.MatchString(c.Region), "region is %q; give an AWS region's name, such as us-east-1 (SDKs refuse others)", c.Region)
	refuse(!accountID.MatchString(c.AccountID), "account_id is %q; give 12 digits", c.AccountID)
	refuse((c.AccessKeyID == "") != (c.SecretAccessKey == ""), "access_key_id and secret_access_key go together; one of them is missing")
	sources := 0
	for _, set := range []bool{c.MasterKey != "", c.MasterKeyFile != "", c.MasterKeyCmd != ""} {
		if set {
			sources++
		}
	}
	refuse(sources > 1, "of master_key, master_key_file and master_key_command, %d are given; give one", sources)
	refuse(c.TrainingMemory < 0 || c.TrainingMemory > 1<<30, "training_memory is %d; give a number of MiB, or 0 for half of the machine's memory", c.TrainingMemory)
	refuse(c.TrainingJobs < 0 || c.TrainingJobs > 1000, "training_jobs is %d; give 1 to 1000, or 0 for as many as cores and memory allow", c.TrainingJobs)
	refuse((c.TLSCert == "") != (c.TLSKey == ""), "tls_cert and tls_key go together; one of them is missing")
	refuse((c.PublicTLSCert == "") != (c.PublicTLSKey == ""), "public_tls_cert and public_tls_key go together; one of them is missing")
	refuse(c.TLSClientCA != "" && c.TLSCert == "", "tls_client_ca needs tls_cert and tls_key: clients show certificates only over TLS")
	refuse(c.AuditFileSize < 1 || c.AuditFileSize > 1<<20, "audit_file_size is %d; give a number of MiB", c.AuditFileSize)
	refuse(c.AuditFiles < 2 || c.AuditFiles > 1<<20, "audit_files is %d; give a number of files, at least 2", c.AuditFiles)
	refuse(c.AuditKeep < time.Hour, "audit_keep is %s; give at least an hour, such as 2160h for 90 days", c.AuditKeep)
	refuse(c.UploadExpiry < 0, "upload_expiry is %s; give a time that is not negative, such as 168h, or 0 to keep uploads for ever", c.UploadExpiry)
	refuse(c.DrainTimeout < 0, "drain_timeout is %s; give a time that is not negative, such as 20s", c.DrainTimeout)
	hook, err := url.Parse(c.AlarmWebhook)
	refuse(c.AlarmWebhook != "" && (err != nil || hook.Host == "" || hook.Scheme != "http" && hook.Scheme != "https"), "alarm_webhook is not a URL of http or https")
	refuse(new(slog.Level).UnmarshalText([]byte(c.LogLevel)) != nil, "log_level is %q; give debug, info, warn or error", c.LogLevel)
	refuse(c.LogFormat != "text" && c.LogFormat != "json", "log_format is %q; give text or json", c.LogFormat)
	return errors.Join(faults...)
}

// Paths of the data directory.
func (c Config) masterKey() keyring.Source {
	return keyring.Source{Key: c.MasterKey, Command: c.MasterKeyCmd, File: c.MasterKeyFile}
}
func (c Config) databaseFile() string { return filepath.Join(c.Data, "heliograph.db") }
func (c Config) blobDir() string      { return filepath.Join(c.Data, "blob") }
func (c Config) cacheDir() string     { return filepath.Join(c.Data, "cache") }
func (c Config) tempDir() string      { return filepath.Join(c.Data, "tmp") }
