package transform

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// jobLog is the two log streams of a job: what the model's server would say, and
// what SageMaker says about the data.
type jobLog struct {
	model, data *telemetry.LogWriter
	now         func() time.Time
}

// openLog continues the streams, or begins them.
func (s *Service) openLog(ctx context.Context, stream string) (*jobLog, error) {
	model, err := s.openStream(ctx, stream)
	if err != nil {
		return nil, err
	}
	data, err := s.openStream(ctx, stream+"/data-log")
	if err != nil {
		return nil, errors.Join(err, model.Close())
	}
	return &jobLog{model, data, s.Now}, nil
}

// openStream returns a writer of one stream. Stamps never go back, so that a
// reader who follows it misses no line although the clock was set.
func (s *Service) openStream(ctx context.Context, stream string) (*telemetry.LogWriter, error) {
	if err := s.DB.AppendLog(ctx, LogGroup, stream, nil); err != nil {
		return nil, err
	}
	before, err := s.DB.Logs(ctx, store.LogQuery{Group: LogGroup, Streams: []string{stream}, Backward: true, Limit: 1})
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
		err := s.DB.AppendLog(ctx, LogGroup, stream, events)
		if err == nil {
			last = at
		}
		return err
	}
	return telemetry.NewLogWriter(write, s.Now), nil
}

// said writes a line as the model's server does.
func (l *jobLog) said(format string, args ...any) { fmt.Fprintf(l.model, format+"\n", args...) }

// note writes a line about the data, in SageMaker's form.
func (l *jobLog) note(format string, args ...any) {
	fmt.Fprintf(l.data, "%s:[sagemaker logs]: %s\n", l.now().UTC().Format("2006-01-02T15:04:05.000"), fmt.Sprintf(format, args...))
}

// close stores what is left.
func (l *jobLog) close() error { return errors.Join(l.model.Close(), l.data.Close()) }
