package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// beyond is how many periods before those that an alarm needs are looked at, in
// case some of them have no data.
const beyond = 2

// minSamples is how many values a percentile needs to mean something, to either
// side of it: CloudWatch's EvaluateLowSampleCountPercentile.
const minSamples = 10

// evaluateAll evaluates the alarms: those with periods below a minute, and if
// whole, the others too.
func (s *Service) evaluateAll(ctx context.Context, now time.Time, whole bool) {
	alarms, err := s.allAlarms(ctx, store.Query{})
	if err != nil {
		if ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "alarms can't be evaluated", "error", err)
		}
		return
	}
	for i := range alarms {
		a := &alarms[i]
		if period := a.period(); !whole && (period >= 60 || now.Unix()%int64(period) != 0) {
			continue
		}
		if err := s.evaluate(ctx, a, now); err != nil && ctx.Err() == nil && !errs.Is(err, errs.NotFound) {
			s.Log.ErrorContext(ctx, "an alarm can't be evaluated", "alarm", a.AlarmName, "error", err)
		}
	}
}

// period is that of the values which the alarm looks at, in seconds.
func (a *AlarmSpec) period() int {
	for _, q := range a.Metrics {
		if q.MetricStat != nil {
			return q.MetricStat.Period
		}
	}
	return max(a.Period, 1)
}

// point is a period of an alarm; its value is known if it has data.
type point struct {
	at    int64
	value float64
	known bool
}

// evaluate looks at the periods that ended before now.
func (s *Service) evaluate(ctx context.Context, a *Alarm, now time.Time) error {
	period := int64(a.period())
	end := now.Unix()
	if period >= 60 {
		end -= end % 60
	}
	n := a.EvaluationPeriods + beyond
	start := end - int64(n)*period
	values, enough, err := s.watched(ctx, a, time.Unix(start, 0), time.Unix(end, 0))
	if err != nil {
		return err
	}
	points := make([]point, n)
	for i := range points {
		points[i].at = start + int64(i)*period
		points[i].value, points[i].known = values[points[i].at]
	}
	j := a.judge(points)
	if j.state == "" || j.state == a.StateValue || !enough {
		return nil // what is on record, and why, stays
	}
	j.data = a.reasonData(points, now)
	return s.enter(ctx, a.AlarmName, now, func(latest *Alarm) judgement {
		if !latest.AlarmConfigurationUpdatedTimestamp.Equal(a.AlarmConfigurationUpdatedTimestamp) { // it was changed meanwhile
			return judgement{latest.StateValue, latest.StateReason, latest.StateReasonData}
		}
		return j
	})
}

// watched returns the values that the alarm looks at, by the beginnings of their
// periods; enough is false if they are percentiles of so few values that the
// alarm ignores them.
func (s *Service) watched(ctx context.Context, a *Alarm, start, end time.Time) (values row, enough bool, err error) {
	if len(a.Metrics) > 0 {
		rows, err := s.evaluateQueries(ctx, a.Metrics, start, end)
		if err != nil {
			return nil, false, err
		}
		return rows[slices.IndexFunc(a.Metrics, func(q DataQuery) bool { return q.returned() })], true, nil
	}
	series, err := s.series(ctx, a.Metric, a.Unit)
	if err != nil {
		return nil, false, err
	}
	periods, err := s.periods(ctx, series, start, end, a.Period)
	values, enough = row{}, true
	percent, isPercentile := percentile(a.ExtendedStatistic)
	for at, v := range periods {
		if value, ok := Statistic(*v, a.stat()); ok {
			values[at] = value
		}
		if tail := min(percent, 100-percent) / 100; isPercentile && a.EvaluateLowSampleCountPercentile == "ignore" && v.Count*tail < minSamples {
			enough = false
		}
	}
	return values, enough, err
}

// breaches reports whether a value is what the alarm is about.
func (a *AlarmSpec) breaches(value float64) bool {
	switch a.ComparisonOperator {
	case "GreaterThanOrEqualToThreshold":
		return value >= *a.Threshold
	case "GreaterThanThreshold":
		return value > *a.Threshold
	case "LessThanThreshold":
		return value < *a.Threshold
	default:
		return value <= *a.Threshold
	}
}

// needed is how many periods must breach.
func (a *AlarmSpec) needed() int {
	if a.DatapointsToAlarm != nil {
		return *a.DatapointsToAlarm
	}
	return a.EvaluationPeriods
}

