package iam

import (
	"context"
	"fmt"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// flushEvery is how often uses of access keys are written.
const flushEvery = time.Minute

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
		if _, err := s.reseal(ctx); err != nil {
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

// Rotation is what Rotate did.
type Rotation struct {
	Version  uint32 // of the new data key
	Resealed int    // secrets that were sealed anew
}

// Rotate makes a new data key and seals every secret anew under it. The old one
// opens only session tokens from then on, for as long as these may live; with
// endSessions it is removed at once, and so all sessions end. A rotation that is
// cut off is completed by Prepare.
func (s *Service) Rotate(ctx context.Context, endSessions bool) (r Rotation, err error) {
	if err := s.Authorize(ctx, "heliograph:RotateKeyring", s.keyringARN()); err != nil {
		return r, err
	}
	if s.access == nil {
		return r, errs.New(errs.Unsupported, "", "This server keeps no secrets, so it has no keyring.")
	}
	s.rotation.Lock()
	defer s.rotation.Unlock()
	ctx = context.WithoutCancel(ctx) // a caller that hangs up leaves no half of it
	if r.Version, err = s.cfg.Keyring.Add(); err != nil {
		return r, err
	}
	if r.Resealed, err = s.reseal(ctx); err != nil {
		return r, err
	}
	if endSessions {
		err = s.cfg.Keyring.Forget(s.cfg.Now().Add(24 * time.Hour))
		s.sessions.forget()
	}
	return r, err
}

// reseal seals everything under the current data key and retires the others.
func (s *Service) reseal(ctx context.Context) (int, error) {
	n, err := s.access.reseal(ctx)
	if err != nil {
		return n, fmt.Errorf("seal the secrets of access keys anew: %w", err)
	}
	return n, s.cfg.Keyring.Retire()
}

func (s *Service) keyringARN() string {
	return "arn:aws:heliograph:" + s.cfg.Region + ":" + s.cfg.AccountID + ":keyring"
}

// longestSession is how long a session token may live at most, with an hour to
// spare for clocks that are set.
const longestSession = 37 * time.Hour
