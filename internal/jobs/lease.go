package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// ErrLeaseLost means that another process may have the job by now.
var ErrLeaseLost = errors.New("the lease was lost")

// A Lease is that on one job. All members but Renewed are required.
type Lease struct {
	Kind        string // of the work, for the log: "training job"
	Name, Owner string
	TTL         time.Duration
	Renew       func(ctx context.Context, name, owner string, ttl time.Duration) error // of a store.Collection
	Renewed     func()                                                                 // is called each time it was renewed; may be nil
	Log         *slog.Logger
}

// Keep renews the lease until ctx ends. If it is lost, it calls lost and returns.
func (l *Lease) Keep(ctx context.Context, lost func()) {
	tick := time.NewTicker(l.TTL / 4)
	defer tick.Stop()
	held := time.Now() // the lease runs on the wall clock, whatever clock the service has
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		at := time.Now()
		err := l.Renew(ctx, l.Name, l.Owner, l.TTL)
		switch {
		case err == nil:
			held = at
			if l.Renewed != nil {
				l.Renewed()
			}
		case ctx.Err() != nil:
			return
		case errs.Is(err, errs.Conflict), time.Since(held) > l.TTL:
			lost()
			return
		default:
			l.Log.ErrorContext(ctx, "the lease of a "+l.Kind+" can't be renewed", "name", l.Name, "error", err)
		}
	}
}

// Insist writes down how the job ended: it calls record until that succeeds or the lease is over, since the
// database and the disk may recover. It reports whether record succeeded. Without its end on record the job
// is taken up again.
func (l *Lease) Insist(ctx context.Context, record func() error) bool {
	deadline := time.Now().Add(l.TTL)
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		err := record()
		switch {
		case err == nil:
			return true
		case errors.Is(err, ErrLeaseLost), errs.Is(err, errs.NotFound):
			return false
		}
		l.Log.ErrorContext(ctx, "the end of a "+l.Kind+" can't be recorded", "name", l.Name, "error", err)
		if time.Now().Add(pause).After(deadline) {
			return false
		}
		time.Sleep(pause)
	}
}