// judge decides as CloudWatch documents under "Configuring how CloudWatch alarms
// treat missing data": it takes the latest periods with data; missing ones stand
// in only for those that it lacks then. A state of "" leaves the alarm as it is.
func (a *AlarmSpec) judge(points []point) judgement {
	n, m := a.EvaluationPeriods, a.needed()
	var real []point // the latest first
	oldest := 0      // how many periods ago the oldest of them is that breaches; the latest is 1
	breaching := 0
	for i := len(points) - 1; i >= 0 && len(real) < n; i-- {
		if p := points[i]; p.known {
			real = append(real, p)
			if a.breaches(p.value) {
				breaching, oldest = breaching+1, len(points)-i
			}
		}
	}
	missing := n - len(real)
	switch {
	case breaching >= m:
		return judgement{state: InAlarm, reason: a.crossed(real, breaching, 0, "")}
	case missing == 0:
		return judgement{state: OK, reason: a.crossed(real, breaching, 0, "")}
	case a.TreatMissingData == "breaching":
		if breaching+missing >= m {
			return judgement{state: InAlarm, reason: a.crossed(real, breaching, missing, "Breaching")}
		}
		return judgement{state: OK, reason: a.crossed(real, breaching, missing, "Breaching")}
	case a.TreatMissingData == "notBreaching":
		return judgement{state: OK, reason: a.crossed(real, breaching, missing, "NonBreaching")}
	case a.TreatMissingData == "ignore" && breaching == len(real): // also if there are none
		return judgement{}
	case len(real) == 0:
		return judgement{state: InsufficientData, reason: fmt.Sprintf("Insufficient Data: %s unknown.", plural(n, "datapoint was", "datapoints were"))}
	case breaching < len(real):
		return judgement{state: OK, reason: a.crossed(real, breaching, 0, "")}
	case oldest >= m:
		return judgement{state: InAlarm, reason: a.crossed(real, breaching, 0, "")}
	}
	return judgement{} // what comes next will tell
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}

// crossed words why an alarm has the state that it gets.
func (a *AlarmSpec) crossed(real []point, breaching, missing int, treated string) string {
	var b strings.Builder
	b.WriteString("Threshold Crossed: ")
	alarm := breaching >= a.needed() || treated == "Breaching" && breaching+missing >= a.needed() || treated == "" && breaching == len(real)
	if len(real) > 0 {
		shown := make([]string, 0, len(real))
		for _, p := range real[:min(len(real), 5)] {
			shown = append(shown, fmt.Sprintf("%v (%s)", p.value, time.Unix(p.at, 0).UTC().Format("02/01/06 15:04:05")))
		}
		if len(real) > 5 {
			shown = append(shown, "...")
		}
		count, not := breaching, ""
		if !alarm {
			count, not = len(real)-breaching, "not "
		}
		fmt.Fprintf(&b, "%d out of the last %s [%s] %s %s%s the threshold (%v)", count, plural(len(real), "datapoint", "datapoints"),
			strings.Join(shown, ", "), map[bool]string{true: "was", false: "were"}[count == 1], not, a.relation(), *a.Threshold)
	} else {
		fmt.Fprintf(&b, "no datapoints were received for %s", plural(a.EvaluationPeriods, "period", "periods"))
	}
	if missing > 0 {
		fmt.Fprintf(&b, " and %s treated as [%s]", plural(missing, "missing datapoint was", "missing datapoints were"), treated)
	}
	if alarm {
		fmt.Fprintf(&b, " (minimum %s for OK -> ALARM transition)", plural(a.needed(), "datapoint", "datapoints"))
	} else {
		fmt.Fprintf(&b, " (minimum %s for ALARM -> OK transition)", plural(a.EvaluationPeriods-a.needed()+1, "datapoint", "datapoints"))
	}
	return short(b.String()+".", 1023)
}

func (a *AlarmSpec) relation() string {
	return map[string]string{
		"GreaterThanOrEqualToThreshold": "greater than or equal to",
		"GreaterThanThreshold":          "greater than",
		"LessThanThreshold":             "less than",
		"LessThanOrEqualToThreshold":    "less than or equal to",
	}[a.ComparisonOperator]
}

// reasonData is the reason for programs.
func (a *AlarmSpec) reasonData(points []point, now time.Time) string {
	const layout = "2006-01-02T15:04:05.000-0700"
	data := map[string]any{"version": "1.0", "queryDate": now.UTC().Format(layout), "period": a.period(), "threshold": *a.Threshold}
	if stat := a.stat(); stat != "" {
		data["statistic"] = stat
	}
	if a.Unit != "" {
		data["unit"] = a.Unit
	}
	recent, evaluated := []float64{}, []map[string]any{}
	for _, p := range slices.Backward(points) {
		if p.known && len(recent) < min(a.EvaluationPeriods, 20) {
			recent = append([]float64{p.value}, recent...)
			evaluated = append(evaluated, map[string]any{"timestamp": time.Unix(p.at, 0).UTC().Format(layout), "value": p.value})
			data["startDate"] = time.Unix(p.at, 0).UTC().Format(layout)
		}
	}
	data["recentDatapoints"], data["evaluatedDatapoints"] = recent, evaluated
	text, err := json.Marshal(data)
	if err != nil || len(text) > 4000 {
		return ""
	}
	return string(text)
}
