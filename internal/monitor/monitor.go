// Package monitor keeps the metrics that the server and its users publish, and
// the alarms that watch them, in CloudWatch's terms.
//
// It guarantees: what PutMetricData took is on disk when it returns; what the
// server counts itself is written once a minute, and when Run ends, so that a
// killed server loses the last minute at most; an alarm changes its state in one
// transaction with its history. Statistics stay for 15 days by the minute, for 63
// by five minutes and for 455 by the hour. Nothing here is called while an
// endpoint answers.
//
// docs/metrics.md is what users see.
package monitor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// Authorizer decides whether the principal of ctx may perform an action.
type Authorizer interface {
	Authorize(ctx context.Context, action, resource string) error
}

// Source tells what it has counted since it was asked last.
type Source func(tell func(telemetry.Sample))

// Options are what a Service is made of. Those without a remark are required.
type Options struct {
	DB         *store.DB
	Authorizer Authorizer
	Region     string
	AccountID  string
	Sources    []Source                                        // asked every 10 seconds; may be nil
	Notify     func(ctx context.Context, n Notification) error // delivers alarms' actions; nil: nobody does
	Now        func() time.Time                                // nil means time.Now
	Log        *slog.Logger                                    // nil means slog.Default()
}

// Service is the metrics and alarms of one account. Its methods are safe for
// concurrent use. Sources are asked and alarms evaluated only while Run runs.
type Service struct {
	Options
	alarms *store.Collection[alarmDoc]

	mu      sync.Mutex
	counted map[seriesMinute]*telemetry.Statistics // what sources told and is not written yet

	ticking sync.Mutex // one Tick at a time
	notices sync.WaitGroup
	tidied  time.Time
}

// seriesMinute is a series and when a minute of it began, in seconds since 1970.
type seriesMinute struct {
	store.MetricSeries
	at int64
}

// New returns a Service. It starts nothing.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Authorizer == nil || o.Region == "" || o.AccountID == "" {
		return nil, errors.New("monitor: DB, Authorizer, Region and AccountID are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Service{
		Options: o,
		alarms:  store.NewCollection[alarmDoc](o.DB, "alarm"),
		counted: map[seriesMinute]*telemetry.Statistics{},
	}, nil
}

// step is how often sources are asked and alarms of short periods evaluated.
const step = 10 * time.Second

// Run asks the sources and evaluates the alarms until ctx ends, and then writes
// what is left. Call it once.
func (s *Service) Run(ctx context.Context) error {
	for {
		now := s.Now()
		next := now.Truncate(step).Add(step)
		select {
		case <-time.After(next.Sub(now)):
			s.Tick(ctx, s.Now())
			continue
		case <-ctx.Done():
		}
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		s.ticking.Lock()
		defer s.ticking.Unlock()
		s.ask(s.Now())
		s.write(last)
		s.notices.Wait()
		return nil
	}
}

// Tick does what is to be done every 10 seconds: it asks the sources and
// evaluates the alarms whose periods end then. At the end of a minute it writes
// what was counted. Run calls it.
func (s *Service) Tick(ctx context.Context, now time.Time) {
	s.ticking.Lock()
	defer s.ticking.Unlock()
	now = now.Truncate(step)
	s.ask(now.Add(-time.Nanosecond))
	whole := now.Equal(now.Truncate(time.Minute))
	if whole {
		s.write(ctx)
	}
	s.evaluateAll(ctx, now, whole)
	if now.Sub(s.tidied) >= tidyEvery {
		s.tidied = now
		s.tidy(ctx, now)
	}
}

// ask gathers what the sources have counted up to a time.
func (s *Service) ask(upTo time.Time) {
	at := upTo.Truncate(time.Minute).Unix()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, source := range s.Sources {
		source(func(sample telemetry.Sample) {
			if sample.Count == 0 {
				return
			}
			metric := Metric{sample.Namespace, sample.Name, sample.Dimensions}
			key := seriesMinute{store.MetricSeries{Namespace: sample.Namespace, Name: sample.Name,
				Dimensions: metric.dimensions(), Unit: unitOr(sample.Unit)}, at}
			if have := s.counted[key]; have != nil {
				have.Merge(sample.Statistics)
			} else {
				s.counted[key] = &sample.Statistics
			}
		})
	}
}

// writeBatch is how many points one transaction writes, so that others get their turn.
const writeBatch = 500

// write puts what was gathered. What can't be put stays for the next time.
func (s *Service) write(ctx context.Context) {
	s.mu.Lock()
	counted := s.counted
	s.counted = map[seriesMinute]*telemetry.Statistics{}
	s.mu.Unlock()
	var batch []store.Measured
	var keys []seriesMinute
	put := func() {
		if err := s.DB.PutMetrics(ctx, batch, mergePoints); err != nil {
			s.Log.ErrorContext(ctx, "metrics can't be written; they are kept for the next minute", "error", err)
			s.keep(keys, counted)
		}
		batch, keys = batch[:0], keys[:0]
	}
	for key, statistics := range counted {
		batch, keys = append(batch, store.Measured{MetricSeries: key.MetricSeries, MetricPoint: pointOf(*statistics, 60, key.at)}), append(keys, key)
		if len(batch) == writeBatch {
			put()
		}
	}
	if len(batch) > 0 {
		put()
	}
}

// maxKept bounds what waits for a database that fails.
const maxKept = 100_000

func (s *Service) keep(keys []seriesMinute, counted map[seriesMinute]*telemetry.Statistics) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if have := s.counted[key]; have != nil {
			have.Merge(*counted[key])
		} else if len(s.counted) < maxKept {
			s.counted[key] = counted[key]
		}
	}
}

func pointOf(v telemetry.Statistics, span, at int64) store.MetricPoint {
	return store.MetricPoint{Span: span, At: at, Count: v.Count, Sum: v.Sum, Min: v.Min, Max: v.Max, Sketch: v.Sketch.Bytes()}
}

func statisticsOf(p store.MetricPoint) (telemetry.Statistics, error) {
	sketch, err := telemetry.ParseSketch(p.Sketch)
	return telemetry.Statistics{Count: p.Count, Sum: p.Sum, Min: p.Min, Max: p.Max, Sketch: sketch}, err
}

func mergePoints(have, more store.MetricPoint) (store.MetricPoint, error) {
	a, err := statisticsOf(have)
	if err != nil {
		return have, err
	}
	b, err := statisticsOf(more)
	if err != nil {
		return have, err
	}
	a.Merge(b)
	merged := pointOf(a, have.Span, have.At)
	merged.Series = have.Series
	return merged, nil
}
