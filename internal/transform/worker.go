package transform

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

const (
	// pollInterval is how often Run looks for jobs of which it was not told:
	// those whose worker died.
	pollInterval = time.Second

	// maxAttempts bounds how often a job may be started without finishing an
	// object, so that a job that kills the server doesn't do so forever.
	maxAttempts = 5

	// maxFiles is how many objects of a job are under way at once.
	maxFiles = 8
)

// Run runs jobs until ctx ends. It then gives the unfinished ones back, to go on
// with the next Run, and returns nil. Call it once.
func (s *Service) Run(ctx context.Context) error {
	freed := make(chan struct{}, 1)
	slots := make(chan struct{}, s.Parallel)
	var jobs sync.WaitGroup
	defer jobs.Wait()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		for ctx.Err() == nil && s.startOne(ctx, slots, freed, &jobs) {
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-freed:
		case <-poll.C:
		}
	}
}

// startOne claims a job that is due, if there is room, and reports whether
// there may be another.
func (s *Service) startOne(ctx context.Context, slots, freed chan struct{}, jobs *sync.WaitGroup) bool {
	select {
	case slots <- struct{}{}:
	default:
		return false
	}
	c, ok := s.claim(ctx)
	if !ok {
		<-slots
		return false
	}
	jobs.Go(func() {
		defer func() {
			<-slots
			signal(freed)
		}()
		s.work(ctx, c)
	})
	return true
}

// claim is a job leased to this process.
type claim struct {
	name  string
	owner string
	job   Job
}

func (s *Service) claim(ctx context.Context) (*claim, bool) {
	s.mu.Lock()
	s.claims++
	// An owner of its own for each claim, so that a job that was lost and
	// claimed again isn't taken for the earlier one.
	owner := fmt.Sprintf("%s-%d", s.id, s.claims)
	s.mu.Unlock()
	r, ok, err := s.jobs.Claim(ctx, owner, s.LeaseTTL)
	if err != nil {
		if ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "transform jobs can't be claimed", "error", err)
		}
		return nil, false
	}
	return &claim{r.Name, owner, jobOf(r)}, ok
}

// work runs a claimed job and writes down how it ended.
func (s *Service) work(ctx context.Context, c *claim) {
	jobCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	key := strings.ToLower(c.name)
	s.mu.Lock()
	s.running[key] = &cancel
	s.mu.Unlock()
	var heart sync.WaitGroup
	defer heart.Wait()
	defer cancel(nil)
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.running[key] == &cancel { // not that of a later job of the same name
			delete(s.running, key)
		}
	}()
	heart.Go(func() { s.keepLease(jobCtx, c, cancel) })

	started := s.Now()
	err := s.attempt(jobCtx, c)
	cause := context.Cause(jobCtx)
	switch {
	case err == nil:
	case errors.Is(cause, errLeaseLost), errors.Is(err, errLeaseLost):
		s.Log.WarnContext(ctx, "transform job given up: its lease was lost", "job", c.name)
		return
	case errors.Is(cause, errStopped):
		err = errStopped
	case ctx.Err() != nil:
		s.release(context.WithoutCancel(ctx), c)
		return
	}
	s.finish(context.WithoutCancel(ctx), c, err)
	s.Log.InfoContext(ctx, "transform job ended", "job", c.name, "status", c.job.TransformJobStatus,
		"seconds", s.Now().Sub(started).Seconds(), "reason", c.job.FailureReason)
}

// attempt is execute, with a panic as an error.
func (s *Service) attempt(ctx context.Context, c *claim) (err error) {
	defer func() {
		if p := recover(); p != nil {
			fault := panicked(p)
			s.Log.ErrorContext(ctx, "transform job panicked", "job", c.name, "error", fault)
			err = &failure{"AlgorithmError", "The transform ended in an internal fault; the server's log has the details under the job's name. Please report it.", fault}
		}
	}()
	return s.execute(ctx, c)
}

func panicked(p any) error { return fmt.Errorf("panic: %v\n%s", p, debug.Stack()) }

// keepLease renews the lease until ctx ends, and cancels the job if it is lost,
// or if another server was asked to stop it.
func (s *Service) keepLease(ctx context.Context, c *claim, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(s.LeaseTTL / 4)
	defer tick.Stop()
	held := time.Now() // the lease runs on the wall clock, whatever s.Now says
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		at := time.Now()
		err := s.jobs.Renew(ctx, c.name, c.owner, s.LeaseTTL)
		switch {
		case err == nil:
			held = at
			if r, err := s.jobs.Get(ctx, c.name); err == nil && r.Status == Stopping {
				cancel(errStopped)
				return
			}
		case ctx.Err() != nil:
			return
		case errs.Is(err, errs.Conflict), time.Since(held) > s.LeaseTTL:
			cancel(errLeaseLost)
			return
		default:
			s.Log.ErrorContext(ctx, "the lease of a transform job can't be renewed", "job", c.name, "error", err)
		}
	}
}

// update changes the job's record, if this process still holds it.
func (s *Service) update(ctx context.Context, c *claim, fn func(*Job) error) error {
	r, err := s.jobs.UpdateLeased(ctx, c.name, c.owner, func(r *store.Record[Job]) error {
		if err := fn(&r.Doc); err != nil {
			return err
		}
		r.Status = r.Doc.TransformJobStatus
		if r.Doc.Done() {
			r.Due = time.Time{}
		}
		return nil
	})
	if errs.Is(err, errs.Conflict) {
		return errLeaseLost
	} else if err == nil {
		c.job = jobOf(r)
	}
	return err
}

// proceed is update for a job that is not to stop.
func (s *Service) proceed(ctx context.Context, c *claim, fn func(*Job)) error {
	return s.update(ctx, c, func(job *Job) error {
		if job.TransformJobStatus == Stopping {
			return errStopped
		}
		fn(job)
		return nil
	})
}

// release gives the job back for another Run. It was ended in order, so it
// doesn't count as an attempt.
func (s *Service) release(ctx context.Context, c *claim) {
	err := s.update(ctx, c, func(job *Job) error {
		if job.Worker != "" {
			job.Worker, job.Attempts = "", job.Attempts-1
		}
		return nil
	})
	if err == nil {
		err = s.jobs.Release(ctx, c.name, c.owner)
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "a transform job can't be given back; it goes on when its lease ends", "job", c.name, "error", err)
	}
}

// finish writes down the end of a job. While that fails it tries again, as long
// as the lease lasts; then the job is taken up again.
func (s *Service) finish(ctx context.Context, c *claim, cause error) {
	if cause != nil && !errors.Is(cause, errStopped) {
		s.Log.WarnContext(ctx, "transform job failed", "job", c.name, "error", fullChain(cause))
	}
	end := func(job *Job) error {
		switch {
		case cause == nil && job.TransformJobStatus != Stopping:
			job.end(Completed, "", s.Now())
		case cause == nil, errors.Is(cause, errStopped):
			job.end(Stopped, "", s.Now())
		default:
			job.end(Failed, clipReason(failureOf(cause).Error()), s.Now())
		}
		return nil
	}
	deadline := time.Now().Add(s.LeaseTTL)
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		err := s.update(ctx, c, end)
		if err == nil {
			s.Ended(c.job.TransformJobStatus)
			return
		}
		if errors.Is(err, errLeaseLost) || errs.Is(err, errs.NotFound) {
			return
		}
		s.Log.ErrorContext(ctx, "the end of a transform job can't be recorded", "job", c.name, "error", err)
		if time.Now().Add(pause).After(deadline) {
			return
		}
		time.Sleep(pause)
	}
}
