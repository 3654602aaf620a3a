package wire

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestAttempts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	a := NewAttempts(func() time.Time { return now })
	from := func(addr string) *http.Request { return &http.Request{RemoteAddr: addr} }
	try := func(addr string, n int) (known int) {
		for range n {
			if a.failed(from(addr)) {
				known++
			}
		}
		return known
	}
	if got := try("192.0.2.1:1", 100); got != attemptsBurst {
		t.Errorf("%d of 100 failures were answered", got)
	}
	if got := try("192.0.2.1:2", 10); got != 0 {
		t.Errorf("another port got %d", got)
	}
	if got := try("192.0.2.2:1", 10); got != 10 {
		t.Errorf("another address got %d", got)
	}
	now = now.Add(5 * time.Second)
	if got := try("192.0.2.1:1", 10); got != 5 {
		t.Errorf("after 5 seconds %d", got)
	}
	now = now.Add(time.Hour)
	if got := try("192.0.2.1:1", 100); got != attemptsBurst {
		t.Errorf("after an hour %d", got)
	}
	if got := try("[2001:db8::1]:1", attemptsBurst); got != attemptsBurst {
		t.Errorf("IPv6: %d", got)
	}
	if got := try("[2001:db8::2]:1", 1); got != 0 {
		t.Error("another address of the same network begins anew")
	}
	if got := try("[::ffff:192.0.2.1]:1", 1); got != 0 {
		t.Error("an IPv4 address in IPv6 begins anew")
	}
	for i := range 2 * attemptsSources {
		a.failed(from(fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xffff)))
	}
	if n := len(a.sources); n > attemptsSources {
		t.Errorf("%d sources are remembered", n)
	}
	now = now.Add(time.Hour)
	a.failed(from("192.0.2.9:1"))
	if n := len(a.sources); n != 1 {
		t.Errorf("%d sources are remembered after an hour", n)
	}
}
