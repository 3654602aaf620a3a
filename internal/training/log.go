package training

import (
	"context"
	"fmt"
	"time"

	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/telemetry"
	"github.com/heliograph/heliograph/internal/training/trainer"
)

// jobLog writes the log stream of one job.
type jobLog struct {
	lines *telemetry.LogWriter
	now   func() time.Time
}

// openLog continues the stream, or begins it.
func (s *Service) openLog(ctx context.Context, stream string) (*jobLog, error) {
	lines, err := jobs.OpenLog(ctx, s.DB, LogGroup, stream, s.Now)
	return &jobLog{lines, s.Now}, err
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
