package monitor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/monitor"
)

// The tables of CloudWatch's documentation: periods from the oldest to the latest,
// 0 is within the threshold, X beyond it, - has no data.
func TestMissingData(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	treatments := []string{"missing", "ignore", "breaching", "notBreaching"}
	const keep = "keep"
	cases := []struct {
		points string
		needed int // of 3
		want   [4]string
	}{
		{"0-X-X", 3, [4]string{"OK", "OK", "OK", "OK"}},
		{"0----", 3, [4]string{"OK", "OK", "OK", "OK"}},
		{"-----", 3, [4]string{"INSUFFICIENT_DATA", keep, "ALARM", "OK"}},
		{"0XX-X", 3, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"--X--", 3, [4]string{"ALARM", keep, "ALARM", "OK"}},
		{"0-X-X", 2, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"00X0X", 2, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"0-X--", 2, [4]string{"OK", "OK", "ALARM", "OK"}},
		{"----0", 2, [4]string{"OK", "OK", "ALARM", "OK"}},
		{"---X-", 2, [4]string{"ALARM", keep, "ALARM", "OK"}},
		{"----X", 3, [4]string{keep, keep, "ALARM", "OK"}}, // not prematurely
		{"---X-", 3, [4]string{keep, keep, "ALARM", "OK"}},
		{"XXXXX", 3, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"XXX00", 3, [4]string{"OK", "OK", "OK", "OK"}},
	}
	type check struct{ name, want string }
	var checks []check
	for i, c := range cases {
		metric := fmt.Sprintf("m%d", i)
		for j, p := range c.points {
			if p != '-' {
				h.put(metric, noon.Add(time.Duration(j-5)*time.Minute), map[rune]float64{'0': 0, 'X': 1}[p])
			}
		}
		for j, treat := range treatments {
			for _, before := range []string{"OK", "ALARM"} {
				spec := alarm(fmt.Sprintf("%s %d of 3, %s, from %s (%d)", c.points, c.needed, treat, before, i), metric)
				spec.EvaluationPeriods, spec.DatapointsToAlarm, spec.TreatMissingData = 3, &c.needed, treat
				h.must(h.PutMetricAlarm(h.ctx, spec))
				h.must(h.SetAlarmState(h.ctx, spec.AlarmName, before, "test", ""))
				want := c.want[j]
				if want == keep {
					want = before
				}
				checks = append(checks, check{spec.AlarmName, want})
			}
		}
	}
	h.tick(noon)
	for _, c := range checks {
		if got := h.state(c.name); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAlarmGoesOffAndRecovers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	spec := alarm("errors", "errors")
	spec.AlarmActions, spec.TreatMissingData = []string{"arn:aws:sns:us-east-1:111122223333:ops"}, "notBreaching"
	h.must(h.PutMetricAlarm(h.ctx, spec))
	if got := h.state("errors"); got != "INSUFFICIENT_DATA" {
		t.Errorf("a new alarm is %s", got)
	}
	h.tick(noon)
	h.put("errors", noon.Add(30*time.Second), 3)
	h.tick(noon.Add(50 * time.Second))
	if got := h.state("errors"); got != "OK" {
		t.Errorf("before the minute's end it is %s", got)
	}
	h.tick(noon.Add(time.Minute))
	if got := h.state("errors"); got != "ALARM" {
		t.Errorf("after the minute's end it is %s", got)
	}
	for i := range 4 {
		h.put("errors", noon.Add(time.Duration(i+1)*time.Minute), 0)
		h.tick(noon.Add(time.Duration(i+2) * time.Minute))
	}
	if got := h.state("errors"); got != "OK" {
		t.Errorf("in the end it is %s", got)
	}
	page, next, err := h.DescribeAlarmHistory(h.ctx, monitor.HistoryQuery{AlarmName: "errors", HistoryItemType: "StateUpdate", Ascending: true, MaxRecords: 2})
	h.must(err)
	rest, _, err := h.DescribeAlarmHistory(h.ctx, monitor.HistoryQuery{AlarmName: "errors", HistoryItemType: "StateUpdate", Ascending: true, NextToken: next})
	h.must(err)
	var got []string
	for _, e := range append(page, rest...) {
		got = append(got, strings.TrimPrefix(e.Summary, "Alarm updated from "))
	}
	if want := []string{"INSUFFICIENT_DATA to OK", "OK to ALARM", "ALARM to OK"}; !slices.Equal(got, want) {
		t.Errorf("history is %q, want %q", got, want)
	}
	alarms, _, err := h.DescribeAlarms(h.ctx, monitor.AlarmQuery{})
	h.must(err)
	if want := "Threshold Crossed: 1 out of the last 1 datapoint [0 (04/03/26 12:01:00)] was not greater than or equal to the threshold (1) (minimum 1 datapoint for ALARM -> OK transition)."; alarms[0].StateReason != want {
		t.Errorf("reason %q, want %q", alarms[0].StateReason, want)
	}
	if !strings.Contains(alarms[0].StateReasonData, `"recentDatapoints":[0]`) {
		t.Errorf("reason data %s", alarms[0].StateReasonData)
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	spec := alarm("noisy", "m")
	spec.AlarmActions, spec.OKActions = []string{"arn:aws:sns:us-east-1:111122223333:ops"}, []string{"arn:aws:sns:us-east-1:111122223333:calm"}
	h.must(h.PutMetricAlarm(h.ctx, spec))
	h.must(h.SetAlarmState(h.ctx, "noisy", "ALARM", "drill", `{"a":1}`))
	h.must(h.SetAlarmState(h.ctx, "noisy", "ALARM", "drill again", "")) // no change: no action
	h.must(h.EnableAlarmActions(h.ctx, []string{"noisy", "unknown"}, false))
	h.must(h.SetAlarmState(h.ctx, "noisy", "OK", "over", ""))
	h.wait()
	if len(h.notices) != 1 || h.notices[0].OldState != "INSUFFICIENT_DATA" || h.notices[0].Alarm.StateReason != "drill" {
		t.Errorf("notified of %+v", h.notices)
	}
	page, _, err := h.DescribeAlarmHistory(h.ctx, monitor.HistoryQuery{HistoryItemType: "Action"})
	h.must(err)
	if len(page) != 1 || page[0].Summary != "Successfully executed action arn:aws:sns:us-east-1:111122223333:ops" {
		t.Errorf("history of actions: %+v", page)
	}
}

// wait lets actions that are under way come to their end.
func (h *house) wait() {
	h.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		page, _, err := h.DescribeAlarmHistory(h.ctx, monitor.HistoryQuery{HistoryItemType: "Action"})
		h.must(err)
		if len(page) > 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	h.t.Fatal("no action was recorded")
}

func TestAlarmOnAnExpression(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	no, half := false, 0.5
	stat := func(id, metric string) monitor.DataQuery {
		return monitor.DataQuery{ID: id, ReturnData: &no, MetricStat: &monitor.MetricStat{Metric: monitor.Metric{Namespace: "Test", MetricName: metric}, Period: 60, Stat: "Sum"}}
	}
	h.must(h.PutMetricAlarm(h.ctx, monitor.AlarmSpec{
		AlarmName: "rate", EvaluationPeriods: 1, Threshold: &half, ComparisonOperator: "GreaterThanThreshold",
		Metrics: []monitor.DataQuery{stat("e", "errors"), stat("n", "calls"), {ID: "rate", Expression: "e / n"}},
	}))
	h.put("errors", noon.Add(-time.Minute), 3)
	h.put("calls", noon.Add(-time.Minute), 5)
	h.tick(noon)
	if got := h.state("rate"); got != "ALARM" {
		t.Errorf("3 of 5: %s", got)
	}
	h.put("errors", noon, 1)
	h.put("calls", noon, 5)
	h.tick(noon.Add(time.Minute))
	if got := h.state("rate"); got != "OK" {
		t.Errorf("1 of 5: %s", got)
	}
}

func TestHighResolutionAlarm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	spec, one, value := alarm("fast", "m"), 1, 2.0
	spec.Period = 10
	h.must(h.PutMetricAlarm(h.ctx, spec))
	at := noon.Add(12 * time.Second)
	h.must(h.PutMetricData(h.ctx, "Test", []monitor.Datum{{MetricName: "m", Timestamp: at, Value: &value, StorageResolution: &one}}))
	h.tick(noon.Add(20 * time.Second))
	if got := h.state("fast"); got != "ALARM" {
		t.Errorf("after 20 s: %s", got)
	}
}

func TestAlarmNamesAreToldApartByCase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, name := range []string{"Ärger", "ärger", "^ärger", "İ", "i"} {
		h.must(h.PutMetricAlarm(h.ctx, alarm(name, "m")))
	}
	page, next, err := h.DescribeAlarms(h.ctx, monitor.AlarmQuery{MaxRecords: 3})
	h.must(err)
	rest, _, err := h.DescribeAlarms(h.ctx, monitor.AlarmQuery{NextToken: next})
	h.must(err)
	if len(page) != 3 || len(rest) != 2 {
		t.Errorf("pages of %d and %d alarms", len(page), len(rest))
	}
	h.must(h.DeleteAlarms(h.ctx, []string{"ärger"}))
	if _, err := h.AlarmState(h.ctx, "Ärger"); err != nil {
		t.Error(err)
	}
	wants(t, "deleted", h.SetAlarmState(h.ctx, "ärger", "OK", "x", ""), "ResourceNotFound")
	wants(t, "one of two", h.DeleteAlarms(h.ctx, []string{"Ärger", "ärger"}), "ResourceNotFound")
	if _, err := h.AlarmState(h.ctx, "Ärger"); err != nil {
		t.Error("half of a deletion was done:", err)
	}
}

