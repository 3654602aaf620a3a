package serving

import (
	"context"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/store"
)

// backlog is the asynchronous requests that wait, by endpoint and in the order of
// their arrival. The records hold what they are.
type backlog struct {
	wake chan struct{}

	mu      sync.Mutex
	waiting map[*live][]waiting
	running map[*live]int
}

type waiting struct {
	id      string
	expires time.Time
	since   time.Time
}

func newBacklog() *backlog {
	return &backlog{wake: make(chan struct{}, 1), waiting: map[*live][]waiting{}, running: map[*live]int{}}
}

func (b *backlog) add(l *live, w waiting) {
	b.mu.Lock()
	b.waiting[l] = append(b.waiting[l], w)
	b.mu.Unlock()
	b.notify()
}

func (b *backlog) notify() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// drop forgets what waits for an endpoint and returns it.
func (b *backlog) drop(l *live) []waiting {
	b.mu.Lock()
	defer b.mu.Unlock()
	dropped := b.waiting[l]
	delete(b.waiting, l)
	return dropped
}

// take removes what can be begun now: as much as each endpoint may answer at once,
// and what has expired.
func (b *backlog) take(now time.Time) map[*live][]waiting {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := map[*live][]waiting{}
	for l, queue := range b.waiting {
		limit := 0
		if set := l.state.Load().choose(); set != nil {
			limit = set.asyncLimit
		}
		n := 0
		for n < len(queue) && (b.running[l]+n < limit || now.After(queue[n].expires)) {
			n++
		}
		if n == 0 {
			continue
		}
		taken[l] = queue[:n]
		b.running[l] += n
		if b.waiting[l] = queue[n:]; n == len(queue) {
			delete(b.waiting, l)
		}
	}
	return taken
}

func (b *backlog) done(l *live) {
	b.mu.Lock()
	if b.running[l]--; b.running[l] == 0 {
		delete(b.running, l)
	}
	b.mu.Unlock()
	b.notify()
}

// restoreBacklog finds the requests that wait since before the server started.
func (s *Service) restoreBacklog(ctx context.Context) error {
	for q := (store.Query{Order: store.ByCreated, Limit: 1000}); ; {
		page, next, err := s.requests.List(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range page {
			l := s.table.lookup(r.Doc.Endpoint)
			if l == nil || !l.created.Equal(r.Doc.Created) || l.state.Load().status == Deleting {
				s.forgetRequest(ctx, r.Name)
				continue
			}
			s.backlog.add(l, waiting{r.Name, r.Doc.Expires, r.Created})
		}
		if q.Token = next; next == "" {
			return nil
		}
	}
}

// runBacklog answers requests as their turns come, until ctx ends.
func (s *Service) runBacklog(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	slots := make(chan struct{}, s.opt.AsyncConcurrency)
	for {
		for l, requests := range s.backlog.take(time.Now()) {
			for _, w := range requests {
				all.Go(func() {
					defer s.backlog.done(l)
					select {
					case slots <- struct{}{}:
						defer func() { <-slots }()
					case <-ctx.Done():
						return
					}
					if again := s.answerAsync(ctx, l, w.id); again > 0 && ctx.Err() == nil {
						time.AfterFunc(again, func() { s.backlog.add(l, w) })
					}
				})
			}
		}
		timer := time.NewTimer(pollPause) // requests expire, and models get loaded
		select {
		case <-s.backlog.wake:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// dropBacklog forgets the requests that wait for an endpoint that is deleted.
func (s *Service) dropBacklog(ctx context.Context, l *live) {
	for _, w := range s.backlog.drop(l) {
		s.forgetRequest(ctx, w.id)
	}
}
