package serving

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/heliograph/heliograph/internal/store"
)

// journal writes the log streams of endpoints: what was loaded, and what models
// refused. Writing to it never waits; under a flood lines are dropped and counted.
type journal struct {
	db      *store.DB
	log     *slog.Logger
	lines   chan line
	dropped atomic.Int64
}

type line struct {
	group, stream string
	at            time.Time
	text          string
}

func newJournal(db *store.DB, log *slog.Logger) *journal {
	return &journal{db: db, log: log, lines: make(chan line, 512)}
}

// logGroup is the group of an endpoint's log streams.
func logGroup(endpoint string) string { return "/aws/sagemaker/Endpoints/" + endpoint }

func (j *journal) printf(endpoint, stream, format string, args ...any) {
	l := line{logGroup(endpoint), stream, time.Now(), fmt.Sprintf(format, args...)}
	select {
	case j.lines <- l:
	default:
		j.dropped.Add(1)
	}
}

// run writes lines until ctx ends, and then those that wait.
func (j *journal) run(ctx context.Context) {
	const pause = 100 * time.Millisecond // gathers a burst into one transaction
	for {
		select {
		case l := <-j.lines:
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
			j.write(l)
		case <-ctx.Done():
			select {
			case l := <-j.lines:
				j.write(l)
			default:
			}
			return
		}
	}
}

// write stores l and every line that waits behind it.
func (j *journal) write(l line) {
	type stream struct{ group, name string }
	events := map[stream][]store.LogEvent{}
	add := func(l line) {
		key := stream{l.group, l.stream}
		events[key] = append(events[key], store.LogEvent{At: l.at, Message: l.text})
	}
	add(l)
	for more := true; more; {
		select {
		case l := <-j.lines:
			add(l)
		default:
			more = false
		}
	}
	if n := j.dropped.Swap(0); n > 0 {
		j.log.Warn("log lines of endpoints were dropped: too many at once", "lines", n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := j.db.Tx(ctx, func(ctx context.Context) error {
		for key, events := range events {
			if err := j.db.AppendLog(ctx, key.group, key.name, events); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		j.log.Error("the log of endpoints could not be written", "error", err)
	}
}
