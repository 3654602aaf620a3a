package training

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

// properties are the first parts of the names of what can be searched.
var properties = []string{
	"TrainingJobName", "TrainingJobArn", "TuningJobArn", "TrainingJobStatus", "SecondaryStatus", "FailureReason", "RoleArn",
	"CreationTime", "LastModifiedTime", "TrainingStartTime", "TrainingEndTime", "TrainingTimeInSeconds", "BillableTimeInSeconds",
	"HyperParameters", "Tags", "Metrics", "ModelArtifacts", "AlgorithmSpecification", "InputDataConfig", "OutputDataConfig",
	"ResourceConfig", "StoppingCondition", "VpcConfig", "Environment", "ExperimentConfig", "CheckpointConfig", "SecondaryStatusTransitions",
	"FinalMetricDataList", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining",
}

func checkProperty(name string) error {
	first, _, _ := strings.Cut(name, ".")
	if !slices.Contains(properties, first) {
		return errs.Invalidf("Unknown property name: %s. A training job has these: %s.", jobs.Clip(name, 100), strings.Join(properties, ", "))
	}
	return nil
}

// value is one value of a property: a text, a number or a time.
type value struct {
	text   string
	number float64
	at     time.Time
	kind   valueKind
}

type valueKind int

const (
	textValue valueKind = iota
	numberValue
	timeValue
)

func textOf(s string) value {
	v := value{text: s}
	if n, err := strconv.ParseFloat(s, 64); err == nil { // hyperparameters are texts
		v.number, v.kind = n, numberValue
	}
	return v
}

func numberOf(n float64) value {
	return value{text: strconv.FormatFloat(n, 'g', -1, 64), number: n, kind: numberValue}
}

func timeOf(t time.Time) []value {
	if t.IsZero() {
		return nil
	}
	return []value{{at: t, kind: timeValue}}
}

// word is the value as Contains and In see it.
func (v value) word() string {
	if v.kind == timeValue {
		return v.at.UTC().Format(time.RFC3339)
	}
	return v.text
}

func (v value) compare(w value) int {
	switch {
	case v.kind == timeValue && w.kind == timeValue:
		return v.at.Compare(w.at)
	case v.kind == numberValue && w.kind == numberValue:
		return cmp.Compare(v.number, w.number)
	}
	return strings.Compare(v.text, w.text)
}

// parse reads what a filter gives as the kind of v; false if it can't be one.
func (v value) parse(given string) (value, bool) {
	switch v.kind {
	case timeValue:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02"} {
			if t, err := time.Parse(layout, given); err == nil {
				return value{at: t, kind: timeValue}, true
			}
		}
		return value{}, false
	case numberValue:
		n, err := strconv.ParseFloat(given, 64)
		return value{number: n, kind: numberValue}, err == nil
	}
	return value{text: given}, true
}

// searched is a job with its properties.
type searched struct {
	job  Job
	key  []value        // to sort by
	tree map[string]any // the job in JSON, once asked for
}

// values returns those of a property; none if the job doesn't have it.
func (j *searched) values(name string) []value {
	first, rest, _ := strings.Cut(name, ".")
	job := &j.job
	switch first {
	case "TrainingJobName":
		return []value{{text: job.TrainingJobName}}
	case "TrainingJobStatus":
		return []value{{text: job.TrainingJobStatus}}
	case "CreationTime":
		return timeOf(job.CreationTime)
	case "LastModifiedTime":
		return timeOf(job.LastModifiedTime)
	case "TrainingStartTime":
		return timeOf(job.TrainingStartTime)
	case "TrainingEndTime":
		return timeOf(job.TrainingEndTime)
	case "TrainingTimeInSeconds", "BillableTimeInSeconds":
		if job.TrainingEndTime.IsZero() {
			return nil
		}
		return []value{numberOf(float64(job.TrainingSeconds()))}
	case "TuningJobArn":
		if job.Tuned == nil {
			return nil
		}
		return []value{{text: job.Tuned.TuningJobArn}}
	case "ModelArtifacts":
		if job.S3ModelArtifacts == "" {
			return nil
		}
		return []value{{text: job.S3ModelArtifacts}}
	case "HyperParameters":
		if v, ok := job.HyperParameters[rest]; ok {
			return []value{textOf(v)}
		}
		return nil
	case "Metrics":
		for _, m := range job.FinalMetricDataList {
			if m.MetricName == rest {
				return []value{numberOf(m.Value)}
			}
		}
		return nil
	case "Tags":
		for _, t := range job.Tags {
			if t.Key == rest {
				return []value{{text: t.Value}}
			}
		}
		return nil
	}
	return valuesAt(j.json()[first], rest)
}

