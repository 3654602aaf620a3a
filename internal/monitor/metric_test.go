package monitor_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/monitor"
	"github.com/heliograph/heliograph/internal/telemetry"
)

func (h *house) statistics(metric monitor.Metric, from, to time.Time, period int, names ...string) []monitor.Datapoint {
	h.t.Helper()
	points, err := h.GetMetricStatistics(h.ctx, monitor.StatisticsQuery{Metric: metric, StartTime: from, EndTime: to, Period: period, Statistics: names})
	h.must(err)
	return points
}

func TestStatistics(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	host := []monitor.Dimension{{Name: "Host", Value: "a"}, {Name: "Zone", Value: "z"}}
	swapped := []monitor.Dimension{host[1], host[0]}
	seven := 7.0
	h.must(h.PutMetricData(h.ctx, "Test", []monitor.Datum{
		{MetricName: "took", Dimensions: host, Timestamp: noon.Add(-9 * time.Minute), Values: []float64{1, 2, 3}, Counts: []float64{2, 1, 1}, Unit: "Seconds"},
		{MetricName: "took", Dimensions: swapped, Timestamp: noon.Add(-8 * time.Minute), Value: &seven, Unit: "Seconds"},
		{MetricName: "took", Dimensions: host, Timestamp: noon.Add(-8 * time.Minute), Value: &seven},
		{MetricName: "took", Timestamp: noon.Add(-8 * time.Minute), Value: &seven},
		{MetricName: "took", Dimensions: host, Timestamp: noon.Add(-2 * time.Minute), StatisticValues: &monitor.StatisticSet{SampleCount: 4, Sum: 10, Minimum: 1, Maximum: 5}, Unit: "Seconds"},
	}))
	metric := monitor.Metric{Namespace: "Test", MetricName: "took", Dimensions: swapped}
	var got []string
	for _, p := range h.statistics(metric, noon.Add(-10*time.Minute), noon, 300, "Sum") {
		s := p.Statistics
		p50, known := s.Percentile(50)
		got = append(got, fmt.Sprintf("%s %s n=%v sum=%v min=%v max=%v p50=%v %v", p.Timestamp.Format("15:04"), p.Unit, s.Count, s.Sum, s.Min, s.Max, p50, known))
	}
	want := []string{
		"11:50 None n=1 sum=7 min=7 max=7 p50=7 true",
		"11:50 Seconds n=5 sum=14 min=1 max=7 p50=2 true",
		"11:55 Seconds n=4 sum=10 min=1 max=5 p50=0 false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	page, _, err := h.ListMetrics(h.ctx, monitor.ListQuery{Namespace: "Test"})
	h.must(err)
	if len(page) != 2 {
		t.Errorf("listed %+v", page)
	}
	page, _, err = h.ListMetrics(h.ctx, monitor.ListQuery{Dimensions: []monitor.Dimension{{Name: "Zone"}}})
	h.must(err)
	if len(page) != 1 || !slices.Equal(page[0].Dimensions, host) {
		t.Errorf("listed by dimension %+v", page)
	}
}

func TestListMetricsPagesAndForgetsOldOnes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one := 1.0
	for range 3 {
		var data []monitor.Datum
		for i := range 400 {
			data = append(data, monitor.Datum{MetricName: fmt.Sprintf("m%d", i), Dimensions: []monitor.Dimension{{Name: "D", Value: fmt.Sprint(len(data) % 4)}}, Value: &one})
		}
		h.must(h.PutMetricData(h.ctx, "Test", data))
		for i := range data {
			data[i].MetricName += "b"
		}
		h.must(h.PutMetricData(h.ctx, "Test", data))
	}
	seen := map[string]bool{}
	for token, pages := "", 0; ; pages++ {
		page, next, err := h.ListMetrics(h.ctx, monitor.ListQuery{NextToken: token})
		h.must(err)
		for _, m := range page {
			seen[m.MetricName] = true
		}
		if token = next; next == "" {
			if pages != 1 || len(seen) != 800 {
				t.Errorf("%d metrics on %d pages", len(seen), pages+1)
			}
			break
		}
	}
	h.mu.Lock()
	h.now = noon.Add(4 * time.Hour)
	h.mu.Unlock()
	if page, _, err := h.ListMetrics(h.ctx, monitor.ListQuery{RecentlyActive: "PT3H"}); err != nil || len(page) > 0 {
		t.Errorf("active after four hours: %d, %v", len(page), err)
	}
	h.mu.Lock()
	h.now = noon.Add(15 * 24 * time.Hour)
	h.mu.Unlock()
	if page, _, err := h.ListMetrics(h.ctx, monitor.ListQuery{}); err != nil || len(page) > 0 {
		t.Errorf("listed after 15 days: %d, %v", len(page), err)
	}
}

