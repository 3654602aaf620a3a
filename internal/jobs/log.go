package jobs

import (
	"context"
	"time"

	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// OpenLog continues a log stream, or begins it. Stamps never go back, so that a
// reader who follows the stream misses no line although the clock was set.
func OpenLog(ctx context.Context, db *store.DB, group, stream string, now func() time.Time) (*telemetry.LogWriter, error) {
	if err := db.AppendLog(ctx, group, stream, nil); err != nil {
		return nil, err
	}
	before, err := db.Logs(ctx, store.LogQuery{Group: group, Streams: []string{stream}, Backward: true, Limit: 1})
	if err != nil {
		return nil, err
	}
	var last time.Time
	if len(before) > 0 {
		last = before[0].At
	}
	write := func(ctx context.Context, lines []telemetry.Line) error {
		events, at := make([]store.LogEvent, len(lines)), last
		for i, line := range lines {
			if line.At.After(at) {
				at = line.At
			}
			events[i] = store.LogEvent{At: at, Message: line.Text}
		}
		err := db.AppendLog(ctx, group, stream, events)
		if err == nil {
			last = at
		}
		return err
	}
	return telemetry.NewLogWriter(write, now), nil
}
