package monitor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/heliograph/heliograph/internal/telemetry"
)

// DataQuery asks for one row of values: a metric's statistic or an expression
// over other rows.
type DataQuery struct {
	ID         string      `json:"Id"`
	MetricStat *MetricStat `json:",omitempty"`
	Expression string      `json:",omitempty"`
	Label      string      `json:",omitempty"`
	ReturnData *bool       `json:",omitempty"` // nil: true
	Period     int         `json:",omitempty"` // of an expression
}

// MetricStat is a metric's statistic, period by period.
type MetricStat struct {
	Metric Metric
	Period int    // seconds
	Stat   string // one of Statistics, or a percentile
	Unit   string `json:",omitempty"` // "": all together
}

// DataRequest is rows that are asked for together.
type DataRequest struct {
	Queries            []DataQuery
	StartTime, EndTime time.Time
	Ascending          bool
	MaxDatapoints      int // of all rows together; 0: 100,800
	NextToken          string
}

// DataRow is the values that a row has.
type DataRow struct {
	ID, Label  string
	Timestamps []time.Time
	Values     []float64
	Partial    bool // the next page has more of it
}

const (
	maxQueries    = 500
	maxDataPoints = 100_800
)

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]{0,254}$`)

// GetMetricData returns the rows whose ReturnData isn't false, and the token of
// the next page, "" if there is none.
func (s *Service) GetMetricData(ctx context.Context, r DataRequest) (rows []DataRow, next string, err error) {
	if err := s.Authorizer.Authorize(ctx, "cloudwatch:GetMetricData", "*"); err != nil {
		return nil, "", err
	}
	if err := checkRange(r.StartTime, r.EndTime); err != nil {
		return nil, "", err
	}
	if err := checkQueries(r.Queries, "MetricDataQueries"); err != nil {
		return nil, "", err
	}
	limit := maxDataPoints
	switch {
	case r.MaxDatapoints < 0 || r.MaxDatapoints > maxDataPoints:
		return nil, "", refuse(codeValidation, "The value %d for parameter MaxDatapoints must be between 1 and %d.", r.MaxDatapoints, maxDataPoints)
	case r.MaxDatapoints > 0:
		limit = r.MaxDatapoints
	}
	skip, err := parseDataToken(r.NextToken)
	if err != nil {
		return nil, "", err
	}
	values, err := s.evaluateQueries(ctx, r.Queries, r.StartTime, r.EndTime)
	if err != nil {
		return nil, "", err
	}
	at := 0 // of all values, the one that comes next
	for i, q := range r.Queries {
		if !q.returned() {
			continue
		}
		row := DataRow{ID: q.ID, Label: q.label()}
		times := slices.Sorted(maps.Keys(values[i]))
		if !r.Ascending {
			slices.Reverse(times)
		}
		begin := at
		for _, t := range times {
			if at >= skip && at < skip+limit {
				row.Timestamps = append(row.Timestamps, time.Unix(t, 0).UTC())
				row.Values = append(row.Values, values[i][t])
			}
			at++
		}
		row.Partial = at > skip+limit
		if skip == 0 || at > skip && begin < skip+limit {
			rows = append(rows, row)
		}
	}
	if at > skip+limit {
		next = dataToken(skip + limit)
	}
	return rows, next, nil
}

func dataToken(skip int) string {
	text, _ := json.Marshal(skip) // a number always encodes
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseDataToken(token string) (skip int, err error) {
	if token == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || json.Unmarshal(text, &skip) != nil || skip < 1 {
		return 0, refuse(codeToken, "The specified NextToken is not one that this request gave.")
	}
	return skip, nil
}

func (q *DataQuery) returned() bool { return q.ReturnData == nil || *q.ReturnData }

func (q *DataQuery) label() string {
	switch {
	case q.Label != "":
		return q.Label
	case q.MetricStat != nil:
		return q.MetricStat.Metric.MetricName
	}
	return q.ID
}

// checkQueries refuses queries that can't be answered; at is where they are.
func checkQueries(queries []DataQuery, at string) error {
	if len(queries) == 0 {
		return refuse(codeMissing, "The parameter %s is required.", at)
	}
	if len(queries) > maxQueries {
		return refuse(codeValidation, "The collection %s must not have a size greater than %d.", at, maxQueries)
	}
	seen := map[string]bool{}
	for _, q := range queries {
		switch {
		case !queryID.MatchString(q.ID):
			return refuse(codeValidation, "The value %s for the Id of a metric data query must begin with a lower-case letter and have only letters, digits and _.", clip(q.ID))
		case seen[q.ID]:
			return refuse(codeValidation, "The values for parameter id in %s are not unique: %s.", at, q.ID)
		case (q.MetricStat == nil) == (q.Expression == ""):
			return refuse(codeValidation, "The metric data query %s must have exactly one of MetricStat and Expression.", q.ID)
		case len(q.Expression) > 2048:
			return refuse(codeValidation, "The Expression of the metric data query %s is longer than 2048 bytes.", q.ID)
		}
		seen[q.ID] = true
		if m := q.MetricStat; m != nil {
			if err := m.Metric.check(q.ID + ": "); err != nil {
				return err
			}
			if err := checkUnit(m.Unit, q.ID+": "); err != nil {
				return err
			}
			if err := checkPeriod(m.Period, q.ID+": Period"); err != nil {
				return err
			}
			if err := checkStat(m.Stat); err != nil {
				return err
			}
		}
	}
	_, err := parseQueries(queries)
	return err
}

func checkStat(name string) error {
	if _, ok := percentile(name); !ok && !slices.Contains(statistics, name) {
		return refuse(codeValidation, "The value %s for parameter Stat is not supported; give one of SampleCount, Average, Sum, Minimum, Maximum, or a percentile such as p99.", clip(name))
	}
	return nil
}

// row is values by the time in seconds at which their periods begin.
type row map[int64]float64

// evaluateQueries returns the row of each query, which checkQueries has passed.
func (s *Service) evaluateQueries(ctx context.Context, queries []DataQuery, start, end time.Time) ([]row, error) {
	plan, err := parseQueries(queries)
	if err != nil {
		return nil, err
	}
	rows := make([]row, len(queries))
	for _, i := range plan.order {
		q := queries[i]
		if q.MetricStat == nil {
			if rows[i], err = plan.evaluate(i, queries, rows); err != nil {
				return nil, err
			}
			continue
		}
		if rows[i], err = s.metricRow(ctx, *q.MetricStat, roundStart(start, q.MetricStat.Period, s.Now()), end); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func (s *Service) metricRow(ctx context.Context, m MetricStat, start, end time.Time) (row, error) {
	series, err := s.series(ctx, m.Metric, m.Unit)
	if err != nil {
		return nil, err
	}
	var periods map[int64]*telemetry.Statistics
	if periods, err = s.periods(ctx, series, start, end, m.Period); err != nil {
		return nil, err
	}
	values := row{}
	for at, v := range periods {
		if value, ok := Statistic(*v, m.Stat); ok {
			values[at] = value
		}
	}
	return values, nil
}
