package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

// A lease is kept while it is renewed or the store fails in passing, and lost when another owner has it, or
// when the failure lasts as long as the lease.
func TestLeaseKeep(t *testing.T) {
	t.Parallel()
	const ttl = 4 * time.Second
	passing := errors.New("the disk is busy")
	for _, c := range []struct {
		name    string
		answers []error // of the renewals, one a second; the last goes on
		lost    time.Duration
	}{
		{"renewed", []error{nil}, 0},
		{"taken by another", []error{nil, nil, errs.New(errs.Conflict, "", "not yours")}, 3 * time.Second},
		{"fails for a while", []error{nil, passing, passing, nil}, 0},
		{"fails for good", []error{nil, passing}, 6 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began, calls, renewed := time.Now(), 0, 0
				l := jobs.Lease{Kind: "job", Name: "one", Owner: "me", TTL: ttl, Log: slog.New(slog.DiscardHandler),
					Renewed: func() { renewed++ },
					Renew: func(_ context.Context, name, owner string, got time.Duration) error {
						if name != "one" || owner != "me" || got != ttl {
							t.Errorf("renewed %s of %s for %v", name, owner, got)
						}
						calls++
						return c.answers[min(calls, len(c.answers))-1]
					}}
				lost := time.Duration(0)
				l.Keep(ctx, func() { lost = time.Since(began) })
				if lost != c.lost {
					t.Errorf("lost after %v, want %v", lost, c.lost)
				}
				if c.lost == 0 && time.Since(began) != time.Minute {
					t.Errorf("given up after %v", time.Since(began))
				}
				if renewed == 0 || renewed > calls {
					t.Errorf("told of %d of %d renewals", renewed, calls)
				}
			})
		})
	}
}

func TestLeaseInsist(t *testing.T) {
	t.Parallel()
	passing := errors.New("the disk is full")
	for _, c := range []struct {
		name    string
		answers []error
		want    bool
		calls   int
	}{
		{"at once", []error{nil}, true, 1},
		{"after the disk recovered", []error{passing, passing, nil}, true, 3},
		{"lost", []error{passing, jobs.ErrLeaseLost}, false, 2},
		{"deleted", []error{errs.New(errs.NotFound, "", "gone")}, false, 1},
		{"never", []error{passing}, false, 6}, // 50, 150, 350, 750, 1550 ms; the next would be after the lease
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				l := jobs.Lease{Kind: "job", Name: "one", TTL: 2 * time.Second, Log: slog.New(slog.DiscardHandler)}
				got := l.Insist(t.Context(), func() error {
					calls++
					return c.answers[min(calls, len(c.answers))-1]
				})
				if got != c.want || calls != c.calls {
					t.Errorf("%v after %d calls, want %v after %d", got, calls, c.want, c.calls)
				}
			})
		})
	}
}
