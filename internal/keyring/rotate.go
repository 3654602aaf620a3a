package keyring

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// Add makes a new data key, which seals from now on. Whoever keeps sealed
// secrets seals them anew then, and calls Retire when all are.
func (r *Ring) Add() (version uint32, err error) {
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	err = r.change(func(s *state) error {
		if len(s.Masters) > 1 {
			return errs.New(errs.Conflict, "", "The master key is being changed. Start the server with the new one, and then rotate.")
		}
		if len(s.Keys) >= maxKeys {
			return fmt.Errorf("there are %d data keys", len(s.Keys))
		}
		for _, k := range s.Keys {
			version = max(version, k.Version)
		}
		version++
		sealed, err := r.master.seal(version, key)
		if err != nil {
			return err
		}
		s.Keys = append(s.Keys, sealedKey{Version: version, Created: r.now().UTC().Truncate(time.Second), Sealed: map[string]string{r.master.ID(): sealed}})
		s.Current = version
		r.keys[version] = key // opens nothing as long as no file names it
		return nil
	})
	return version, err
}

// Unfinished reports whether a version before the current one is in use, as it
// is after a crash between Add and Retire.
func (r *Ring) Unfinished() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.ContainsFunc(r.state.Keys, func(k sealedKey) bool { return k.Version != r.state.Current && k.Retired.IsZero() })
}

// Retire seals the named secrets anew and marks all versions before the current
// one as retired: nothing that is kept needs them any more.
func (r *Ring) Retire() error {
	r.mu.RLock()
	current, secrets := r.state.Current, r.state.Secrets
	r.mu.RUnlock()
	anew := map[string]string{}
	for name, text := range secrets {
		secret, err := r.openSecret(name, text)
		if err != nil {
			return err
		}
		sealed, err := r.Seal(secretPurpose, name, secret)
		if err != nil {
			return err
		}
		anew[name] = base64.StdEncoding.EncodeToString(sealed)
	}
	return r.change(func(s *state) error {
		if s.Current != current || len(s.Secrets) != len(anew) {
			return errChanged
		}
		s.Secrets = anew
		for i := range s.Keys {
			if k := &s.Keys[i]; k.Version != current && k.Retired.IsZero() {
				k.Retired = r.now().UTC().Truncate(time.Second)
			}
		}
		return nil
	})
}

// Forget removes the data keys that were retired before a time. What was sealed
// under them, such as session tokens, is void from then on.
func (r *Ring) Forget(before time.Time) error {
	old := func(k sealedKey) bool { return !k.Retired.IsZero() && k.Retired.Before(before) }
	r.mu.RLock()
	some := slices.ContainsFunc(r.state.Keys, old)
	r.mu.RUnlock()
	if !some {
		return nil
	}
	var gone []uint32
	err := r.change(func(s *state) error {
		s.Keys = slices.DeleteFunc(s.Keys, func(k sealedKey) bool {
			if old(k) {
				gone = append(gone, k.Version)
				return true
			}
			return false
		})
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, version := range gone {
		clear(r.keys[version])
		delete(r.keys, version)
	}
	for id := range r.ciphers {
		if slices.Contains(gone, id.version) {
			delete(r.ciphers, id)
		}
	}
	return nil
}

// OwnsMaster reports whether the master key is in a file, which ChangeMaster
// writes anew. Otherwise whoever keeps the key has to choose the next one.
func (r *Ring) OwnsMaster() bool { return r.source.Key == "" && r.source.Command == "" }

// ChangeMaster seals the data keys under another master key, a new one if next is
// zero. If the master key is in a file, next replaces it there, and the old one
// opens nothing from then on. Otherwise both open the ring until it is opened with
// next, which whoever keeps the key has to give to the server.
func (r *Ring) ChangeMaster(next Master) error {
	if next == (Master{}) {
		if !r.OwnsMaster() {
			return errs.Invalidf("The master key comes from the %s, so its next value has to be given.", r.source)
		}
		next = NewMaster()
	}
	id := next.ID()
	if id == r.master.ID() {
		return errors.New("the new master key is the present one")
	}
	// First the ring opens with both, so that a crash between the two files does no harm.
	err := r.change(func(s *state) error {
		s.Masters = []string{r.master.ID(), id}
		for i := range s.Keys {
			k := &s.Keys[i]
			sealed, err := next.seal(k.Version, r.keys[k.Version])
			if err != nil {
				return err
			}
			k.Sealed = map[string]string{r.master.ID(): k.Sealed[r.master.ID()], id: sealed}
		}
		return nil
	})
	if err != nil || !r.OwnsMaster() {
		return err
	}
	if err := r.writeMaster(next); err != nil {
		return err
	}
	r.mu.Lock()
	r.master = next
	r.mu.Unlock()
	return r.finishMaster()
}

// finishMaster takes the old master key off a ring that the new one opens, and the
// new one if it never came into the file, after a crash in between.
func (r *Ring) finishMaster() error {
	id := r.master.ID()
	if m := r.state.Masters; len(m) == 1 || m[len(m)-1] != id && !r.OwnsMaster() {
		return nil
	}
	return r.change(func(s *state) error {
		s.Masters = []string{id}
		for i := range s.Keys {
			s.Keys[i].Sealed = map[string]string{id: s.Keys[i].Sealed[id]}
		}
		return nil
	})
}
