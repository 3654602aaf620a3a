package telemetry_test

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/telemetry"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := telemetry.New()
	calls := m.Counter("test_calls_total", "Calls.", "service", "status")
	calls.Inc("s3", "200")
	calls.Add(2, "s3", "200")
	m.Counter("test_calls_total", "Calls.", "service", "status").With("s3", "200").Inc() // declared twice: the same
	m.Gauge("test_jobs", "Jobs.").Set(3)
	m.Gauge("test_jobs", "Jobs.").Add(-1)
	took := m.Histogram("test_seconds", "Time.", nil, "service")
	took.Observe(.003, "s3")
	took.With("gone").Observe(1)
	took.Forget("gone")
	m.Histogram("test_bytes", "Size.", []float64{10, 100}).Observe(50)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{`test_calls_total{service="s3",status="200"} 4`, "test_jobs 2", `test_seconds_bucket{service="s3",le="0.0025"} 0`,
		`test_seconds_bucket{service="s3",le="0.005"} 1`, `test_bytes_bucket{le="100"} 1`, "# HELP test_calls_total Calls.", "go_goroutines "} {
		if !strings.Contains(w.Body.String(), line) {
			t.Errorf("%q is missing", line)
		}
	}
	if strings.Contains(w.Body.String(), "gone") {
		t.Error("a forgotten series is still there")
	}
	defer func() {
		if recover() == nil {
			t.Error("one name with other labels passed")
		}
	}()
	m.Counter("test_calls_total", "Calls.", "other")
}

func TestCountingDoesNotAllocate(t *testing.T) {
	m := telemetry.New()
	c, h := m.Counter("a_total", "A.", "x").With("1"), m.Histogram("b", "B.", nil, "x").With("1")
	if n := testing.AllocsPerRun(100, func() { c.Inc(); h.Observe(1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log, err := telemetry.NewLogger(&b, "json", "warn")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("not this")
	log.Warn("this", "a", 1)
	if got := b.String(); !strings.Contains(got, `"msg":"this","a":1}`) || strings.Contains(got, "not this") {
		t.Errorf("got %s", got)
	}
	for _, bad := range [][2]string{{"xml", "info"}, {"text", "loud"}} {
		if _, err := telemetry.NewLogger(&b, bad[0], bad[1]); !errs.Is(err, errs.Invalid) {
			t.Errorf("%v: got %v", bad, err)
		}
	}
}
