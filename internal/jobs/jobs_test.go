package jobs_test

import (
	"testing"

	"github.com/heliograph/heliograph/internal/jobs"
)

// Work ends a little after it has written what came of it, when the next work on the same name may already
// be under way: that must stay within reach.
func TestRunningKeepsTheNextWork(t *testing.T) {
	t.Parallel()
	var r jobs.Running[string]
	if _, ok := r.Get("endpoint"); ok {
		t.Error("there is work before any was entered")
	}
	leaveFirst := r.Enter("Endpoint", "first")
	leaveSecond := r.Enter("endpoint", "second")
	leaveFirst()
	if work, ok := r.Get("ENDPOINT"); !ok || work != "second" {
		t.Errorf("under way: %q, %v", work, ok)
	}
	leaveSecond()
	leaveSecond()
	if work, ok := r.Get("endpoint"); ok {
		t.Errorf("still under way: %q", work)
	}
}

func TestSignal(t *testing.T) {
	t.Parallel()
	c := make(chan struct{}, 1)
	jobs.Signal(c)
	jobs.Signal(c) // must not block
	<-c
	select {
	case <-c:
		t.Error("two signals were kept")
	default:
	}
}
