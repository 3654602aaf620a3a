package monitor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// StatisticsQuery asks for statistics of a metric, period by period.
type StatisticsQuery struct {
	Metric
	StartTime, EndTime time.Time
	Period             int      // seconds
	Statistics         []string // SampleCount, Average, Sum, Minimum, Maximum
	ExtendedStatistics []string // p0 to p100
	Unit               string   // "": each
}

// Datapoint is what a metric came to in a period.
type Datapoint struct {
	Timestamp  time.Time // when the period begins
	Unit       string
	Statistics telemetry.Statistics
}

var statistics = []string{"SampleCount", "Average", "Sum", "Minimum", "Maximum"}

// maxDatapoints is how many GetMetricStatistics may ask for.
const maxDatapoints = 1440

// GetMetricStatistics returns the periods that have data, by unit and time.
func (s *Service) GetMetricStatistics(ctx context.Context, q StatisticsQuery) ([]Datapoint, error) {
	if err := s.Authorizer.Authorize(ctx, "cloudwatch:GetMetricStatistics", "*"); err != nil {
		return nil, err
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	start := roundStart(q.StartTime, q.Period, s.Now())
	if n := int(q.EndTime.Sub(start).Seconds()) / q.Period; n > maxDatapoints {
		return nil, refuse(codeCombination, "You have requested up to %d datapoints, which exceeds the limit of %d. "+
			"You may reduce the datapoints requested by increasing Period, or decreasing the time range.", n, maxDatapoints)
	}
	series, err := s.series(ctx, q.Metric, q.Unit)
	if err != nil {
		return nil, err
	}
	var points []Datapoint
	for _, one := range series {
		periods, err := s.periods(ctx, []store.MetricSeries{one}, start, q.EndTime, q.Period)
		if err != nil {
			return nil, err
		}
		for _, at := range slices.Sorted(maps.Keys(periods)) {
			points = append(points, Datapoint{time.Unix(at, 0).UTC(), one.Unit, *periods[at]})
		}
	}
	return points, nil
}

func (q *StatisticsQuery) check() error {
	if err := q.Metric.check(""); err != nil {
		return err
	}
	if err := checkUnit(q.Unit, ""); err != nil {
		return err
	}
	if err := checkRange(q.StartTime, q.EndTime); err != nil {
		return err
	}
	if err := checkPeriod(q.Period, "Period"); err != nil {
		return err
	}
	switch {
	case len(q.Statistics) == 0 && len(q.ExtendedStatistics) == 0:
		return refuse(codeMissing, "Must specify either Statistics or ExtendedStatistics.")
	case len(q.Statistics) > 5:
		return refuse(codeValue, "The collection Statistics must not have a size greater than 5.")
	case len(q.ExtendedStatistics) > 10:
		return refuse(codeValue, "The collection ExtendedStatistics must not have a size greater than 10.")
	}
	for i, name := range q.Statistics {
		if !slices.Contains(statistics, name) {
			return refuse(codeValue, "The parameter Statistics.member.%d must be a value in the set [ %s ].", i+1, strings.Join(statistics, ", "))
		}
	}
	for i, name := range q.ExtendedStatistics {
		if _, ok := percentile(name); !ok {
			return refuse(codeValue, "The value %s for parameter ExtendedStatistics.member.%d is not supported; give a percentile such as p99 or p99.9.", clip(name), i+1)
		}
	}
	return nil
}

func checkRange(start, end time.Time) error {
	switch {
	case start.IsZero():
		return refuse(codeMissing, "The parameter StartTime is required.")
	case end.IsZero():
		return refuse(codeMissing, "The parameter EndTime is required.")
	case !start.Before(end):
		return refuse(codeValue, "The parameter StartTime must be less than the parameter EndTime.")
	case start.Year() < 1970 || end.Year() > 2200:
		return refuse(codeValue, "The parameters StartTime and EndTime must be between the years 1970 and 2200.")
	}
	return nil
}

func checkPeriod(period int, name string) error {
	switch {
	case period == 0:
		return refuse(codeMissing, "The parameter %s is required.", name)
	case period == 1, period == 5, period == 10, period == 20, period == 30:
	case period < 0 || period%60 != 0 || period > 86400*365:
		return refuse(codeValue, "The parameter %s must be 1, 5, 10, 20, 30, or a multiple of 60.", name)
	}
	return nil
}

// percentile reads a statistic such as p99.9.
func percentile(name string) (percent float64, ok bool) {
	digits, ok := strings.CutPrefix(name, "p")
	if !ok || digits == "" || strings.Trim(digits, "0123456789.") != "" || len(digits) > 16 {
		return 0, false
	}
	percent, err := strconv.ParseFloat(digits, 64)
	return percent, err == nil && percent <= 100
}

// Statistic returns one of the values that the statistics come to; ok is false
// if it is not known, as a percentile of a StatisticSet isn't.
func Statistic(v telemetry.Statistics, name string) (value float64, ok bool) {
	switch name {
	case "SampleCount":
		return v.Count, true
	case "Average":
		return v.Sum / v.Count, true
	case "Sum":
		return v.Sum, true
	case "Minimum":
		return v.Min, true
	case "Maximum":
		return v.Max, true
	}
	if percent, ok := percentile(name); ok {
		return v.Percentile(percent)
	}
	return 0, false
}

// roundStart rounds a start down as CloudWatch does: to what there is of that age.
func roundStart(start time.Time, period int, now time.Time) time.Time {
	to := time.Minute
	switch age := now.Sub(start); {
	case age > 63*day:
		to = time.Hour
	case age > 15*day:
		to = 5 * time.Minute
	case period < 60:
		to = time.Duration(period) * time.Second
	}
	return start.Truncate(to)
}

// series finds those of a metric: that of a unit, or all.
func (s *Service) series(ctx context.Context, m Metric, unit string) ([]store.MetricSeries, error) {
	dimensions := m.dimensions()
	all, err := s.DB.MetricSeries(ctx, store.MetricQuery{Namespace: m.Namespace, Name: m.MetricName, Dimensions: &dimensions})
	if unit != "" {
		all = slices.DeleteFunc(all, func(one store.MetricSeries) bool { return one.Unit != unit })
	}
	slices.SortFunc(all, func(a, b store.MetricSeries) int { return strings.Compare(a.Unit, b.Unit) })
	return all, err
}

// periods merges the points of series into periods, by the time in seconds at
// which each begins. start is the beginning of the first.
func (s *Service) periods(ctx context.Context, series []store.MetricSeries, start, end time.Time, period int) (map[int64]*telemetry.Statistics, error) {
	periods := map[int64]*telemetry.Statistics{}
	from, upTo := start.Unix(), end.Unix()
	if end.Nanosecond() > 0 {
		upTo++
	}
	for _, one := range series {
		err := s.DB.MetricPoints(ctx, one.ID, from, upTo, func(p store.MetricPoint) error {
			v, err := statisticsOf(p)
			if err != nil {
				return fmt.Errorf("a point of metric %s at %d: %w", one.Name, p.At, err)
			}
			at := p.At - (p.At-from)%int64(period)
			if have := periods[at]; have != nil {
				have.Merge(v)
			} else {
				periods[at] = &v
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return periods, nil
}

// ListQuery selects metrics. Zero fields select everything.
type ListQuery struct {
	Namespace, MetricName string
	Dimensions            []Dimension // each of them; one without a value stands for any
	RecentlyActive        string      // PT3H, or ""
	NextToken             string
}

// maxListed is how many metrics a page has.
const maxListed = 500

// ListMetrics returns a page of the metrics with data of the last two weeks, or
// three hours, and the token of the next page, "" if there is none.
func (s *Service) ListMetrics(ctx context.Context, q ListQuery) (page []Metric, next string, err error) {
	if err := s.Authorizer.Authorize(ctx, "cloudwatch:ListMetrics", "*"); err != nil {
		return nil, "", err
	}
	age := oldest
	switch q.RecentlyActive {
	case "":
	case "PT3H":
		age = 3 * time.Hour
	default:
		return nil, "", refuse(codeValue, "The parameter RecentlyActive must be a value in the set [ PT3H ].")
	}
	if len(q.Dimensions) > 10 {
		return nil, "", refuse(codeValue, "The collection Dimensions must not have a size greater than 10.")
	}
	list := store.MetricQuery{Namespace: q.Namespace, Name: q.MetricName, Distinct: true, UpdatedAfter: s.Now().Add(-age).Unix(), Limit: 1000}
	if q.NextToken != "" {
		if list.After, err = strconv.ParseInt(q.NextToken, 36, 64); err != nil || list.After < 1 {
			return nil, "", refuse(codeValue, "The value %s for parameter NextToken is invalid.", clip(q.NextToken))
		}
	}
	for {
		series, err := s.DB.MetricSeries(ctx, list)
		if err != nil {
			return nil, "", err
		}
		for _, one := range series {
			dimensions := parseDimensions(one.Dimensions)
			if !hold(q.Dimensions, dimensions) {
				list.After = one.ID
				continue
			}
			if len(page) == maxListed {
				return page, strconv.FormatInt(list.After, 36), nil
			}
			page = append(page, Metric{one.Namespace, one.Name, dimensions})
			list.After = one.ID
		}
		if len(series) < list.Limit {
			return page, "", nil
		}
	}
}

// hold reports whether a metric has each of the dimensions wanted.
func hold(wanted, have []Dimension) bool {
	for _, w := range wanted {
		if !slices.ContainsFunc(have, func(d Dimension) bool { return d.Name == w.Name && (w.Value == "" || d.Value == w.Value) }) {
			return false
		}
	}
	return true
}
