// Package keyring seals the server's secrets under a master key.
//
// The master key seals data keys, and these seal secrets (AES-256-GCM, a key of
// its own for each purpose by HKDF-SHA256). Data keys have versions: the newest
// seals, older ones open what is still sealed under them. What a call that
// changes the ring has returned is on disk, and a crash at any point leaves a
// ring that the same master key opens. A wrong master key is told as such and
// changes nothing. Keys appear in no error, log or formatted value.
//
// It does not protect from who can read the master key as well as the data. A
// ring belongs to one process at a time: the holder of the data directory's lock.
package keyring

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// File is the name of the ring in a data directory.
const File = "keyring.json"

// Ring is an open keyring. It is safe for concurrent use.
type Ring struct {
	path   string
	source Source
	now    func() time.Time

	mu      sync.RWMutex
	state   state
	master  Master
	keys    map[uint32][]byte // data keys by version
	ciphers map[cipherID]cipher.AEAD
}

type cipherID struct {
	version uint32
	purpose string
}

// Status is what may be shown of a ring.
type Status struct {
	Master   string    // id of the master key, which tells nothing about it
	Source   string    // where the master key comes from
	Current  uint32    // the version that seals
	Versions []Version // oldest first
	// Next is the id of the master key that the ring was also sealed under and that the
	// server has not been started with yet; "" if there is none.
	Next string
}

// Version is a data key.
type Version struct {
	Version uint32
	Created time.Time
	// Retired is when the last secret that is kept was sealed anew under a newer
	// version; only session tokens may still need it. Zero: in use.
	Retired time.Time
}

// ErrWrongMaster means that the ring is sealed under another master key than
// the one given.
var ErrWrongMaster = errors.New("it is not the master key that the keyring was sealed under")

// ErrSealed means that a sealed text was not sealed by this ring for this
// purpose and context, was changed, or needs a data key that is gone.
var ErrSealed = errors.New("not sealed by this keyring, or changed since")

// errChanged means that another goroutine was faster.
var errChanged = errors.New("the keyring was changed meanwhile; try again")

// Seal encrypts a secret for one purpose, such as "access key". Only Open with
// the same purpose and context (the record's name, say) gives it back, so sealed
// secrets can't be moved from one place to another. The result is 32 bytes longer
// than the secret.
func (r *Ring) Seal(purpose, context string, secret []byte) ([]byte, error) {
	r.mu.RLock()
	version := r.state.Current
	r.mu.RUnlock()
	c, err := r.cipher(version, purpose)
	if err != nil {
		return nil, err
	}
	out := make([]byte, headSize, headSize+c.Overhead()+len(secret))
	binary.BigEndian.PutUint32(out, version)
	return c.Seal(out, nil, secret, []byte(context)), nil
}

// headSize is the version in front of what is sealed.
const headSize = 4

// Open decrypts what Seal gave. The error is ErrSealed whatever is wrong.
func (r *Ring) Open(purpose, context string, sealed []byte) ([]byte, error) {
	if len(sealed) < headSize {
		return nil, ErrSealed
	}
	c, err := r.cipher(binary.BigEndian.Uint32(sealed), purpose)
	if err != nil {
		return nil, ErrSealed
	}
	secret, err := c.Open(nil, nil, sealed[headSize:], []byte(context))
	if err != nil {
		return nil, ErrSealed
	}
	return secret, nil
}

// Stale reports whether something was sealed under another version than the
// current one, so that it is to be sealed anew.
func (r *Ring) Stale(sealed []byte) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(sealed) < headSize || binary.BigEndian.Uint32(sealed) != r.state.Current
}

// cipher returns the cipher of one version and purpose.
func (r *Ring) cipher(version uint32, purpose string) (cipher.AEAD, error) {
	id := cipherID{version, purpose}
	r.mu.RLock()
	c, key := r.ciphers[id], r.keys[version]
	r.mu.RUnlock()
	if c != nil {
		return c, nil
	}
	if key == nil {
		return nil, ErrSealed
	}
	c, err := newCipher(key, purpose)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys[version] != nil { // else it was dropped meanwhile, and must not come back
		r.ciphers[id] = c
	}
	return c, nil
}

// Secret returns 32 random bytes that stay the same for ever under a name, such
// as the key that signs a log. They are made at the first call.
func (r *Ring) Secret(name string) ([]byte, error) {
	r.mu.RLock()
	text, ok := r.state.Secrets[name]
	r.mu.RUnlock()
	if !ok {
		return r.makeSecret(name)
	}
	return r.openSecret(name, text)
}

const secretPurpose = "named secret"

func (r *Ring) openSecret(name, text string) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("keyring %s: the secret %q is not base64", r.path, name)
	}
	secret, err := r.Open(secretPurpose, name, sealed)
	if err != nil {
		return nil, fmt.Errorf("keyring %s: the secret %q: %w", r.path, name, err)
	}
	return secret, nil
}

func (r *Ring) makeSecret(name string) ([]byte, error) {
	secret := make([]byte, keySize)
	rand.Read(secret) // never fails
	sealed, err := r.Seal(secretPurpose, name, secret)
	if err != nil {
		return nil, err
	}
	err = r.change(func(s *state) error {
		if _, taken := s.Secrets[name]; taken || binary.BigEndian.Uint32(sealed) != s.Current {
			return errChanged
		}
		s.Secrets[name] = base64.StdEncoding.EncodeToString(sealed)
		return nil
	})
	if errors.Is(err, errChanged) {
		return r.Secret(name)
	}
	return secret, err
}

// Status tells what there is.
func (r *Ring) Status() Status {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := Status{Master: r.master.ID(), Source: r.source.String(), Current: r.state.Current}
	for _, k := range r.state.Keys {
		s.Versions = append(s.Versions, Version{Version: k.Version, Created: k.Created, Retired: k.Retired})
	}
	slices.SortFunc(s.Versions, func(a, b Version) int { return int(a.Version) - int(b.Version) })
	if last := r.state.Masters[len(r.state.Masters)-1]; last != s.Master {
		s.Next = last
	}
	return s
}

// A Ring formats and logs as its path.
func (r *Ring) String() string       { return "keyring " + r.path }
func (r *Ring) GoString() string     { return r.String() }
func (r *Ring) LogValue() slog.Value { return slog.StringValue(r.String()) }
