package cloudwatch

import (
	"context"
	"encoding/xml"
	"maps"
	"slices"
	"time"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/monitor"
)

type dimension = monitor.Dimension

// metric is a metric as answers name it.
type metric struct {
	Namespace  string          `json:",omitempty" xml:",omitempty"`
	MetricName string          `json:",omitempty" xml:",omitempty"`
	Dimensions list[dimension] `json:",omitempty"`
}

func metricOf(m monitor.Metric) metric {
	return metric{m.Namespace, m.MetricName, list[dimension](m.Dimensions)}
}

type putMetricDataInput struct {
	Namespace        string
	MetricData       []metricDatum
	EntityMetricData []struct{ MetricData []metricDatum }
}

type metricDatum struct {
	MetricName        string
	Dimensions        []dimension
	Timestamp         wire.Time
	Value             *float64
	StatisticValues   *monitor.StatisticSet
	Values, Counts    []float64
	Unit              string
	StorageResolution *int
}

func (a api) putMetricData(ctx context.Context, in *putMetricDataInput) (*none, error) {
	for _, e := range in.EntityMetricData { // what it is about, nobody here asks for
		in.MetricData = append(in.MetricData, e.MetricData...)
	}
	data := make([]monitor.Datum, len(in.MetricData))
	for i, d := range in.MetricData {
		data[i] = monitor.Datum{
			MetricName: d.MetricName, Dimensions: d.Dimensions, Timestamp: d.Timestamp.Std(), Value: d.Value, StatisticValues: d.StatisticValues,
			Values: d.Values, Counts: d.Counts, Unit: d.Unit, StorageResolution: d.StorageResolution,
		}
	}
	return done(a.service.PutMetricData(ctx, in.Namespace, data))
}

type getMetricStatisticsInput struct {
	Namespace          string
	MetricName         string
	Dimensions         []dimension
	StartTime, EndTime wire.Time
	Period             int
	Statistics         []string
	ExtendedStatistics []string
	Unit               string
}

type getMetricStatisticsOutput struct {
	Label      string
	Datapoints list[datapoint]
}

type datapoint struct {
	Timestamp          wire.Time
	SampleCount        *float64 `json:",omitempty" xml:",omitempty"`
	Average            *float64 `json:",omitempty" xml:",omitempty"`
	Sum                *float64 `json:",omitempty" xml:",omitempty"`
	Minimum            *float64 `json:",omitempty" xml:",omitempty"`
	Maximum            *float64 `json:",omitempty" xml:",omitempty"`
	Unit               string
	ExtendedStatistics numbers `json:",omitempty" xml:",omitempty"`
}

// numbers are values by name.
type numbers map[string]float64

// MarshalXML writes an <entry> for each, by name.
func (n numbers) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	type entry struct {
		Key   string  `xml:"key"`
		Value float64 `xml:"value"`
	}
	var entries []entry
	for _, name := range slices.Sorted(maps.Keys(n)) {
		entries = append(entries, entry{name, n[name]})
	}
	return e.EncodeElement(struct {
		Entry []entry `xml:"entry"`
	}{entries}, start)
}

func (a api) getMetricStatistics(ctx context.Context, in *getMetricStatisticsInput) (*getMetricStatisticsOutput, error) {
	points, err := a.service.GetMetricStatistics(ctx, monitor.StatisticsQuery{
		Metric:    monitor.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions},
		StartTime: in.StartTime.Std(), EndTime: in.EndTime.Std(), Period: in.Period,
		Statistics: in.Statistics, ExtendedStatistics: in.ExtendedStatistics, Unit: in.Unit,
	})
	if err != nil {
		return nil, err
	}
	out := &getMetricStatisticsOutput{Label: in.MetricName, Datapoints: list[datapoint]{}}
	for _, p := range points {
		d := datapoint{Timestamp: wire.Time(p.Timestamp), Unit: p.Unit}
		for name, member := range map[string]**float64{"SampleCount": &d.SampleCount, "Average": &d.Average, "Sum": &d.Sum, "Minimum": &d.Minimum, "Maximum": &d.Maximum} {
			if slices.Contains(in.Statistics, name) {
				value, _ := monitor.Statistic(p.Statistics, name)
				*member = &value
			}
		}
		for _, name := range in.ExtendedStatistics {
			if value, ok := monitor.Statistic(p.Statistics, name); ok {
				if d.ExtendedStatistics == nil {
					d.ExtendedStatistics = numbers{}
				}
				d.ExtendedStatistics[name] = value
			}
		}
		if len(in.Statistics) > 0 || d.ExtendedStatistics != nil {
			out.Datapoints = append(out.Datapoints, d)
		}
	}
	return out, nil
}

