package monitor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// Dimension is a name and a value that tell a metric from others of its name.
type Dimension = telemetry.Dimension

// Metric is a metric's name.
type Metric struct {
	Namespace  string      `json:",omitempty"`
	MetricName string      `json:",omitempty"`
	Dimensions []Dimension `json:",omitempty"`
}

// dimensions writes equal sets of dimensions in the same way.
func (m Metric) dimensions() string {
	sorted := slices.SortedFunc(slices.Values(m.Dimensions), func(a, b Dimension) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
	pairs := make([][2]string, len(sorted))
	for i, d := range sorted {
		pairs[i] = [2]string{d.Name, d.Value}
	}
	text, _ := json.Marshal(pairs) // strings always encode
	return string(text)
}

func parseDimensions(text string) []Dimension {
	var pairs [][2]string
	if json.Unmarshal([]byte(text), &pairs) != nil {
		return nil // it was written by dimensions
	}
	list := make([]Dimension, len(pairs))
	for i, p := range pairs {
		list[i] = Dimension{Name: p[0], Value: p[1]}
	}
	return list
}

// Units are CloudWatch's units.
var units = []string{
	"Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits",
	"Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second",
	"Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second", "Terabits/Second", "Count/Second", "None",
}

func unitOr(unit string) string { return cmp.Or(unit, "None") }

// The codes of CloudWatch's errors.
const (
	codeValue       = "InvalidParameterValue"
	codeCombination = "InvalidParameterCombination"
	codeMissing     = "MissingParameter"
	codeValidation  = "ValidationError"
	codeToken       = "InvalidNextToken"
	codeNotFound    = "ResourceNotFound"
	codeFormat      = "InvalidFormat"
	codeLimit       = "LimitExceeded"
)

func refuse(code, format string, args ...any) error {
	return errs.New(errs.Invalid, code, format, args...)
}

// clip bounds what is echoed of a request.
func clip(text string) string {
	if len(text) > 200 {
		text = text[:200] + "..."
	}
	return strings.ToValidUTF8(text, "?")
}

// check refuses a metric that can't be named so; at is where it is in the request.
func (m *Metric) check(at string) error {
	switch {
	case m.Namespace == "":
		return refuse(codeMissing, "The parameter %sNamespace is required.", at)
	case len(m.Namespace) > 255 || m.Namespace[0] == ':' || !printable(m.Namespace):
		return refuse(codeValue, "The value %s for parameter %sNamespace is invalid.", clip(m.Namespace), at)
	case m.MetricName == "":
		return refuse(codeMissing, "The parameter %sMetricName is required.", at)
	case len(m.MetricName) > 255 || !printable(m.MetricName):
		return refuse(codeValue, "The value %s for parameter %sMetricName is invalid.", clip(m.MetricName), at)
	case len(m.Dimensions) > 30:
		return refuse(codeValue, "The collection %sDimensions must not have a size greater than 30.", at)
	}
	seen := map[string]bool{}
	for i, d := range m.Dimensions {
		where := fmt.Sprintf("%sDimensions.member.%d", at, i+1)
		switch {
		case d.Name == "":
			return refuse(codeMissing, "The parameter %s.Name is required.", where)
		case d.Value == "":
			return refuse(codeMissing, "The parameter %s.Value is required.", where)
		case len(d.Name) > 255 || d.Name[0] == ':' || !printable(d.Name):
			return refuse(codeValue, "The value %s for parameter %s.Name is invalid.", clip(d.Name), where)
		case len(d.Value) > 1024 || !printable(d.Value):
			return refuse(codeValue, "The value %s for parameter %s.Value is invalid.", clip(d.Value), where)
		case seen[d.Name]:
			return refuse(codeValue, "The value %s for parameter %s.Name is given twice.", clip(d.Name), where)
		}
		seen[d.Name] = true
	}
	return nil
}

// printable reports whether a text has no control characters.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\uFFFD' })
}

func checkUnit(unit, at string) error {
	if unit != "" && !slices.Contains(units, unit) {
		return refuse(codeValue, "The parameter %sUnit must be a value in the set [ %s ].", at, strings.Join(units, ", "))
	}
	return nil
}

// Datum is values of a metric that a user publishes: one of Value, StatisticValues
// and Values is given.
type Datum struct {
	MetricName        string
	Dimensions        []Dimension
	Timestamp         time.Time // zero: now
	Value             *float64
	StatisticValues   *StatisticSet
	Values, Counts    []float64 // of equal lengths; no Counts: each value once
	Unit              string
	StorageResolution *int // 1 or 60 seconds; nil: 60
}

// StatisticSet sums up values whose distribution is not told.
type StatisticSet struct {
	SampleCount, Sum, Minimum, Maximum float64
}

const (
	maxData   = 1000 // in one call
	maxValues = 150  // in one datum
	oldest    = 14 * day
	newest    = 2 * time.Hour
)

// maxValue is the greatest magnitude that CloudWatch takes, 2 to the 360th.
var maxValue = math.Ldexp(1, 360)

