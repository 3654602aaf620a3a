package transform

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/store"
)

// errStopped is the cause of the context of a job that is to end early.
var errStopped = errors.New("stopped by StopTransformJob")

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
	var group sync.WaitGroup
	defer group.Wait()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		for ctx.Err() == nil && s.startOne(ctx, slots, freed, &group) {
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
func (s *Service) startOne(ctx context.Context, slots, freed chan struct{}, group *sync.WaitGroup) bool {
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
	group.Go(func() {
		defer func() {
			<-slots
			jobs.Signal(freed)
		}()
		s.work(ctx, c)
	})
	return true
}

// claim is a job leased to this process.
type claim struct {
	jobs.Lease
	job Job
}

func (s *Service) claim(ctx context.Context) (*claim, bool) {
	owner := s.owners.Next()
	r, ok, err := s.jobs.Claim(ctx, owner, s.LeaseTTL)
	if err != nil {
		if ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "transform jobs can't be claimed", "error", err)
		}
		return nil, false
	}
	return &claim{jobs.Lease{Kind: "transform job", Name: r.Name, Owner: owner, TTL: s.LeaseTTL, Renew: s.jobs.Renew, Log: s.Log}, jobOf(r)}, ok
}

// work runs a claimed job and writes down how it ended.
func (s *Service) work(ctx context.Context, c *claim) {
	jobCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var heart sync.WaitGroup
	defer heart.Wait()
	defer cancel(nil)
	defer s.running.Enter(c.Name, cancel)()
	role, arn := c.job.Model.RoleArn, c.job.TransformJobArn // c.job is the worker's alone
	c.Renewed = func() {                                    // another server may have been asked to stop it
		if r, err := s.jobs.Get(jobCtx, c.Name); err == nil && r.Status == Stopping {
			cancel(errStopped)
		}
		if gone := s.roleGone(jobCtx, role, arn); gone != nil {
			cancel(gone)
		}
	}
	heart.Go(func() { c.Keep(jobCtx, func() { cancel(jobs.ErrLeaseLost) }) })

	started := s.Now()
	err := s.attempt(jobCtx, c)
	cause := context.Cause(jobCtx)
	switch {
	case err == nil:
	case errors.Is(cause, jobs.ErrLeaseLost), errors.Is(err, jobs.ErrLeaseLost):
		s.Log.WarnContext(ctx, "transform job given up: its lease was lost", "job", c.Name)
		return
	case errors.Is(cause, errStopped):
		err = errStopped
	case ctx.Err() != nil:
		s.release(context.WithoutCancel(ctx), c)
		return
	default:
		if gone := s.roleGone(ctx, role, arn); gone != nil { // says more than what it led to
			err = gone
		}
	}
	s.finish(context.WithoutCancel(ctx), c, err)
	s.Log.InfoContext(ctx, "transform job ended", "job", c.Name, "status", c.job.TransformJobStatus,
		"seconds", s.Now().Sub(started).Seconds(), "reason", c.job.FailureReason)
}

// roleGone returns why the job of that ARN can't act as its model's role any more, or nil.
func (s *Service) roleGone(ctx context.Context, role, arn string) error {
	if _, err := s.Roles.Assume(ctx, role, arn); errs.Is(err, errs.Invalid) {
		return err
	}
	return nil
}

// attempt is execute, with a panic as an error.
func (s *Service) attempt(ctx context.Context, c *claim) (err error) {
	defer func() {
		if p := recover(); p != nil {
			fault := panicked(p)
			s.Log.ErrorContext(ctx, "transform job panicked", "job", c.Name, "error", fault)
			err = &jobs.Failure{Class: "AlgorithmError", Reason: "The transform ended in an internal fault; the server's log has the details under the job's name. Please report it.", Cause: fault}
		}
	}()
	return s.execute(ctx, c)
}

func panicked(p any) error { return fmt.Errorf("panic: %v\n%s", p, debug.Stack()) }

// update changes the job's record, if this process still holds it.
func (s *Service) update(ctx context.Context, c *claim, fn func(*Job) error) error {
	r, err := s.jobs.UpdateLeased(ctx, c.Name, c.Owner, func(r *store.Record[Job]) error {
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
		return jobs.ErrLeaseLost
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
		err = s.jobs.Release(ctx, c.Name, c.Owner)
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "a transform job can't be given back; it goes on when its lease ends", "job", c.Name, "error", err)
	}
}

// finish writes down the end of a job. While that fails it tries again, as long
// as the lease lasts; then the job is taken up again.
func (s *Service) finish(ctx context.Context, c *claim, cause error) {
	if cause != nil && !errors.Is(cause, errStopped) {
		s.Log.WarnContext(ctx, "transform job failed", "job", c.Name, "error", jobs.FullChain(cause))
	}
	end := func(job *Job) error {
		switch {
		case cause == nil && job.TransformJobStatus != Stopping:
			job.end(Completed, "", s.Now())
		case cause == nil, errors.Is(cause, errStopped):
			job.end(Stopped, "", s.Now())
		default:
			job.end(Failed, jobs.FailureReason(cause), s.Now())
		}
		return nil
	}
	if c.Insist(ctx, func() error { return s.update(ctx, c, end) }) {
		s.Ended(c.job.TransformJobStatus)
	}
}
