package keyring

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// MasterFile is the name of the master key's file in a data directory, where it
// is kept unless another source is given.
const MasterFile = "master.key"

const (
	keySize    = 32
	maxMaster  = 4096 // bytes of a file's or command's text
	commandFor = 30 * time.Second
)

// Master is a master key: 256 bits. It formats and logs as its id alone.
type Master struct{ key [keySize]byte }

// ParseMaster reads a master key as "heliograph keyring generate" and
// `openssl rand -base64 32` print it: 32 bytes in base64, or in 64 hexadecimal
// digits. Space around it doesn't count.
func ParseMaster(text string) (m Master, err error) {
	text = strings.TrimSpace(text)
	var key []byte
	if len(text) == hex.EncodedLen(keySize) {
		key, err = hex.DecodeString(text)
	} else {
		key, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil || len(key) != keySize {
		return m, errors.New("a master key is 32 random bytes in base64 (44 characters) or hexadecimal (64 digits); openssl rand -base64 32 makes one")
	}
	copy(m.key[:], key)
	if m.key == [keySize]byte{} {
		return m, errors.New("the master key is all zeros; openssl rand -base64 32 makes a good one")
	}
	return m, nil
}

// NewMaster draws a master key.
func NewMaster() (m Master) {
	rand.Read(m.key[:]) // never fails
	return m
}

// Text is the key as ParseMaster reads it.
func (m Master) Text() string { return base64.StdEncoding.EncodeToString(m.key[:]) }

// ID tells master keys apart and tells nothing about them: 16 hexadecimal digits
// of a value derived from the key.
func (m Master) ID() string {
	id, err := hkdf.Key(sha256.New, m.key[:], nil, "heliograph master key id", 8)
	if err != nil {
		return "" // only for lengths that are not asked for
	}
	return hex.EncodeToString(id)
}

func (m Master) String() string       { return "master key " + m.ID() }
func (m Master) GoString() string     { return m.String() }
func (m Master) LogValue() slog.Value { return slog.StringValue(m.String()) }

// Source says where the master key comes from: the first of its fields that is
// set, else the file MasterFile in the data directory.
type Source struct {
	Key     string // the key itself, from the environment; see ParseMaster
	Command string // a shell command that prints it
	File    string // a file that holds it
}

// String names the source without what it holds.
func (s Source) String() string {
	switch {
	case s.Key != "":
		return "environment"
	case s.Command != "":
		return "command"
	}
	return "file " + s.File
}

// GoString keeps the key out of %#v.
func (s Source) GoString() string     { return s.String() }
func (s Source) LogValue() slog.Value { return slog.StringValue(s.String()) }

// in completes the source for a data directory.
func (s Source) in(dir string) Source {
	if s.File == "" {
		s.File = filepath.Join(dir, MasterFile)
	}
	return s
}

// read returns the master key. A file that does not exist is fs.ErrNotExist.
func (s Source) read(ctx context.Context) (Master, error) {
	var text []byte
	var err error
	switch {
	case s.Key != "":
		text = []byte(s.Key)
	case s.Command != "":
		text, err = runCommand(ctx, s.Command)
	default:
		text, err = readSecretFile(s.File)
	}
	if err != nil {
		return Master{}, err
	}
	m, err := ParseMaster(string(text))
	if err != nil {
		return Master{}, fmt.Errorf("master key from %s: %w", s, err)
	}
	return m, nil
}

// runCommand runs a shell command and returns what it prints. Its standard error
// is part of an error, since it says why; its output never is.
func runCommand(ctx context.Context, command string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandFor)
	defer cancel()
	var out, complaint limited
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("it did not end within %s", commandFor)
		}
		return nil, fmt.Errorf("master_key_command failed: %w; it said: %.300q", err, bytes.TrimSpace(complaint.text))
	}
	if out.over {
		return nil, fmt.Errorf("master_key_command printed more than %d bytes; it must print the master key alone", maxMaster)
	}
	return out.text, nil
}

// limited is a buffer that forgets what is over maxMaster bytes.
type limited struct {
	text []byte
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	n := len(p)
	if room := maxMaster - len(l.text); n > room {
		p, l.over = p[:room], true
	}
	l.text = append(l.text, p...)
	return n, nil
}

// readSecretFile reads a small file that nobody else may read.
func readSecretFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if mode := info.Mode(); !mode.IsRegular() {
		return nil, fmt.Errorf("master key: %s is not a regular file", path)
	} else if mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("master key: %s has mode %04o, so others on this machine can read it; run: chmod 600 %s", path, mode.Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxMaster+1))
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if len(text) > maxMaster {
		return nil, fmt.Errorf("master key: %s has more than %d bytes, which is too long for a key", path, maxMaster)
	}
	return text, nil
}

// writeFile puts content into a file of mode 0600, by a rename after it and
// before its directory are synced.
func writeFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