// PutMetricData adds values to metrics in a namespace. Names that begin with AWS/
// and /aws/ are the server's own.
func (s *Service) PutMetricData(ctx context.Context, namespace string, data []Datum) error {
	if err := s.Authorizer.Authorize(ctx, "cloudwatch:PutMetricData", "*"); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(namespace, "AWS/"):
		return refuse(codeValue, "The value AWS/ for parameter Namespace is invalid.")
	case strings.HasPrefix(namespace, "/aws/"):
		return refuse(codeValue, "The value %s for parameter Namespace is invalid: /aws/ is the server's own.", clip(namespace))
	case len(data) == 0:
		return refuse(codeMissing, "The parameter MetricData is required.")
	case len(data) > maxData:
		return refuse(codeValue, "The collection MetricData must not have a size greater than %d.", maxData)
	}
	now := s.Now()
	points := make([]store.Measured, 0, len(data))
	for i := range data {
		p, err := data[i].point(namespace, fmt.Sprintf("MetricData.member.%d.", i+1), now)
		if err != nil {
			return err
		}
		points = append(points, p)
	}
	return s.DB.PutMetrics(ctx, points, mergePoints)
}

// Publish adds samples of the server's own, at the time that each has. It is part
// of ctx's transaction, if there is one.
func (s *Service) Publish(ctx context.Context, at time.Time, samples ...telemetry.Sample) error {
	points := make([]store.Measured, len(samples))
	for i, v := range samples {
		metric := Metric{v.Namespace, v.Name, v.Dimensions}
		points[i] = store.Measured{
			MetricSeries: store.MetricSeries{Namespace: v.Namespace, Name: v.Name, Dimensions: metric.dimensions(), Unit: unitOr(v.Unit)},
			MetricPoint:  pointOf(v.Statistics, 60, at.Truncate(time.Minute).Unix()),
		}
	}
	return s.DB.PutMetrics(ctx, points, mergePoints)
}

func (d *Datum) point(namespace, at string, now time.Time) (p store.Measured, err error) {
	metric := Metric{namespace, d.MetricName, d.Dimensions}
	if err := metric.check(at); err != nil {
		return p, err
	}
	if err := checkUnit(d.Unit, at); err != nil {
		return p, err
	}
	when := d.Timestamp
	switch {
	case when.IsZero():
		when = now
	case when.Before(now.Add(-oldest)):
		return p, refuse(codeValue, "The parameter %sTimestamp must specify a time within the past two weeks.", at)
	case when.After(now.Add(newest)):
		return p, refuse(codeValue, "The parameter %sTimestamp must specify a time no more than two hours in the future.", at)
	}
	span := int64(60)
	switch r := d.StorageResolution; {
	case r == nil || *r == 60:
	case *r == 1:
		span = 1
	default:
		return p, refuse(codeValue, "The parameter %sStorageResolution must be 1 or 60.", at)
	}
	values, err := d.statistics(at)
	if err != nil {
		return p, err
	}
	return store.Measured{
		MetricSeries: store.MetricSeries{Namespace: namespace, Name: d.MetricName, Dimensions: metric.dimensions(), Unit: unitOr(d.Unit)},
		MetricPoint:  pointOf(values, span, when.Unix()-when.Unix()%span),
	}, nil
}

// statistics sums the values up.
func (d *Datum) statistics(at string) (v telemetry.Statistics, err error) {
	given := 0
	for _, is := range []bool{d.Value != nil, d.StatisticValues != nil, len(d.Values) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given == 0:
		return v, refuse(codeMissing, "At least one of the parameters must be specified: %[1]sValue, %[1]sStatisticValues, %[1]sValues.", at)
	case given > 1:
		return v, refuse(codeCombination, "The parameters %[1]sValue, %[1]sStatisticValues and %[1]sValues are mutually exclusive and you have specified more than one.", at)
	case len(d.Counts) > 0 && len(d.Counts) != len(d.Values):
		return v, refuse(codeValue, "The parameters %[1]sValues and %[1]sCounts must have the same size.", at)
	case len(d.Values) > maxValues:
		return v, refuse(codeValue, "The collection %sValues must not have a size greater than %d.", at, maxValues)
	}
	number := func(name string, n float64) {
		if err == nil && (math.IsNaN(n) || math.Abs(n) > maxValue) {
			err = refuse(codeValue, "The value %v for parameter %s%s is invalid.", n, at, name)
		}
	}
	switch {
	case d.Value != nil:
		if number("Value", *d.Value); err == nil {
			v = telemetry.Repeated(*d.Value, 1)
		}
	case d.StatisticValues != nil:
		set := d.StatisticValues
		number("StatisticValues.SampleCount", set.SampleCount)
		number("StatisticValues.Sum", set.Sum)
		number("StatisticValues.Minimum", set.Minimum)
		number("StatisticValues.Maximum", set.Maximum)
		switch {
		case err != nil:
		case set.SampleCount <= 0:
			err = refuse(codeValue, "The value %v for parameter %sStatisticValues.SampleCount is invalid.", set.SampleCount, at)
		case set.Minimum > set.Maximum:
			err = refuse(codeValue, "The parameter %[1]sStatisticValues.Maximum must be greater than or equal to %[1]sStatisticValues.Minimum.", at)
		case set.Minimum == set.Maximum:
			v = telemetry.Repeated(set.Minimum, set.SampleCount)
			v.Sum = set.Sum
		default:
			v = telemetry.Statistics{Count: set.SampleCount, Sum: set.Sum, Min: set.Minimum, Max: set.Maximum}
		}
	default:
		for i, value := range d.Values {
			count := 1.0
			if len(d.Counts) > 0 {
				count = d.Counts[i]
			}
			number(fmt.Sprintf("Values.member.%d", i+1), value)
			number(fmt.Sprintf("Counts.member.%d", i+1), count)
			if err == nil && count <= 0 {
				err = refuse(codeValue, "The value %v for parameter %sCounts.member.%d is invalid.", count, at, i+1)
			}
			if err != nil {
				break
			}
			v.Merge(telemetry.Repeated(value, count))
		}
	}
	return v, err
}
