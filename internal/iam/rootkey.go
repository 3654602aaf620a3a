package iam

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// RootKeyFile is the name of the root key's file in the data directory. It is
// written in the form of an AWS shared credentials file, so that
// AWS_SHARED_CREDENTIALS_FILE can point at it.
const RootKeyFile = "root.key"

// Key is an access key. It formats and logs as its id alone.
type Key struct {
	ID     string // 3 to 128 letters, digits, '_' or '-'
	Secret string // 8 to 256 printable ASCII characters without spaces
}

func (k Key) String() string       { return k.ID }
func (k Key) GoString() string     { return "iam.Key{ID: " + k.ID + "}" }
func (k Key) LogValue() slog.Value { return slog.StringValue(k.ID) }

func (k Key) validate() error {
	if len(k.ID) < 3 || len(k.ID) > 128 || strings.ContainsFunc(k.ID, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-')
	}) {
		return errs.Invalidf("the access key id %q must be 3 to 128 letters, digits, '_' or '-'", k.ID)
	}
	if len(k.Secret) < 8 || len(k.Secret) > 256 || strings.ContainsFunc(k.Secret, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return errs.Invalidf("the secret access key of %s must be 8 to 256 printable ASCII characters without spaces", k.ID)
	}
	return nil
}

// LoadOrCreateRootKey returns the key that may do everything: envID and
// envSecret if they are set, else the one in dir, else a new one that is then
// kept in dir; created tells the last case, in which the caller shows it once.
// A file that others can read is refused.
func LoadOrCreateRootKey(dir, envID, envSecret string) (key Key, created bool, err error) {
	if envID != "" || envSecret != "" {
		if envID == "" || envSecret == "" {
			return Key{}, false, errs.Invalidf("the root key needs both an access key id and a secret access key; only one of the two is set")
		}
		key = Key{ID: envID, Secret: envSecret}
		return key, false, key.validate()
	}
	key, err = ReadRootKey(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	key = newKey()
	if err := writeRootKey(dir, key); err != nil {
		return Key{}, false, fmt.Errorf("write the root key: %w", err)
	}
	return key, true, nil
}

// ReadRootKey returns the key kept in the data directory dir. If there is none
// the error is fs.ErrNotExist.
func ReadRootKey(dir string) (Key, error) {
	path := filepath.Join(dir, RootKeyFile)
	info, err := os.Stat(path)
	if err != nil {
		return Key{}, fmt.Errorf("read the root key: %w", err)
	}
	if mode := info.Mode(); !mode.IsRegular() {
		return Key{}, fmt.Errorf("read the root key: %s is not a regular file", path)
	} else if mode.Perm()&0o077 != 0 {
		return Key{}, fmt.Errorf("read the root key: %s has mode %04o, so others on this machine can read it; run: chmod 600 %s",
			path, mode.Perm(), path)
	}
	if info.Size() > 4096 {
		return Key{}, fmt.Errorf("read the root key: %s has %d bytes, which is too long for a key", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Key{}, fmt.Errorf("read the root key: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return Key{}, fmt.Errorf("read the root key: %s: %w; restore the file, or delete it to have a new key made", path, err)
	}
	return key, nil
}

func parseKey(text []byte) (Key, error) {
	var key Key
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line == "[default]" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		field := map[string]*string{"aws_access_key_id": &key.ID, "aws_secret_access_key": &key.Secret}[strings.TrimSpace(name)]
		if !ok || field == nil || *field != "" {
			return Key{}, fmt.Errorf("line %d is not one aws_access_key_id or aws_secret_access_key setting", n)
		}
		*field = strings.TrimSpace(value)
	}
	if err := lines.Err(); err != nil {
		return Key{}, err
	}
	return key, key.validate()
}

// writeRootKey publishes the file by a rename after it and before its directory
// are synced, so that a key that was shown is never lost.
func writeRootKey(dir string, key Key) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, RootKeyFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintf(f, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key.ID, key.Secret)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, RootKeyFile)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// newKey draws an id of AWS's shape (AKIA and 16 base32 characters, 80 bits)
// and a secret of 40 characters (240 bits).
func newKey() Key {
	const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return Key{ID: "AKIA" + draw(base32, 16), Secret: draw(base64, 40)}
}

// draw returns n characters of an alphabet whose size is a power of two.
func draw(alphabet string, n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand ends the process when it can't
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}