// dataQuery is monitor.DataQuery on its way in and out.
type dataQuery struct {
	ID         string      `json:"Id" xml:"Id" form:"Id"`
	MetricStat *metricStat `json:",omitempty" xml:",omitempty"`
	Expression string      `json:",omitempty" xml:",omitempty"`
	Label      string      `json:",omitempty" xml:",omitempty"`
	ReturnData *bool       `json:",omitempty" xml:",omitempty"`
	Period     int         `json:",omitempty" xml:",omitempty"`
	AccountID  string      `json:"AccountId,omitempty" xml:"-"`
}

type metricStat struct {
	Metric metric
	Period int
	Stat   string
	Unit   string `json:",omitempty" xml:",omitempty"`
}

func queriesIn(in []dataQuery) (queries []monitor.DataQuery) {
	for _, q := range in {
		d := monitor.DataQuery{ID: q.ID, Expression: q.Expression, Label: q.Label, ReturnData: q.ReturnData, Period: q.Period}
		if m := q.MetricStat; m != nil {
			d.MetricStat = &monitor.MetricStat{
				Metric: monitor.Metric{Namespace: m.Metric.Namespace, MetricName: m.Metric.MetricName, Dimensions: m.Metric.Dimensions},
				Period: m.Period, Stat: m.Stat, Unit: m.Unit,
			}
		}
		queries = append(queries, d)
	}
	return queries
}

func queryOut(q monitor.DataQuery) dataQuery {
	d := dataQuery{ID: q.ID, Expression: q.Expression, Label: q.Label, ReturnData: q.ReturnData, Period: q.Period}
	if m := q.MetricStat; m != nil {
		d.MetricStat = &metricStat{metricOf(m.Metric), m.Period, m.Stat, m.Unit}
	}
	return d
}

type getMetricDataInput struct {
	MetricDataQueries  []dataQuery
	StartTime, EndTime wire.Time
	ScanBy             string
	MaxDatapoints      int
	NextToken          string
}

type getMetricDataOutput struct {
	MetricDataResults list[metricDataResult]
	NextToken         string     `json:",omitempty" xml:",omitempty"`
	Messages          list[none] // there are none
}

type metricDataResult struct {
	ID         string `json:"Id" xml:"Id"`
	Label      string
	Timestamps list[wire.Time]
	Values     list[float64]
	StatusCode string
}

func (a api) getMetricData(ctx context.Context, in *getMetricDataInput) (*getMetricDataOutput, error) {
	ascending, err := ascending(in.ScanBy)
	if err != nil {
		return nil, err
	}
	rows, next, err := a.service.GetMetricData(ctx, monitor.DataRequest{
		Queries: queriesIn(in.MetricDataQueries), StartTime: in.StartTime.Std(), EndTime: in.EndTime.Std(),
		Ascending: ascending, MaxDatapoints: in.MaxDatapoints, NextToken: in.NextToken,
	})
	if err != nil {
		return nil, err
	}
	return &getMetricDataOutput{
		MetricDataResults: listOf(rows, func(r monitor.DataRow) metricDataResult {
			status := "Complete"
			if r.Partial {
				status = "PartialData"
			}
			return metricDataResult{r.ID, r.Label, listOf(r.Timestamps, func(t time.Time) wire.Time { return wire.Time(t) }),
				listOf(r.Values, func(v float64) float64 { return v }), status}
		}),
		NextToken: next, Messages: list[none]{},
	}, nil
}

func ascending(scanBy string) (bool, error) {
	switch scanBy {
	case "TimestampAscending":
		return true, nil
	case "", "TimestampDescending":
		return false, nil
	}
	return false, errs.New(errs.Invalid, "ValidationError", "1 validation error detected: Value '%.100s' at 'scanBy' failed to satisfy constraint: Member must satisfy enum value set: [TimestampDescending, TimestampAscending]", scanBy)
}

type listMetricsInput struct {
	Namespace      string
	MetricName     string
	Dimensions     []dimension
	RecentlyActive string
	NextToken      string
}

type listMetricsOutput struct {
	Metrics   list[metric]
	NextToken string `json:",omitempty" xml:",omitempty"`
}

func (a api) listMetrics(ctx context.Context, in *listMetricsInput) (*listMetricsOutput, error) {
	page, next, err := a.service.ListMetrics(ctx, monitor.ListQuery(*in))
	if err != nil {
		return nil, err
	}
	return &listMetricsOutput{Metrics: listOf(page, metricOf), NextToken: next}, nil
}
