package training

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
	// pollInterval is how often Run looks for jobs of which it was not told:
	// those whose worker died.
	pollInterval = time.Second

	// maxAttempts bounds how often a job may be started without coming to an
	// end in order, so that a job that kills the server doesn't do so forever.
	maxAttempts = 3
)

// Run runs jobs until ctx ends. It then gives the unfinished ones back, to start
// over with the next Run, and returns nil. Call it once.
func (s *Service) Run(ctx context.Context) error {
	q := newQueue(s)
	defer q.jobs.Wait()
	q.jobs.Go(func() {
		if err := s.jobs.Index(ctx); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "training jobs can't be indexed for searches", "error", err)
		}
	})
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		for ctx.Err() == nil && q.startOne(ctx) {
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
			q.blocked = q.blocked && !s.takeStops()
		case n := <-q.freed:
			q.free(n)
		case <-poll.C:
			q.waited++
		}
	}
}

func (s *Service) takeStops() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	stops := s.stops
	s.stops = false
	return stops
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
			s.Log.ErrorContext(ctx, "training jobs can't be claimed", "error", err)
		}
		return nil, false
	}
	return &claim{jobs.Lease{Kind: "training job", Name: r.Name, Owner: owner, TTL: s.LeaseTTL, Renew: s.jobs.Renew, Log: s.Log}, jobOf(r)}, ok
}

// work runs a claimed job and writes down how it ended.
func (s *Service) work(ctx context.Context, c *claim) {
	jobCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var heart sync.WaitGroup
	defer heart.Wait()
	defer cancel(nil)
	defer s.running.Enter(c.Name, cancel)()
	role, arn := c.job.RoleArn, c.job.TrainingJobArn // c.job is the worker's alone
	c.Renewed = func() {                             // another server may have been asked to stop it
		if r, err := s.jobs.Get(jobCtx, c.Name); err == nil && r.Status == Stopping {
			cancel(errStopped)
		}
		if gone := s.roleGone(jobCtx, role, arn); gone != nil {
			cancel(gone)
		}
	}
	heart.Go(func() { c.Keep(jobCtx, func() { cancel(jobs.ErrLeaseLost) }) })

	started := s.Now()
	result, err := s.attempt(jobCtx, c)
	cause := context.Cause(jobCtx)
	switch {
	case err == nil:
	case errors.Is(cause, jobs.ErrLeaseLost), errors.Is(err, jobs.ErrLeaseLost):
		// Another worker has it, or it was stopped before it began.
		s.Log.WarnContext(ctx, "training job given up: its lease was lost", "job", c.Name)
		return
	case stopCause(cause) != nil:
		err = cause
	case ctx.Err() != nil:
		s.release(context.WithoutCancel(ctx), c)
		return
	default:
		if gone := s.roleGone(ctx, role, arn); gone != nil { // says more than what it led to
			err = gone
		}
	}
	s.finish(context.WithoutCancel(ctx), c, err, result)
	s.Log.InfoContext(ctx, "training job ended", "job", c.Name, "status", c.job.TrainingJobStatus,
		"seconds", s.Now().Sub(started).Seconds(), "reason", c.job.FailureReason)
}

// roleGone returns why the job of that ARN can't act as its role any more, or nil.
func (s *Service) roleGone(ctx context.Context, role, arn string) error {
	if _, err := s.Roles.Assume(ctx, role, arn); errs.Is(err, errs.Invalid) {
		return err
	}
	return nil
}

// attempt is execute, with a panic as an error: one job must not end the server.
func (s *Service) attempt(ctx context.Context, c *claim) (result *outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.ErrorContext(ctx, "training job panicked", "job", c.Name, "panic", p, "stack", string(debug.Stack()))
			result, err = nil, &jobs.Failure{Class: "AlgorithmError",
				Reason: "The training ended in an internal fault; the server's log has the details under the job's name. Please report it."}
		}
	}()
	return s.execute(ctx, c)
}

// update changes the job's record, if this process still holds it.
func (s *Service) update(ctx context.Context, c *claim, fn func(*Job) error) error {
	r, err := s.jobs.UpdateLeased(ctx, c.Name, c.Owner, func(r *store.Record[Job]) error {
		if err := fn(&r.Doc); err != nil {
			return err
		}
		r.Status = r.Doc.TrainingJobStatus
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
		if job.TrainingJobStatus == Stopping {
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
		s.Log.ErrorContext(ctx, "a training job can't be given back; it starts over when its lease ends", "job", c.Name, "error", err)
	}
}

// finish writes down the end of a job. While that fails it tries again, as long
// as the lease lasts; then the job starts over.
func (s *Service) finish(ctx context.Context, c *claim, cause error, result *outcome) {
	if errors.Is(cause, jobs.ErrLeaseLost) {
		return
	}
	if cause != nil && stopCause(cause) == nil {
		s.Log.WarnContext(ctx, "training job failed", "job", c.Name, "error", jobs.FullChain(cause))
	}
	end := func(job *Job) error {
		now := s.Now()
		switch {
		case cause == nil && job.TrainingJobStatus != Stopping:
			job.end(Completed, Completed, "Training job completed", now)
		case cause == nil, stopCause(cause) != nil:
			job.stop(cause, now)
		default:
			job.FailureReason = jobs.FailureReason(cause)
			job.end(Failed, Failed, job.FailureReason, now)
		}
		if result != nil {
			job.S3ModelArtifacts = result.artifacts
			job.FinalMetricDataList = result.metrics
		}
		return nil
	}
	record := func(ctx context.Context) error {
		err := s.update(ctx, c, end)
		if err == nil && result != nil {
			err = s.Publish(ctx, &c.job)
		}
		return err
	}
	if c.Insist(ctx, func() error { return s.DB.Tx(ctx, record) }) {
		s.ended(&c.job)
	}
}