func TestBadAlarms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, change := range map[string]func(*monitor.AlarmSpec){
		"no name":              func(a *monitor.AlarmSpec) { a.AlarmName = "" },
		"long name":            func(a *monitor.AlarmSpec) { a.AlarmName = strings.Repeat("x", 256) },
		"no metric":            func(a *monitor.AlarmSpec) { a.MetricName = "" },
		"no statistic":         func(a *monitor.AlarmSpec) { a.Statistic = "" },
		"both statistics":      func(a *monitor.AlarmSpec) { a.ExtendedStatistic = "p99" },
		"unknown statistic":    func(a *monitor.AlarmSpec) { a.Statistic = "Mean" },
		"unknown percentile":   func(a *monitor.AlarmSpec) { a.Statistic, a.ExtendedStatistic = "", "p101" },
		"no period":            func(a *monitor.AlarmSpec) { a.Period = 0 },
		"odd period":           func(a *monitor.AlarmSpec) { a.Period = 61 },
		"no periods":           func(a *monitor.AlarmSpec) { a.EvaluationPeriods = 0 },
		"too many periods":     func(a *monitor.AlarmSpec) { a.EvaluationPeriods = 1441 },
		"more than there are":  func(a *monitor.AlarmSpec) { two := 2; a.DatapointsToAlarm = &two },
		"no threshold":         func(a *monitor.AlarmSpec) { a.Threshold = nil },
		"unknown comparison":   func(a *monitor.AlarmSpec) { a.ComparisonOperator = "Over" },
		"anomaly detection":    func(a *monitor.AlarmSpec) { a.ComparisonOperator = "GreaterThanUpperThreshold" },
		"unknown treatment":    func(a *monitor.AlarmSpec) { a.TreatMissingData = "skip" },
		"unknown unit":         func(a *monitor.AlarmSpec) { a.Unit = "Furlongs" },
		"action is no ARN":     func(a *monitor.AlarmSpec) { a.AlarmActions = []string{"http://localhost"} },
		"metric and metrics":   func(a *monitor.AlarmSpec) { a.Metrics = []monitor.DataQuery{{ID: "a", Expression: "1"}} },
		"expression of itself": func(a *monitor.AlarmSpec) { *a = expression(*a, "a+1") },
		"expression of none":   func(a *monitor.AlarmSpec) { *a = expression(*a, "1+1") },
	} {
		spec := alarm("a", "m")
		change(&spec)
		if err := h.PutMetricAlarm(h.ctx, spec); !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.Unsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if page, _, err := h.DescribeAlarms(h.ctx, monitor.AlarmQuery{}); err != nil || len(page) != 0 {
		t.Errorf("there are %d alarms, %v", len(page), err)
	}
}

