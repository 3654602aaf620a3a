package function

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/store"
)

// Limits of events that nobody waits for the answer of.
const (
	MaxEvent     = 1 << 20 // bytes
	maxQueued    = 1000    // that wait or run
	maxTries     = 3       // of one whose function fails, as in AWS Lambda
	queueWorkers = 8
)

// queue keeps events until their functions have run. An event is on disk when
// it is accepted, and forgotten when its function has answered: a server that is
// killed in between runs it again.
type queue struct {
	events  *store.Collection[queued]
	owners  *jobs.Owners
	wake    chan struct{}
	waiting atomic.Int64
	now     func() time.Time
	retry   time.Duration // before the second try; before the third, twice that
	poll    time.Duration // between looks for events to be tried again
}

// queued is an event as it is kept, under the id of the request that brought it.
type queued struct {
	Function string          `json:"function"`
	Event    json.RawMessage `json:"event,omitempty"`
	Tries    int             `json:"tries,omitempty"`
}

func newQueue(db *store.DB) *queue {
	return &queue{
		events: store.NewCollection[queued](db, "function-event"), owners: jobs.NewOwners(), wake: make(chan struct{}, 1),
		now: time.Now, retry: time.Minute, poll: time.Second,
	}
}

// Enqueue accepts an event for a function that runs later, as Call would run it.
// What it answers is not kept; a function that fails is tried three times.
func (s *Service) Enqueue(ctx context.Context, function, request string, event []byte) error {
	if err := s.Callable(ctx, function, event); err != nil {
		return err
	}
	if len(event) > MaxEvent {
		return errs.New(errs.TooLarge, "RequestTooLargeException", "%d byte payload is too large for the Event invocation type (limit %d bytes)", len(event), MaxEvent)
	}
	if s.queue.waiting.Add(1) > maxQueued {
		s.queue.waiting.Add(-1)
		return errs.New(errs.Throttled, "TooManyRequestsException", "Rate Exceeded: %d events wait already.", maxQueued)
	}
	_, err := s.queue.events.Create(ctx, store.Record[queued]{Name: request, Due: s.queue.now(), Doc: queued{Function: function, Event: event}})
	if err != nil {
		s.queue.waiting.Add(-1)
		return err
	}
	jobs.Signal(s.queue.wake)
	return nil
}

// Run runs the functions of accepted events until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	slots := make(chan struct{}, queueWorkers)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		owner := s.queue.owners.Next()
		r, ok, err := s.queue.events.Claim(ctx, owner, 2*Timeout)
		if ok {
			all.Go(func() {
				defer func() { <-slots }()
				s.answer(ctx, owner, r)
			})
			continue
		}
		<-slots
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "functions: the next event can't be read", "error", err)
		}
		if !s.queue.sleep(ctx) {
			return nil
		}
	}
}

// count finds the events that wait since before the server started.
func (q *queue) count(ctx context.Context) error {
	for query := (store.Query{Order: store.ByName, Limit: 1000, Members: []string{}}); ; {
		page, next, err := q.events.List(ctx, query)
		if err != nil {
			return err
		}
		q.waiting.Add(int64(len(page)))
		if query.Token = next; next == "" {
			return nil
		}
	}
}

// sleep waits for the next event, or for one to be tried again. It returns false
// when ctx ends.
func (q *queue) sleep(ctx context.Context) bool {
	var again <-chan time.Time
	if q.waiting.Load() > 0 {
		timer := time.NewTimer(q.poll)
		defer timer.Stop()
		again = timer.C
	}
	select {
	case <-q.wake:
	case <-again:
	case <-ctx.Done():
		return false
	}
	return true
}

// answer runs the function of an event, and forgets the event or puts it off.
func (s *Service) answer(ctx context.Context, owner string, r store.Record[queued]) {
	out, err := s.run(iam.WithRequest(ctx, iam.RequestInfo{RequestID: r.Name, Time: s.queue.now()}), r.Doc.Function, r.Name, r.Doc.Event)
	if ctx.Err() != nil {
		_ = s.queue.events.Release(context.WithoutCancel(ctx), r.Name, owner) // else the lease runs out
		return
	}
	tries, wait := r.Doc.Tries, s.queue.poll
	if err == nil {
		tries++
		wait = s.queue.retry * time.Duration(tries)
	}
	if err != nil || out.Failed && tries < maxTries {
		_, err = s.queue.events.UpdateLeased(ctx, r.Name, owner, func(r *store.Record[queued]) error {
			r.Doc.Tries, r.Due = tries, s.queue.now().Add(wait)
			return nil
		})
		if err == nil {
			err = s.queue.events.Release(ctx, r.Name, owner)
		}
	} else {
		if out.Failed {
			s.log.ErrorContext(ctx, "functions: an event is given up", "function", r.Doc.Function, "request_id", r.Name, "tries", tries)
		}
		if _, err = s.queue.events.Delete(ctx, r.Name, nil); err == nil {
			s.queue.waiting.Add(-1)
		}
	}
	if err != nil {
		s.log.ErrorContext(ctx, "functions: the state of an event can't be stored", "request_id", r.Name, "error", err)
	}
}
