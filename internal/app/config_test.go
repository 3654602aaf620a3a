package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func load(t *testing.T, yaml string, environ []string, args ...string) (Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	Flags(flags)
	if yaml != "" {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return LoadConfig(flags, environ)
}

func TestConfigPrecedence(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, yaml string
		env, args  []string
		want       func(*Config)
	}{
		{"defaults", "", nil, nil, func(*Config) {}},
		{"file", "region: eu-west-1\ndrain_timeout: 3s\ntraining_jobs: 2", nil, nil,
			func(c *Config) { c.Region, c.DrainTimeout, c.TrainingJobs = "eu-west-1", 3*time.Second, 2 }},
		{"environment over file", "region: eu-west-1", []string{"HELIOGRAPH_REGION=eu-west-2", "PATH=x"}, nil,
			func(c *Config) { c.Region = "eu-west-2" }},
		{"flag over environment", "", []string{"HELIOGRAPH_REGION=eu-west-2", "HELIOGRAPH_DATA=/d"}, []string{"--region", "eu-west-3"},
			func(c *Config) { c.Region, c.Data = "eu-west-3", "/d" }},
		{"keys", "", []string{"HELIOGRAPH_ACCESS_KEY_ID=a", "HELIOGRAPH_SECRET_ACCESS_KEY=b", "HELIOGRAPH_TRAINING_JOBS=4"}, nil,
			func(c *Config) { c.AccessKeyID, c.SecretAccessKey, c.TrainingJobs = "a", "b", 4 }},
		{"the command line's own variables are no settings", "", []string{"HELIOGRAPH_CONTROL=http://x"}, nil, func(*Config) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := DefaultConfig()
			test.want(&want)
			got, err := load(t, test.yaml, test.env, test.args...)
			if err != nil || got != want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

func TestConfigFaults(t *testing.T) {
	t.Parallel()
	for yaml, want := range map[string]string{
		"regoin: eu-west-1":      "regoin",
		"region: local":          `region is "local"`,
		"account_id: '12'":       `account_id is "12"`,
		"access_key_id: a":       "go together",
		"control_listen: ninety": `control_listen is "ninety"`,
		"training_jobs: -1":      "training_jobs is -1",
		"training_jobs: many":    "training_jobs",
		"training_memory: -1":    "training_memory is -1",
		"drain_timeout: -1s":     "drain_timeout",
		"drain_timeout: soon":    "drain_timeout",
		"log_level: loud":        `log_level is "loud"`,
		"log_format: xml":        `log_format is "xml"`,
		"data: ''":               "data is empty",
		"region: [":              "c.yaml",
	} {
		if _, err := load(t, yaml, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v does not name %s", yaml, err, want)
		}
	}
	if _, err := load(t, "", nil, "--config", "/nowhere/c.yaml"); err == nil {
		t.Error("a missing configuration file was ignored")
	}
}
