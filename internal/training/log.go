package training

import (
	"context"
	"fmt"
	"time"

	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
	"github.com/heliograph/heliograph/internal/training/trainer"
)

// jobLog writes the log stream of one job.
type jobLog struct {
	lines *telemetry.LogWriter
	now   func() time.Time
}

// openLog continues the stream, or begins it. Stamps never go back, so that a
// reader who follows the stream misses no line although the clock was set.
func (s *Service) openLog(ctx context.Context, stream string) (*jobLog, error) {
	if err := s.DB.AppendLog(ctx, LogGroup, stream, nil); err != nil {
		return nil, err
	}
	var last time.Time
	before, err := s.DB.Logs(ctx, store.LogQuery{Group: LogGroup, Streams: []string{stream}, Backward: true, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(before) > 0 {
		last = before[0].At
	}
	write := func(ctx context.Context, lines []telemetry.Line) error {
		events := make([]store.LogEvent, len(lines))
		at := last
		for i, line := range lines {
			if line.At.After(at) {
				at = line.At
			}
			events[i] = store.LogEvent{At: at, Message: line.Text}
		}
		err := s.DB.AppendLog(ctx, LogGroup, stream, events)
		if err == nil {
			last = at
		}
		return err
	}
	return &jobLog{telemetry.NewLogWriter(write, s.Now), s.Now}, nil
}

// printf writes one line.
func (l *jobLog) printf(format string, args ...any) {
	fmt.Fprintf(l.lines, format+"\n", args...)
}

// info writes a line as BlazingText's Python side words it, with time, level
// and a number where that has its thread's.
func (l *jobLog) info(format string, args ...any) { l.leveled("INFO", format, args...) }

func (l *jobLog) warn(format string, args ...any) { l.leveled("WARNING", format, args...) }

func (l *jobLog) leveled(level, format string, args ...any) {
	l.printf("%s", trainer.Stamp(l.now(), level, format, args...))
}

// close stores what is left.
func (l *jobLog) close() error { return l.lines.Close() }
