package monitor_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/monitor"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// house is a service with a clock that tests set.
type house struct {
	*monitor.Service
	t   testing.TB
	ctx context.Context
	db  *store.DB

	mu      sync.Mutex
	now     time.Time
	denied  string // an action
	samples []telemetry.Sample
	notices []monitor.Notification
}

// noon is when tests begin.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, ctx: context.Background(), now: noon}
	var err error
	if h.db, err = store.Open(h.ctx, filepath.Join(t.TempDir(), "db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.db.Close() })
	h.Service, err = monitor.New(monitor.Options{
		DB: h.db, Authorizer: h, Region: "us-east-1", AccountID: "111122223333", Now: h.clock, Log: slog.New(slog.DiscardHandler),
		Sources: []monitor.Source{func(tell func(telemetry.Sample)) {
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, s := range h.samples {
				tell(s)
			}
			h.samples = nil
		}},
		Notify: func(_ context.Context, n monitor.Notification) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.notices = append(h.notices, n)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) Authorize(_ context.Context, action, _ string) error {
	if action == h.denied {
		return errs.New(errs.Denied, "", "no")
	}
	return nil
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// tick lets time go on to at.
func (h *house) tick(at time.Time) {
	h.mu.Lock()
	h.now = at
	h.mu.Unlock()
	h.Tick(h.ctx, at)
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// put publishes one value of a metric in the namespace Test.
func (h *house) put(metric string, at time.Time, value float64) {
	h.t.Helper()
	h.must(h.PutMetricData(h.ctx, "Test", []monitor.Datum{{MetricName: metric, Timestamp: at, Value: &value}}))
}

func (h *house) state(alarm string) string {
	h.t.Helper()
	state, err := h.AlarmState(h.ctx, alarm)
	h.must(err)
	return state
}

// alarm is one that goes off when the sum of a metric in the namespace Test is 1.
func alarm(name, metric string) monitor.AlarmSpec {
	one := 1.0
	return monitor.AlarmSpec{
		AlarmName: name, Metric: monitor.Metric{Namespace: "Test", MetricName: metric}, Statistic: "Sum", Period: 60,
		EvaluationPeriods: 1, Threshold: &one, ComparisonOperator: "GreaterThanOrEqualToThreshold",
	}
}

// wants holds an error against a code.
func wants(t *testing.T, what string, err error, code string) {
	t.Helper()
	if errs.CodeOf(err) != code || code != "" && err == nil {
		t.Errorf("%s: error %v with the code %q, want %q", what, err, errs.CodeOf(err), code)
	}
}

type storePoint = store.MetricPoint

func storeQuery() store.MetricQuery { return store.MetricQuery{} }
