package training

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/training/trainer"
)

// recheckWaits is after how many polls a job that didn't fit is looked at again,
// to see whether its time to wait is over.
const recheckWaits = 5

// queue starts jobs in the order they were created, as far as the machine has
// cores and memory for them. The first that doesn't fit holds up all behind it, so that a large
// job isn't passed by small ones for ever; one that fits nowhere runs alone.
type queue struct {
	s       *Service
	jobs    sync.WaitGroup
	freed   chan need
	taken   need
	running int
	blocked bool // the first job waits for room
	waited  int  // polls since it was looked at
}

// usualRatio is by how much gzip shrinks text.
const usualRatio = 3

// need is what a job takes of the machine.
type need struct {
	cores  int
	memory int64
}

func newQueue(s *Service) *queue { return &queue{s: s, freed: make(chan need)} }

func (q *queue) free(n need) {
	q.running--
	q.s.meters.running.Set(float64(q.running))
	q.taken.cores -= n.cores
	q.taken.memory -= n.memory
	q.blocked = false
}

// fits reports whether there is room for a job.
func (q *queue) fits(n need) bool {
	return q.running == 0 || q.running < q.s.Parallel &&
		q.taken.cores+n.cores <= runtime.GOMAXPROCS(0) && q.taken.memory+n.memory <= q.s.MemoryBytes
}

// startOne looks at the job that is due first, and reports whether there may be another to look at.
func (q *queue) startOne(ctx context.Context) bool {
	if q.blocked && q.waited < recheckWaits {
		return false
	}
	q.blocked, q.waited = false, 0
	c, ok := q.s.claim(ctx)
	if !ok {
		return false
	}
	if late := q.s.overdue(c); late != nil {
		q.s.finish(ctx, c, late, nil)
		return true
	}
	n := q.s.needOf(ctx, c)
	if !q.fits(n) {
		q.blocked = true
		q.s.postpone(ctx, c)
		return false
	}
	q.running++
	q.s.meters.running.Set(float64(q.running))
	q.taken.cores += n.cores
	q.taken.memory += n.memory
	q.jobs.Go(func() {
		defer func() {
			select {
			case q.freed <- n:
			case <-ctx.Done():
			}
		}()
		q.s.work(ctx, c)
	})
	return true
}

// overdue returns why a claimed job is not to be started: it was asked to stop,
// or has waited too long. Neither needs room.
func (s *Service) overdue(c *claim) error {
	limits, waited := c.job.StoppingCondition, s.Now().Sub(c.job.CreationTime)
	switch {
	case c.job.TrainingJobStatus == Stopping:
		return errStopped
	case c.job.EnableManagedSpotTraining && limits.MaxWaitTimeInSeconds != nil && waited > time.Duration(*limits.MaxWaitTimeInSeconds)*time.Second:
		return errMaxWait
	case limits.MaxPendingTimeInSeconds != nil && c.job.TrainingStartTime.IsZero() && waited > time.Duration(*limits.MaxPendingTimeInSeconds)*time.Second:
		return errMaxPending
	}
	return nil
}

// needOf is what a job will take: the threads it asks for, or half of the
// machine if it doesn't say, and an estimate of its memory from the size of its
// text. A row of n-grams takes memory only if it occurs, and no text has more
// of those than bytes.
func (s *Service) needOf(ctx context.Context, c *claim) need {
	half := (runtime.GOMAXPROCS(0) + 1) / 2
	p, err := parseHyperParameters(c.job.HyperParameters)
	if err != nil {
		return need{cores: half, memory: programMemory} // it will fail in a moment
	}
	var text int64
	for _, ch := range c.job.InputDataConfig {
		if ch.ChannelName != trainer.Train {
			continue // others are streamed
		}
		// An error will be the job's, once it runs.
		acting, err := s.Roles.Assume(ctx, c.job.RoleArn, c.job.TrainingJobArn)
		if err != nil {
			break
		}
		inputs, _ := s.listChannel(acting, &c.job.Spec, ch, maxChecked)
		for _, in := range inputs {
			text += in.info.Size
		}
		if ch.CompressionType == "Gzip" {
			text *= usualRatio
		}
	}
	if p.linear() {
		return need{
			cores:  min(p.intOr("threads", half), runtime.GOMAXPROCS(0)),
			memory: min(programMemory+linearMemory(text), programMemory+s.MaxMemoryBytes),
		}
	}
	const page = 4 << 10
	row := int64(p.int("vector_dim")) * 4
	matrix := min(p.hashed()*row, min(text, 1<<40)*(row+page))
	return need{
		cores:  min(p.intOr("threads", half), runtime.GOMAXPROCS(0)),
		memory: min(programMemory+matrix+2*text, programMemory+s.MaxMemoryBytes),
	}
}

// linearMemory is about what the recipe linear takes for a text: the n-grams of all examples, and those of
// characters as well unless the text is long. Measured: 40 MB for 1 MB of short texts, 310 MB for 7 MB, 550 MB
// for 34 MB of long ones.
func linearMemory(text int64) int64 {
	const words, chars, mostChars = 20, 30, 300 << 20
	text = min(text, 1<<40)
	return words*text + min(chars*text, mostChars)
}

// postpone gives a job back for which there is no room.
func (s *Service) postpone(ctx context.Context, c *claim) {
	ctx = context.WithoutCancel(ctx)
	var err error
	if c.job.SecondaryStatus != Pending {
		err = s.update(ctx, c, func(job *Job) error {
			if job.TrainingJobStatus == InProgress {
				job.enter(Pending, "Training job waiting for capacity", s.Now())
			}
			return nil
		})
	}
	if err == nil {
		err = s.jobs.Release(ctx, c.Name, c.Owner)
	}
	if err != nil && !errors.Is(err, jobs.ErrLeaseLost) {
		s.Log.ErrorContext(ctx, "a training job that waits can't be given back; it is looked at when its lease ends", "job", c.Name, "error", fmt.Sprint(err))
	}
}
