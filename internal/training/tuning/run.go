package tuning

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/store"
)

const (
	// claimInterval is how often Run looks for tuning jobs of which it was not
	// told: those whose server died.
	claimInterval = time.Second
	// watchInterval is how often a tuning job looks at its training jobs when
	// nothing wakes it, as epochs and ends on this server do.
	watchInterval = 500 * time.Millisecond
)

// Run drives tuning jobs until ctx ends, and then returns nil; the next Run goes
// on where this one was. Call it once.
func (s *Service) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	poll := time.NewTicker(claimInterval)
	defer poll.Stop()
	for {
		for ctx.Err() == nil {
			name, owner, ok := s.claim(ctx)
			if !ok {
				break
			}
			group.Go(func() { s.drive(ctx, name, owner) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-poll.C:
		}
	}
}

func (s *Service) claim(ctx context.Context) (name, owner string, ok bool) {
	owner = s.owners.Next()
	r, ok, err := s.jobs.Claim(ctx, owner, s.LeaseTTL)
	if err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "tuning jobs can't be claimed", "error", err)
	}
	return r.Name, owner, ok && err == nil
}

// drive takes one tuning job, step by step, to its end or that of ctx.
func (s *Service) drive(ctx context.Context, name, owner string) {
	ctx, cancel := context.WithCancelCause(ctx)
	wake := make(chan struct{}, 1)
	var heart sync.WaitGroup
	defer heart.Wait()
	defer cancel(nil)
	defer s.running.Enter(name, wake)()
	lease := jobs.Lease{Kind: "tuning job", Name: name, Owner: owner, TTL: s.LeaseTTL, Renew: s.jobs.Renew, Log: s.Log}
	heart.Go(func() { lease.Keep(ctx, func() { cancel(jobs.ErrLeaseLost) }) })

	pause := watchInterval
	for {
		done, err := s.attempt(ctx, name, owner)
		switch {
		case done:
			return
		case errors.Is(err, jobs.ErrLeaseLost) || errors.Is(context.Cause(ctx), jobs.ErrLeaseLost) || errs.Is(err, errs.NotFound):
			s.Log.WarnContext(ctx, "tuning job given up: its lease was lost", "job", name)
			return
		case ctx.Err() != nil:
			if err := s.jobs.Release(context.WithoutCancel(ctx), name, owner); err != nil {
				s.Log.ErrorContext(ctx, "a tuning job can't be given back; it goes on when its lease ends", "job", name, "error", err)
			}
			return
		case err != nil: // of the database or the disk: they may recover
			pause = min(2*pause, 5*time.Second)
			s.Log.ErrorContext(ctx, "a tuning job can't go on; it tries again", "job", name, "error", err, "pause", pause)
		default:
			pause = watchInterval
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-wake:
		}
		timer.Stop()
	}
}

// attempt is step, with a panic as the job's failure: one job must not end the server.
func (s *Service) attempt(ctx context.Context, name, owner string) (done bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.ErrorContext(ctx, "tuning job panicked", "job", name, "panic", p, "stack", string(debug.Stack()))
			done, err = true, s.update(ctx, name, owner, func(job *Job) {
				job.end(Failed, "InternalServerError: The tuning ended in an internal fault; the server's log has the details under the job's name. Please report it.", s.Now())
			})
			done = err == nil
		}
	}()
	return s.step(ctx, name, owner)
}

// update changes the job's record, if this process still holds it.
func (s *Service) update(ctx context.Context, name, owner string, fn func(*Job)) error {
	_, err := s.jobs.UpdateLeased(ctx, name, owner, func(r *store.Record[Job]) error {
		job := jobOf(*r)
		fn(&job)
		r.Doc, r.Status = job, job.HyperParameterTuningJobStatus
		if job.Done() {
			r.Due = time.Time{}
		}
		return nil
	})
	if errs.Is(err, errs.Conflict) {
		return jobs.ErrLeaseLost
	}
	return err
}

// end moves the job to its last state.
func (j *Job) end(status, reason string, at time.Time) {
	j.HyperParameterTuningJobStatus = status
	j.FailureReason = reason
	j.HyperParameterTuningEndTime = at
}
