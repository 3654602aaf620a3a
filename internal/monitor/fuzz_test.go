package monitor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/monitor"
)

// FuzzExpression asks for expressions: each has a row or is refused.
func FuzzExpression(f *testing.F) {
	h := newHouse(f)
	for i := range 3 {
		h.put("a", noon.Add(time.Duration(i-3)*time.Minute), float64(i))
		h.put("b", noon.Add(time.Duration(2*i-6)*time.Minute), 2)
	}
	for _, seed := range []string{"a+b*2", "-a^2", "SUM([a,b])/PERIOD(a)", "FILL(b, -1)", "AVG(METRICS())", "((a", "a^b^9^9", "1e9", "[[a],[b]]", "- - -1", "e+e",
		strings.Repeat("(", 2000), strings.Repeat("-", 2000), strings.Repeat("[", 1000), strings.Repeat("SUM(", 500), "1" + strings.Repeat("+1", 1000)} {
		f.Add(seed)
	}
	stat := func(id string) monitor.DataQuery {
		return monitor.DataQuery{ID: id, MetricStat: &monitor.MetricStat{Metric: monitor.Metric{Namespace: "Test", MetricName: id}, Period: 60, Stat: "Sum"}}
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, _, err := h.GetMetricData(t.Context(), monitor.DataRequest{
			Queries: []monitor.DataQuery{stat("a"), stat("b"), {ID: "e", Expression: text}}, StartTime: noon.Add(-time.Hour), EndTime: noon,
		})
		if err != nil && errs.CodeOf(err) != "ValidationError" || err == nil && len(rows) != 3 {
			t.Errorf("%q: %d rows, %v", text, len(rows), err)
		}
		if err != nil && len(err.Error()) > 2000 {
			t.Errorf("%q: an error of %d bytes", text, len(err.Error()))
		}
	})
}

// FuzzPercentile gives names of statistics to an alarm and to a question: both
// take the same ones.
func FuzzPercentile(f *testing.F) {
	h := newHouse(f)
	h.put("a", noon, 1)
	for _, seed := range []string{"p50", "p99.9", "p100", "p100.1", "p", "p.", "p1.2.3", "p-1", "pNaN", "tm99", "p0000000000000000001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		_, err := h.GetMetricStatistics(t.Context(), monitor.StatisticsQuery{Metric: monitor.Metric{Namespace: "Test", MetricName: "a"},
			StartTime: noon.Add(-time.Hour), EndTime: noon.Add(time.Hour), Period: 60, ExtendedStatistics: []string{name}})
		spec := alarm("x", "a")
		spec.Statistic, spec.ExtendedStatistic = "", name
		put := h.PutMetricAlarm(t.Context(), spec)
		if (err == nil) != (put == nil) || err != nil && errs.CodeOf(err) != "InvalidParameterValue" || put != nil && errs.CodeOf(put) != "ValidationError" {
			t.Errorf("%q: asked %v, alarm %v", name, err, put)
		}
	})
}
