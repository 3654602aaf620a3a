package fasttext

import (
	"context"
	"slices"
	"sync"
)

// run runs trials until time or their number is up.
func (s *search) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limited := ctx
	if s.opt.Duration > 0 {
		var stop context.CancelFunc
		limited, stop = context.WithTimeout(ctx, s.opt.Duration-s.elapsed())
		defer stop()
	}
	slots := make(chan struct{}, s.opt.Thread)
	ended := map[int]chan struct{}{}
	var running sync.WaitGroup
	defer running.Wait()
	for n := 1; ctx.Err() == nil && (s.opt.Trials == 0 || n <= s.opt.Trials); n++ {
		end := make(chan struct{})
		ended[n] = end
		if s.known(n) {
			close(end)
			continue
		}
		// With a number of trials, what a trial builds on must not depend on which
		// of the earlier ones happen to be ready: it is all but the last few.
		if wait := n - s.lag(); s.opt.Trials > 0 && wait > 0 {
			<-ended[wait]
		}
		slots <- struct{}{}
		seen := s.seen(n)
		args, ok := s.propose(n, seen)
		if !ok || limited.Err() != nil && (s.bestOf() != nil || n > len(openings)) {
			break
		}
		running.Go(func() {
			defer func() { <-slots; close(end) }()
			trialCtx, stop := limited, func() {}
			if n == 1 || limited.Err() != nil { // there must be one result
				trialCtx, stop = s.untilResult(ctx, limited)
			}
			defer stop()
			if err := s.trial(trialCtx, n, args, seen); err != nil {
				s.fail(err)
				cancel()
			}
		})
	}
	running.Wait()
	if s.failure != nil {
		return s.failure
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.bestOf() == nil {
		return ErrDiverged
	}
	return nil
}

// untilResult returns a context that ends with limited only if there is a result by then.
func (s *search) untilResult(ctx, limited context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(limited, func() {
		if s.bestOf() != nil {
			cancel()
		}
	})
	return ctx, cancel
}

// lag is how many trials before it a trial knows nothing of.
func (s *search) lag() int { return 2 * s.opt.Thread }

func (s *search) known(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done[n] != nil
}

func (s *search) bestOf() *Trial {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.best
}

func (s *search) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = err
	}
}

// seen returns the trials that trial n may build on, the best first.
func (s *search) seen(n int) []*Trial {
	s.mu.Lock()
	defer s.mu.Unlock()
	var seen []*Trial
	for i, t := range s.done {
		if s.opt.Trials == 0 || i <= n-s.lag() {
			seen = append(seen, t)
		}
	}
	slices.SortFunc(seen, compareTrials)
	return seen
}

// record keeps what came of a trial.
func (s *search) record(t *Trial, m *Model) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Elapsed = s.elapsed().Seconds()
	s.done[t.Number] = t
	if !t.Diverged && !t.Stopped && (s.best == nil || compareTrials(t, s.best) < 0) {
		t.Best, s.best, s.model = true, t, m
	}
	if s.log != nil {
		if err := s.log.add(t); err != nil {
			return err
		}
	}
	if s.opt.OnTrial != nil {
		s.opt.OnTrial(*t)
	}
	return nil
}