// json is the job as it is kept, whose members are the API's.
func (j *searched) json() map[string]any {
	if j.tree == nil {
		text, err := json.Marshal(j.job)
		if err != nil || json.Unmarshal(text, &j.tree) != nil {
			j.tree = map[string]any{}
		}
	}
	return j.tree
}

// valuesAt gathers the values at a path; elements of lists count together.
func valuesAt(at any, path string) (all []value) {
	switch at := at.(type) {
	case nil:
		return nil
	case []any:
		for _, element := range at {
			all = append(all, valuesAt(element, path)...)
		}
		return all
	case map[string]any:
		if path == "" {
			return []value{{text: "{}"}} // it exists
		}
		first, rest, _ := strings.Cut(path, ".")
		return valuesAt(at[first], rest)
	}
	if path != "" {
		return nil
	}
	switch at := at.(type) {
	case string:
		if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
			return timeOf(t)
		}
		if at == "" {
			return nil
		}
		return []value{textOf(at)}
	case float64:
		return []value{numberOf(at)}
	case bool:
		return []value{{text: strconv.FormatBool(at)}}
	}
	return nil
}

// holds reports whether the job satisfies the expression.
func (e *SearchExpression) holds(j *searched) bool {
	any := e.Operator == "Or"
	for _, f := range e.Filters {
		if f.holds(j.values(f.Name)) == any {
			return any
		}
	}
	for _, n := range e.NestedFilters {
		if n.hold(j) == any {
			return any
		}
	}
	for i := range e.SubExpressions {
		if e.SubExpressions[i].holds(j) == any {
			return any
		}
	}
	return !any
}

// hold reports whether one element of the list satisfies all filters.
func (n *NestedFilters) hold(j *searched) bool {
	var at any = j.json()
	for part := range strings.SplitSeq(n.NestedPropertyName, ".") {
		members, _ := at.(map[string]any)
		at = members[part]
	}
	elements, ok := at.([]any)
	if !ok && at != nil {
		elements = []any{at}
	}
	return slices.ContainsFunc(elements, func(element any) bool {
		for _, f := range n.Filters {
			if !f.holds(valuesAt(element, strings.TrimPrefix(f.Name, n.NestedPropertyName+"."))) {
				return false
			}
		}
		return true
	})
}

// holds reports whether one of a property's values satisfies the filter, or none
// where the operator denies something.
func (f *SearchFilter) holds(values []value) bool {
	test := func(ok func(order int) bool) bool {
		return slices.ContainsFunc(values, func(v value) bool {
			given, comparable := v.parse(*f.Value)
			return comparable && ok(v.compare(given))
		})
	}
	switch cmp.Or(f.Operator, opEquals) {
	case opExists:
		return len(values) > 0
	case opNotExists:
		return len(values) == 0
	case opEquals:
		return test(func(order int) bool { return order == 0 })
	case opNotEquals:
		return !test(func(order int) bool { return order == 0 })
	case opGreater:
		return test(func(order int) bool { return order > 0 })
	case opAtLeast:
		return test(func(order int) bool { return order >= 0 })
	case opLess:
		return test(func(order int) bool { return order < 0 })
	case opAtMost:
		return test(func(order int) bool { return order <= 0 })
	case opContains:
		return slices.ContainsFunc(values, func(v value) bool { return strings.Contains(v.word(), *f.Value) })
	case opIn:
		for word := range strings.SplitSeq(*f.Value, ",") {
			word = strings.TrimSpace(word)
			if slices.ContainsFunc(values, func(v value) bool { return v.word() == word }) {
				return true
			}
		}
	}
	return false
}
