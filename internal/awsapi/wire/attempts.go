package wire

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// Bounds of Attempts.
const (
	attemptsBurst   = 50               // failures that a source may make at once
	attemptsEvery   = time.Second      // after which it may make another
	attemptsSources = 16 << 10         // sources that are remembered
	attemptsForget  = 10 * time.Minute // after which all are looked through
)

// Attempts counts the failed attempts of each source to prove who it is. A
// source that fails too often is told to slow down and no more, until a minute
// has brought it some attempts back; what it sends with a valid signature goes
// through all the same, since others may be behind the same address.
type Attempts struct {
	mu      sync.Mutex
	sources map[netip.Prefix]bucket
	swept   time.Time
	now     func() time.Time
}

// bucket has as many attempts as seconds have passed since full, at most
// attemptsBurst.
type bucket struct{ empty time.Time }

// NewAttempts returns an empty count. now may be nil.
func NewAttempts(now func() time.Time) *Attempts {
	if now == nil {
		now = time.Now
	}
	return &Attempts{sources: map[netip.Prefix]bucket{}, now: now}
}

// failed counts a failure and reports whether the source may know why.
func (a *Attempts) failed(r *http.Request) bool {
	source := sourceOf(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	a.sweep(now)
	b, known := a.sources[source]
	if !known && len(a.sources) >= attemptsSources {
		return true // to forget another would let it begin anew
	}
	// empty is when the bucket would have been empty: it has (now-empty)/every.
	if least := now.Add(-attemptsBurst * attemptsEvery); b.empty.Before(least) {
		b.empty = least
	}
	if now.Sub(b.empty) < attemptsEvery {
		return false
	}
	b.empty = b.empty.Add(attemptsEvery)
	a.sources[source] = b
	return true
}

// sweep forgets sources whose bucket is full again.
func (a *Attempts) sweep(now time.Time) {
	if now.Sub(a.swept) < attemptsForget && len(a.sources) < attemptsSources {
		return
	}
	if now.Sub(a.swept) < attemptsEvery {
		return
	}
	a.swept = now
	for source, b := range a.sources {
		if now.Sub(b.empty) >= attemptsBurst*attemptsEvery {
			delete(a.sources, source)
		}
	}
}

// sourceOf is the client's address; of IPv6 the network of 64 bits, which one
// client has to itself.
func sourceOf(r *http.Request) netip.Prefix {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := addr.Addr().Unmap().WithZone(""), 32
	if ip.Is6() {
		bits = 64
	}
	prefix, _ := ip.Prefix(bits) // bits fit
	return prefix
}

func errAttempts() error {
	return errs.New(errs.Throttled, "", "Too many requests from this address could not be authenticated. Check the access key and wait a minute.")
}
