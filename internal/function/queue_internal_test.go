package function

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// asked is an endpoint that counts what it is asked, and answers as told.
type asked struct {
	mu     sync.Mutex
	bodies []string
	answer func(ctx context.Context, body string) error
}

func (a *asked) InService(context.Context, int) ([]string, error) { return []string{"one"}, nil }

func (a *asked) InvokeEndpoint(ctx context.Context, _, _ string, body []byte) ([]byte, error) {
	a.mu.Lock()
	a.bodies = append(a.bodies, string(body))
	a.mu.Unlock()
	if err := a.answer(ctx, string(body)); err != nil {
		return nil, err
	}
	return []byte(`[{"label": ["__label__Artist"], "prob": [0.966]}]`), nil
}

func (a *asked) count(text string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, body := range a.bodies {
		if strings.Contains(body, text) {
			n++
		}
	}
	return n
}

type everyone struct{}

func (everyone) Authorize(context.Context, string, string) error { return nil }

// mustOpen is the service over a database that may be there already.
func mustOpen(t *testing.T, file string, a *asked) *Service {
	t.Helper()
	db, err := store.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.ReleaseLeases(t.Context()); err != nil {
		t.Fatal(err)
	}
	policies, err := NewPolicies(t.Context(), db, "us-east-1", "111122223333")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewService(t.Context(), Options{Registry: NewRegistry(a, nil), Policies: policies, Authorizer: everyone{}, Endpoints: a, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.queue.retry, s.queue.poll = time.Millisecond, 5*time.Millisecond
	return s
}

// run runs the queue until the function that it returns is called.
func run(t *testing.T, s *Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestQueuedEvents(t *testing.T) {
	t.Parallel()
	a := &asked{answer: func(_ context.Context, body string) error {
		switch {
		case strings.Contains(body, "fault"):
			return errors.New("the disk is on fire")
		case strings.Contains(body, "panic"):
			panic("index out of range")
		}
		return nil
	}}
	s := mustOpen(t, filepath.Join(t.TempDir(), "db"), a)
	for _, text := range []string{"good", "fault", "panic"} {
		if err := s.Enqueue(t.Context(), Classify, "request-"+text, []byte(`{"body": "`+text+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if a.count("") != 0 {
		t.Error("an event is answered before it may be")
	}
	run(t, s)
	waitFor(t, "the end of all events", func() bool { return s.queue.waiting.Load() == 0 })
	for text, want := range map[string]int{"good": 1, "fault": maxTries, "panic": maxTries} {
		if n := a.count(text); n != want {
			t.Errorf("%s ran %d times, want %d", text, n, want)
		}
	}
	if left, _, err := s.queue.events.List(t.Context(), store.Query{}); err != nil || len(left) != 0 {
		t.Errorf("%d events are left (%v)", len(left), err)
	}
	s.queue.waiting.Store(maxQueued)
	if err := s.Enqueue(t.Context(), Classify, "r", nil); !errs.Is(err, errs.Throttled) {
		t.Errorf("one too many: %v", err)
	}
}

// TestQueuedEventsOutliveTheServer stops it while a function runs, and before
// another one begins.
func TestQueuedEventsOutliveTheServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "db")
	slow := &asked{answer: func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	s := mustOpen(t, file, slow)
	stop := run(t, s)
	for _, text := range []string{"first", "second"} {
		if err := s.Enqueue(t.Context(), Classify, "request-"+text, []byte(`{"body": "`+text+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the first run", func() bool { return slow.count("first") == 1 })
	stop()
	again := &asked{answer: func(context.Context, string) error { return nil }}
	s = mustOpen(t, file, again)
	if n := s.queue.waiting.Load(); n != 2 {
		t.Errorf("%d events wait", n)
	}
	run(t, s)
	waitFor(t, "both", func() bool { return s.queue.waiting.Load() == 0 })
	if again.count("first") != 1 || again.count("second") != 1 {
		t.Errorf("asked were %q", again.bodies)
	}
}
