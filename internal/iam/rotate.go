package iam

import (
	"context"
	"fmt"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/keyring"
	"github.com/heliograph/heliograph/internal/store"
)

const (
	// flushEvery is how often uses of access keys are written.
	flushEvery = time.Minute

	// longestSession is how long a session token may live at most, with an hour to
	// spare for clocks that are set.
	longestSession = maxTokenSession + time.Hour
)

// Prepare opens every sealed secret, so that a database and a keyring that don't
// belong together are noticed at start, and completes a rotation that was cut
// off. It is to be called before requests are verified.
func (s *Service) Prepare(ctx context.Context) error {
	if s.access == nil {
		return nil
	}
	if err := s.access.check(ctx); err != nil {
		return err
	}
	if s.cfg.Keyring.Unfinished() {
		if _, err := s.access.retire(ctx); err != nil {
			return err
		}
	}
	return s.cfg.Keyring.Forget(s.cfg.Now().Add(-longestSession))
}

// Run writes the uses of access keys, and removes data keys that no session token
// can need any more, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if s.access == nil {
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			return s.access.flush(ctx)
		case <-ticker.C:
		}
		if err := s.access.flush(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.ErrorContext(ctx, "the last uses of access keys could not be written", "error", err)
		}
		if err := s.cfg.Keyring.Forget(s.cfg.Now().Add(-longestSession)); err != nil && ctx.Err() == nil {
			s.cfg.Log.ErrorContext(ctx, "retired data keys could not be removed", "error", err)
		}
	}
}

// RotateOptions say what to do besides making a new data key.
type RotateOptions struct {
	// EndSessions removes the old data keys at once, and so ends all sessions.
	EndSessions bool
	// Master replaces the master key too. One that is in a file is written anew.
	// Where it comes from elsewhere, NextMaster is what it will be.
	Master     bool
	NextMaster keyring.Master
}

// Rotation is what a rotation did.
type Rotation struct {
	Version  uint32 // of the new data key
	Resealed int    // secrets of access keys that were sealed anew
}

// KeyringStatus tells what keys there are, and nothing of what they are.
func (s *Service) KeyringStatus(ctx context.Context) (keyring.Status, error) {
	if err := s.Authorize(ctx, "heliograph:GetKeyring", s.keyringARN()); err != nil {
		return keyring.Status{}, err
	}
	if s.access == nil {
		return keyring.Status{}, noKeyring()
	}
	return s.cfg.Keyring.Status(), nil
}

// RotateKeyring makes a new data key and seals every secret anew under it. The
// old one opens only session tokens from then on, for as long as these may live.
// A rotation that is cut off is completed at the next start.
func (s *Service) RotateKeyring(ctx context.Context, o RotateOptions) (r Rotation, err error) {
	if err := s.Authorize(ctx, "heliograph:RotateKeyring", s.keyringARN()); err != nil {
		return r, err
	}
	if s.access == nil {
		return r, noKeyring()
	}
	s.rotation.Lock()
	defer s.rotation.Unlock()
	defer s.sessions.forget()
	return s.access.rotate(context.WithoutCancel(ctx), o) // a caller that hangs up leaves no half of it
}

// RotateOffline is RotateKeyring on the database and the keyring of a server that
// does not run. The caller holds the data directory's lock.
func RotateOffline(ctx context.Context, db *store.DB, ring *keyring.Ring, o RotateOptions) (Rotation, error) {
	a := newAccessKeys(db, ring, time.Now)
	if err := a.check(ctx); err != nil {
		return Rotation{}, err
	}
	return a.rotate(ctx, o)
}

func (a *accessKeys) rotate(ctx context.Context, o RotateOptions) (r Rotation, err error) {
	if o.Master && o.NextMaster == (keyring.Master{}) && !a.ring.OwnsMaster() {
		return r, errs.Invalidf("The master key comes from the %s. To change it, stop the server, put the next one into HELIOGRAPH_NEXT_MASTER_KEY, "+
			"run: heliograph keyring rotate --offline --master, and start the server with the next one.", a.ring.Status().Source)
	}
	if r.Version, err = a.ring.Add(); err != nil {
		return r, err
	}
	if r.Resealed, err = a.retire(ctx); err != nil {
		return r, err
	}
	if o.EndSessions {
		if err := a.ring.Forget(a.now().Add(24 * time.Hour)); err != nil {
			return r, err
		}
	}
	if o.Master {
		err = a.ring.ChangeMaster(o.NextMaster)
	}
	return r, err
}

// retire seals everything under the current data key, after which the others are
// for session tokens alone.
func (a *accessKeys) retire(ctx context.Context) (int, error) {
	n, err := a.reseal(ctx)
	if err != nil {
		return n, fmt.Errorf("seal the secrets of access keys anew: %w", err)
	}
	return n, a.ring.Retire()
}

func noKeyring() error {
	return errs.New(errs.Unsupported, "", "This server keeps no secrets, so it has no keyring.")
}

func (s *Service) keyringARN() string {
	return "arn:aws:heliograph:" + s.cfg.Region + ":" + s.cfg.AccountID + ":keyring"
}