func TestData(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 5 {
		at := noon.Add(time.Duration(i-5) * time.Minute)
		h.put("a", at, float64(i))
		if i != 2 {
			h.put("b", at, 2)
		}
	}
	stat := func(id string) monitor.DataQuery {
		return monitor.DataQuery{ID: id, MetricStat: &monitor.MetricStat{Metric: monitor.Metric{Namespace: "Test", MetricName: id}, Period: 60, Stat: "Sum"}}
	}
	for expression, want := range map[string]string{
		"a":                   "[0 1 2 3 4]",
		"a+b*2":               "[4 5 7 8]",
		"-a^2 + 1":            "[1 0 -3 -8 -15]",
		"a/b":                 "[0 0.5 1.5 2]",
		"b/a":                 "[2 0.6666666666666666 0.5]", // not where it is divided by 0
		"(a - 1) / 2":         "[-0.5 0 0.5 1 1.5]",
		"SUM([a, b])":         "[2 3 2 5 6]",
		"MAX(METRICS())":      "[2 2 2 3 4]",
		"a - AVG(a)":          "[-2 -1 0 1 2]",
		"FILL(b, 0)":          "[2 2 0 2 2]",
		"a / PERIOD(a)":       "[0 0.016666666666666666 0.03333333333333333 0.05 0.06666666666666667]",
		"CEIL(a/2)":           "[0 1 1 2 2]",
		"min([a,b]) + 2 ^ .5": "[1.4142135623730951 2.414213562373095 3.414213562373095 3.414213562373095 3.414213562373095]",
	} {
		rows, _, err := h.GetMetricData(h.ctx, monitor.DataRequest{
			Queries: []monitor.DataQuery{stat("a"), stat("b"), {ID: "e", Expression: expression}}, StartTime: noon.Add(-time.Hour), EndTime: noon, Ascending: true,
		})
		if err != nil {
			t.Errorf("%s: %v", expression, err)
		} else if got := fmt.Sprint(rows[2].Values); got != want {
			t.Errorf("%s is %s, want %s", expression, got, want)
		}
	}
	for _, bad := range []string{"", "a+", "(a", "a)", "c", "e", "FOO(a)", "SUM()", "[a, 1]", "[a,b]", "a b", "1..2", "$", "SUM(1)", "PERIOD(1)", "FILL(a, b)"} {
		_, _, err := h.GetMetricData(h.ctx, monitor.DataRequest{
			Queries: []monitor.DataQuery{stat("a"), stat("b"), {ID: "e", Expression: bad}}, StartTime: noon.Add(-time.Hour), EndTime: noon,
		})
		wants(t, bad, err, "ValidationError")
	}
	var values []float64
	for token, pages := "", 1; ; pages++ {
		rows, next, err := h.GetMetricData(h.ctx, monitor.DataRequest{
			Queries: []monitor.DataQuery{stat("a"), stat("b")}, StartTime: noon.Add(-time.Hour), EndTime: noon, MaxDatapoints: 2, NextToken: token,
		})
		h.must(err)
		for _, r := range rows {
			values = append(values, r.Values...)
		}
		if token = next; token == "" {
			if pages != 5 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if want := []float64{4, 3, 2, 1, 0, 2, 2, 2, 2}; !slices.Equal(values, want) {
		t.Errorf("by pages %v, want %v", values, want)
	}
}

func TestBadData(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one, nan, three := 1.0, math.NaN(), 3
	huge := math.Ldexp(1, 361)
	for name, c := range map[string]struct {
		namespace string
		datum     monitor.Datum
		code      string
	}{
		"good":              {"Test", monitor.Datum{MetricName: "m", Value: &one}, ""},
		"AWS's namespace":   {"AWS/SageMaker", monitor.Datum{MetricName: "m", Value: &one}, "InvalidParameterValue"},
		"our namespace":     {"/aws/sagemaker/TrainingJobs", monitor.Datum{MetricName: "m", Value: &one}, "InvalidParameterValue"},
		"no namespace":      {"", monitor.Datum{MetricName: "m", Value: &one}, "MissingParameter"},
		"no name":           {"Test", monitor.Datum{Value: &one}, "MissingParameter"},
		"control character": {"Test", monitor.Datum{MetricName: "a\nb", Value: &one}, "InvalidParameterValue"},
		"no value":          {"Test", monitor.Datum{MetricName: "m"}, "MissingParameter"},
		"two values":        {"Test", monitor.Datum{MetricName: "m", Value: &one, Values: []float64{1}}, "InvalidParameterCombination"},
		"not a number":      {"Test", monitor.Datum{MetricName: "m", Value: &nan}, "InvalidParameterValue"},
		"too large":         {"Test", monitor.Datum{MetricName: "m", Value: &huge}, "InvalidParameterValue"},
		"counts too few":    {"Test", monitor.Datum{MetricName: "m", Values: []float64{1, 2}, Counts: []float64{1}}, "InvalidParameterValue"},
		"count of none":     {"Test", monitor.Datum{MetricName: "m", Values: []float64{1}, Counts: []float64{0}}, "InvalidParameterValue"},
		"values too many":   {"Test", monitor.Datum{MetricName: "m", Values: make([]float64, 151)}, "InvalidParameterValue"},
		"unit":              {"Test", monitor.Datum{MetricName: "m", Value: &one, Unit: "seconds"}, "InvalidParameterValue"},
		"resolution":        {"Test", monitor.Datum{MetricName: "m", Value: &one, StorageResolution: &three}, "InvalidParameterValue"},
		"too old":           {"Test", monitor.Datum{MetricName: "m", Value: &one, Timestamp: noon.Add(-15 * 24 * time.Hour)}, "InvalidParameterValue"},
		"too new":           {"Test", monitor.Datum{MetricName: "m", Value: &one, Timestamp: noon.Add(3 * time.Hour)}, "InvalidParameterValue"},
		"dimension twice":   {"Test", monitor.Datum{MetricName: "m", Value: &one, Dimensions: []monitor.Dimension{{Name: "A", Value: "1"}, {Name: "A", Value: "2"}}}, "InvalidParameterValue"},
		"empty dimension":   {"Test", monitor.Datum{MetricName: "m", Value: &one, Dimensions: []monitor.Dimension{{Name: "A"}}}, "MissingParameter"},
		"set of nothing":    {"Test", monitor.Datum{MetricName: "m", StatisticValues: &monitor.StatisticSet{}}, "InvalidParameterValue"},
		"set upside down":   {"Test", monitor.Datum{MetricName: "m", StatisticValues: &monitor.StatisticSet{SampleCount: 1, Minimum: 2, Maximum: 1}}, "InvalidParameterValue"},
	} {
		wants(t, name, h.PutMetricData(h.ctx, c.namespace, []monitor.Datum{c.datum}), c.code)
	}
	good := monitor.StatisticsQuery{Metric: monitor.Metric{Namespace: "Test", MetricName: "m"}, StartTime: noon.Add(-time.Hour), EndTime: noon, Period: 60, Statistics: []string{"Sum"}}
	for name, c := range map[string]struct {
		change func(*monitor.StatisticsQuery)
		code   string
	}{
		"good":              {func(*monitor.StatisticsQuery) {}, ""},
		"no start":          {func(q *monitor.StatisticsQuery) { q.StartTime = time.Time{} }, "MissingParameter"},
		"start at the end":  {func(q *monitor.StatisticsQuery) { q.StartTime = q.EndTime }, "InvalidParameterValue"},
		"odd period":        {func(q *monitor.StatisticsQuery) { q.Period = 90 }, "InvalidParameterValue"},
		"negative period":   {func(q *monitor.StatisticsQuery) { q.Period = -60 }, "InvalidParameterValue"},
		"no statistics":     {func(q *monitor.StatisticsQuery) { q.Statistics = nil }, "MissingParameter"},
		"unknown statistic": {func(q *monitor.StatisticsQuery) { q.Statistics = []string{"Median"} }, "InvalidParameterValue"},
		"bad percentile":    {func(q *monitor.StatisticsQuery) { q.ExtendedStatistics = []string{"p1e1"} }, "InvalidParameterValue"},
		"too many points":   {func(q *monitor.StatisticsQuery) { q.Period = 1 }, "InvalidParameterCombination"},
	} {
		q := good
		c.change(&q)
		_, err := h.GetMetricStatistics(h.ctx, q)
		wants(t, name, err, c.code)
	}
}

func TestSourcesAreWrittenByTheMinute(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	metric := monitor.Metric{Namespace: "AWS/SageMaker", MetricName: "Invocations"}
	count := func(n float64) {
		h.mu.Lock()
		h.samples = append(h.samples, telemetry.Sample{Namespace: metric.Namespace, Name: metric.MetricName, Statistics: telemetry.Repeated(1, n)})
		h.mu.Unlock()
	}
	for i := 1; i <= 7; i++ { // 10 in each ten seconds, up to ten past the minute
		count(10)
		h.tick(noon.Add(time.Duration(10*i) * time.Second))
		if points := h.statistics(metric, noon, noon.Add(time.Hour), 60, "Sum"); i < 6 && len(points) > 0 {
			t.Errorf("after %d s there are %d points", 10*i, len(points))
		}
	}
	points := h.statistics(metric, noon, noon.Add(time.Hour), 60, "Sum")
	if len(points) != 1 || points[0].Statistics.Sum != 60 || !points[0].Timestamp.Equal(noon) {
		t.Errorf("got %+v", points)
	}
	h.tick(noon.Add(2 * time.Minute))
	points = h.statistics(metric, noon, noon.Add(time.Hour), 60, "Sum")
	if len(points) != 2 || points[1].Statistics.Sum != 10 {
		t.Errorf("a minute later: %+v", points)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	metric := monitor.Metric{Namespace: "Test", MetricName: "m"}
	for i := range 120 {
		h.put("m", noon.Add(time.Duration(i-120)*time.Minute), float64(i))
	}
	const day = 24 * time.Hour
	for _, c := range []struct {
		after  time.Duration
		points int
	}{{0, 120}, {16 * day, 24}, {64 * day, 2}, {456 * day, 0}} {
		h.tick(noon.Add(c.after))
		points := h.statistics(metric, noon.Add(-24*time.Hour), noon, 60*30, "Sum")
		var sum, count float64
		var half telemetry.Statistics
		for _, p := range points {
			sum, count = sum+p.Statistics.Sum, count+p.Statistics.Count
			half.Merge(p.Statistics)
		}
		n := 0
		rows, err := h.db.MetricSeries(h.ctx, storeQuery())
		h.must(err)
		for _, r := range rows {
			h.must(h.db.MetricPoints(h.ctx, r.ID, 0, noon.Add(time.Hour).Unix(), func(storePoint) error { n++; return nil }))
		}
		if n != c.points {
			t.Errorf("after %v there are %d points, want %d", c.after, n, c.points)
		}
		if c.points == 0 {
			if len(rows) > 0 {
				t.Errorf("after %v the series is still there", c.after)
			}
			continue
		}
		if p50, ok := half.Percentile(50); count != 120 || sum != 119*60 || !ok || math.Abs(p50-60) > 1 {
			t.Errorf("after %v: %v values of %v, median %v", c.after, count, sum, p50)
		}
	}
}
