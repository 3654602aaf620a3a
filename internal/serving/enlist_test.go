package serving

import (
	"context"
	"testing"
)

// Work on an endpoint ends a little after it has written what came of it, when the next work may already
// be under way: that must not become deaf to a deletion by it.
func TestInterruptReachesTheNextWork(t *testing.T) {
	t.Parallel()
	s := &Service{cancel: map[string]*context.CancelFunc{}}
	first, cancelFirst := context.WithCancel(t.Context())
	second, cancelSecond := context.WithCancel(t.Context())
	leaveFirst := s.enlist("Endpoint", cancelFirst)
	leaveSecond := s.enlist("endpoint", cancelSecond)
	leaveFirst()
	s.interrupt("ENDPOINT")
	if second.Err() == nil {
		t.Error("the work under way was not interrupted")
	}
	if first.Err() != nil {
		t.Error("the work that had ended was interrupted")
	}
	leaveSecond()
	s.interrupt("endpoint") // nobody is left
	if len(s.cancel) != 0 {
		t.Errorf("%d entries are left", len(s.cancel))
	}
}
