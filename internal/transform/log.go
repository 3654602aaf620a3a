package transform

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heliograph/heliograph/internal/jobs"
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
	model, err := jobs.OpenLog(ctx, s.DB, LogGroup, stream, s.Now)
	if err != nil {
		return nil, err
	}
	data, err := jobs.OpenLog(ctx, s.DB, LogGroup, stream+"/data-log", s.Now)
	if err != nil {
		return nil, errors.Join(err, model.Close())
	}
	return &jobLog{model, data, s.Now}, nil
}

// said writes a line as the model's server does.
func (l *jobLog) said(format string, args ...any) { fmt.Fprintf(l.model, format+"\n", args...) }

// note writes a line about the data, in SageMaker's form.
func (l *jobLog) note(format string, args ...any) {
	fmt.Fprintf(l.data, "%s:[sagemaker logs]: %s\n", l.now().UTC().Format("2006-01-02T15:04:05.000"), fmt.Sprintf(format, args...))
}

// close stores what is left.
func (l *jobLog) close() error { return errors.Join(l.model.Close(), l.data.Close()) }
