package keyring

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// state is what the ring's file holds, as JSON. Data keys are sealed under each
// of Masters: usually one, and two while the master key changes.
type state struct {
	Format  int
	Current uint32
	Masters []string // ids, the newest last
	Keys    []sealedKey
	Secrets map[string]string // named secrets, sealed under the current version, in base64
}

type sealedKey struct {
	Version uint32
	Created time.Time
	Retired time.Time         `json:",omitzero"`
	Sealed  map[string]string // by id of the master key, in base64
}

const (
	format  = 1
	maxFile = 1 << 20
	maxKeys = 1000
)

// Open opens the ring in a data directory. If there is none it is made, and so
// is the master key's file if that is where the key is to be. A directory that
// has a ring and no master key is an error: a new key could open nothing.
func Open(ctx context.Context, dir string, source Source) (*Ring, error) {
	r := &Ring{path: filepath.Join(dir, File), source: source.in(dir), now: time.Now}
	there, err := exists(r.path)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	if r.master, err = r.source.read(ctx); errors.Is(err, fs.ErrNotExist) && !there {
		r.master = NewMaster()
		err = r.writeMaster(r.master)
	} else if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the keyring %s is there, but not the master key that opens it (%w); "+
			"restore the file, or give the key by HELIOGRAPH_MASTER_KEY or master_key_command", r.path, err)
	}
	if err != nil {
		return nil, err
	}
	if !there {
		err = r.create()
	} else if err = r.load(); err == nil {
		err = r.finishMaster()
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Read opens the ring of a directory that another process may be using. It is
// good for looking only.
func Read(ctx context.Context, dir string, source Source) (*Ring, error) {
	r := &Ring{path: filepath.Join(dir, File), source: source.in(dir), now: time.Now}
	var err error
	if r.master, err = r.source.read(ctx); err != nil {
		return nil, err
	}
	return r, r.load()
}

// create makes a ring of one data key.
func (r *Ring) create() error {
	r.state = state{Format: format, Masters: []string{r.master.ID()}, Secrets: map[string]string{}}
	r.keys, r.ciphers = map[uint32][]byte{}, map[cipherID]cipher.AEAD{}
	_, err := r.Add()
	return err
}

func (r *Ring) writeMaster(m Master) error {
	if err := writeFile(r.source.File, []byte(m.Text()+"\n")); err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	return nil
}

// load reads and opens the ring's file.
func (r *Ring) load() error {
	text, err := readRing(r.path)
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	s, err := parse(text)
	if err != nil {
		return fmt.Errorf("keyring %s: %w; restore it from a backup", r.path, err)
	}
	id := r.master.ID()
	if !slices.Contains(s.Masters, id) {
		return fmt.Errorf("keyring %s: master key %s from %s: %w (that is %s)", r.path, id, r.source, ErrWrongMaster, s.Masters[len(s.Masters)-1])
	}
	keys := map[uint32][]byte{}
	for _, k := range s.Keys {
		key, err := r.master.open(k)
		if err != nil {
			return fmt.Errorf("keyring %s: data key %d: %w; restore the file from a backup", r.path, k.Version, err)
		}
		keys[k.Version] = key
	}
	r.state, r.keys, r.ciphers = s, keys, map[cipherID]cipher.AEAD{}
	return nil
}

func readRing(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return text, err
}

// parse reads a ring's file strictly.
func parse(text []byte) (s state, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("the file is damaged: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return s, errors.New("the file is damaged: something follows its end")
	}
	if s.Format != format {
		return s, fmt.Errorf("its format is %d, this version reads %d", s.Format, format)
	}
	if len(s.Masters) < 1 || len(s.Masters) > 2 || len(s.Keys) > maxKeys {
		return s, fmt.Errorf("the file is damaged: it names %d master keys and %d data keys", len(s.Masters), len(s.Keys))
	}
	seen := map[uint32]bool{}
	for _, k := range s.Keys {
		if k.Version == 0 || seen[k.Version] {
			return s, fmt.Errorf("the file is damaged: version %d is there twice or is none", k.Version)
		}
		seen[k.Version] = true
		for _, id := range s.Masters {
			if k.Sealed[id] == "" {
				return s, fmt.Errorf("the file is damaged: version %d is not sealed under master key %q", k.Version, id)
			}
		}
	}
	if !seen[s.Current] {
		return s, fmt.Errorf("the file is damaged: the current version %d is missing", s.Current)
	}
	if s.Secrets == nil {
		s.Secrets = map[string]string{}
	}
	return s, nil
}

// change makes a copy of the state, has fn change it, and puts it on disk before
// it counts.
func (r *Ring) change(fn func(*state) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.state
	next.Masters, next.Keys, next.Secrets = slices.Clone(next.Masters), slices.Clone(next.Keys), maps.Clone(next.Secrets)
	for i := range next.Keys {
		next.Keys[i].Sealed = maps.Clone(next.Keys[i].Sealed)
	}
	if err := fn(&next); err != nil {
		return err
	}
	text, err := json.MarshalIndent(next, "", "  ")
	if err == nil {
		err = writeFile(r.path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the keyring %s: %w", r.path, err)
	}
	r.state = next
	return nil
}

// seal wraps a data key under the master key; its version is part of it.
func (m Master) seal(version uint32, key []byte) (string, error) {
	c, err := newCipher(m.key[:], "data key")
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(c.Seal(nil, nil, key, versionText(version))), nil
}

func (m Master) open(k sealedKey) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(k.Sealed[m.ID()])
	if err != nil {
		return nil, err
	}
	c, err := newCipher(m.key[:], "data key")
	if err != nil {
		return nil, err
	}
	key, err := c.Open(nil, nil, sealed, versionText(k.Version))
	if err != nil || len(key) != keySize {
		return nil, ErrSealed
	}
	return key, nil
}

func versionText(v uint32) []byte { return []byte("version " + strconv.FormatUint(uint64(v), 10)) }

// newCipher is AES-256-GCM (NIST SP 800-38D) with random nonces and a key that is
// derived for the purpose (HKDF, RFC 5869). A key is good for 2^32 seals.
func newCipher(key []byte, purpose string) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, key, nil, "heliograph "+purpose, keySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