func expression(a monitor.AlarmSpec, text string) monitor.AlarmSpec {
	return monitor.AlarmSpec{AlarmName: a.AlarmName, EvaluationPeriods: 1, Threshold: a.Threshold, ComparisonOperator: a.ComparisonOperator,
		Metrics: []monitor.DataQuery{{ID: "a", Expression: text}}}
}

func TestEveryCallIsAuthorized(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.must(h.PutMetricAlarm(h.ctx, alarm("a", "m")))
	for action, call := range map[string]func() error{
		"PutMetricData":       func() error { return h.PutMetricData(h.ctx, "Test", nil) },
		"GetMetricStatistics": func() error { _, err := h.GetMetricStatistics(h.ctx, monitor.StatisticsQuery{}); return err },
		"GetMetricData":       func() error { _, _, err := h.GetMetricData(h.ctx, monitor.DataRequest{}); return err },
		"ListMetrics":         func() error { _, _, err := h.ListMetrics(h.ctx, monitor.ListQuery{}); return err },
		"PutMetricAlarm":      func() error { return h.PutMetricAlarm(h.ctx, alarm("b", "m")) },
		"DescribeAlarms":      func() error { _, _, err := h.DescribeAlarms(h.ctx, monitor.AlarmQuery{}); return err },
		"DescribeAlarmsForMetric": func() error {
			_, err := h.DescribeAlarmsForMetric(h.ctx, monitor.Metric{Namespace: "Test", MetricName: "m"}, "", 0, "")
			return err
		},
		"DescribeAlarmHistory": func() error { _, _, err := h.DescribeAlarmHistory(h.ctx, monitor.HistoryQuery{}); return err },
		"DeleteAlarms":         func() error { return h.DeleteAlarms(h.ctx, []string{"a"}) },
		"SetAlarmState":        func() error { return h.SetAlarmState(h.ctx, "a", "ALARM", "x", "") },
		"EnableAlarmActions":   func() error { return h.EnableAlarmActions(h.ctx, []string{"a"}, true) },
		"DisableAlarmActions":  func() error { return h.EnableAlarmActions(h.ctx, []string{"a"}, false) },
	} {
		h.denied = "cloudwatch:" + action
		if err := call(); !errs.Is(err, errs.Denied) {
			t.Errorf("%s: %v", action, err)
		}
	}
	if got := h.state("a"); got != "INSUFFICIENT_DATA" {
		t.Errorf("a refused call left %s", got)
	}
}
