package training

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// searchColumns answers a search that the store's query says exactly.
func (s *Service) searchColumns(ctx context.Context, q SearchQuery, list store.Query) (page []Job, next string, hits int, err error) {
	list.Limit, list.Token = cmp.Or(q.Limit, 10), q.Token
	// Both may walk all jobs: they do so at once.
	counting, cancel := context.WithCancel(ctx)
	var counted sync.WaitGroup
	defer counted.Wait()
	defer cancel()
	var all int
	var failed error
	counted.Go(func() { all, failed = s.jobs.Count(counting, list) })
	records, next, err := s.jobs.List(ctx, list)
	if errs.Is(err, errs.Invalid) {
		return nil, "", 0, errs.Wrap(err, errs.Invalid, "", foreignToken)
	} else if err != nil {
		return nil, "", 0, err
	}
	for _, r := range records {
		page = append(page, jobOf(r))
	}
	if q.Token == "" && next == "" {
		return page, "", len(page), nil
	}
	counted.Wait()
	return page, next, all, failed
}

func (q *SearchQuery) sortBy() string { return cmp.Or(q.SortBy, "LastModifiedTime") }

// columns turns what the query says about names, status and times into one for
// the store, which selects all jobs that the query does. exact reports whether
// it selects no others and has the query's order.
func (q *SearchQuery) columns() (list store.Query, exact bool) {
	list.Descending, exact = !q.Ascending, true
	switch q.sortBy() {
	case "LastModifiedTime":
		list.Order = store.ByUpdated
	case "CreationTime":
	default:
		exact = false
	}
	if q.Expression != nil {
		exact = q.Expression.narrow(&list) && exact
	}
	return list, exact
}

// narrow adds what every job must satisfy for the expression to hold, and reports whether that is all.
func (e *SearchExpression) narrow(list *store.Query) bool {
	if e.Operator == "Or" {
		return false
	}
	exact := len(e.NestedFilters) == 0
	for _, f := range e.Filters {
		exact = f.narrow(list) && exact
	}
	for i := range e.SubExpressions {
		exact = e.SubExpressions[i].narrow(list) && exact
	}
	return exact
}

func (f *SearchFilter) narrow(list *store.Query) bool {
	if f.Value == nil || *f.Value == "" {
		return false
	}
	op := cmp.Or(f.Operator, opEquals)
	if kind, _, _ := strings.Cut(f.Name, "."); op == opEquals && (kind == "Tags" || kind == "HyperParameters") {
		list.Terms = append(list.Terms, store.Term{Name: f.Name, Value: canonical(kind, *f.Value)})
		return true
	}
	switch f.Name {
	case "TrainingJobStatus":
		if op != opEquals || list.Status != "" && list.Status != *f.Value {
			return false
		}
		list.Status = *f.Value
		return true
	case "TrainingJobName":
		if op != opContains && op != opEquals || list.NameHolds != "" {
			return false
		}
		list.NameHolds = *f.Value
		return op == opContains
	case "CreationTime":
		return f.bound(&list.CreatedAfter, &list.CreatedBefore)
	case "LastModifiedTime":
		return f.bound(&list.UpdatedAfter, &list.UpdatedBefore)
	}
	return false
}

// bound draws the bounds of a time, which belong to what they bound and have
// whole microseconds as the store's times do.
func (f *SearchFilter) bound(after, before *time.Time) bool {
	given, ok := value{kind: timeValue}.parse(*f.Value)
	if !ok || given.at.Year() < 1900 { // zero would be no bound
		return false
	}
	floor := given.at.Truncate(time.Microsecond)
	ceiling := floor
	if floor.Before(given.at) {
		ceiling = floor.Add(time.Microsecond)
	}
	switch cmp.Or(f.Operator, opEquals) {
	case opGreater:
		*after = later(*after, floor.Add(time.Microsecond))
	case opAtLeast:
		*after = later(*after, ceiling)
	case opLess:
		*before = earlier(*before, ceiling.Add(-time.Microsecond))
	case opAtMost:
		*before = earlier(*before, floor)
	default:
		return false
	}
	return true
}

func later(have, t time.Time) time.Time {
	if t.After(have) {
		return t
	}
	return have
}

// earlier takes the zero time for none.
func earlier(have, t time.Time) time.Time {
	if have.IsZero() || t.Before(have) {
		return t
	}
	return have
}

// members are those of a job's document that the query looks at.
func (q *SearchQuery) members() []string {
	members := []string{}
	add := func(property string) {
		first, _, _ := strings.Cut(property, ".")
		needs := []string{first}
		switch first {
		case "TrainingJobName", "TrainingJobStatus", "CreationTime", "LastModifiedTime": // the record's own
			return
		case "TrainingTimeInSeconds", "BillableTimeInSeconds":
			needs = []string{"TrainingStartTime", "TrainingEndTime"}
		case "TuningJobArn":
			needs = []string{"Tuned"}
		case "ModelArtifacts":
			needs = []string{"S3ModelArtifacts"}
		case "Metrics":
			needs = []string{"FinalMetricDataList"}
		}
		for _, m := range needs {
			if !slices.Contains(members, m) {
				members = append(members, m)
			}
		}
	}
	add(q.sortBy())
	if q.Expression != nil {
		q.Expression.properties(add)
	}
	return members
}

// properties tells all properties that the expression names.
func (e *SearchExpression) properties(tell func(string)) {
	for _, f := range e.Filters {
		tell(f.Name)
	}
	for _, n := range e.NestedFilters {
		tell(n.NestedPropertyName)
	}
	for i := range e.SubExpressions {
		e.SubExpressions[i].properties(tell)
	}
}

// RecordTerms are the properties that searches for one value find jobs by without
// looking at them: tags and hyperparameters.
func (s Spec) RecordTerms() []store.Term {
	terms := make([]store.Term, 0, len(s.Tags)+len(s.HyperParameters))
	for _, t := range s.Tags {
		terms = append(terms, store.Term{Name: "Tags." + t.Key, Value: canonical("Tags", t.Value)})
	}
	for name, v := range s.HyperParameters {
		terms = append(terms, store.Term{Name: "HyperParameters." + name, Value: canonical("HyperParameters", v)})
	}
	slices.SortFunc(terms, func(a, b store.Term) int { return strings.Compare(a.Name, b.Name) })
	return terms
}

// canonical writes equal values of a property in the same way: hyperparameters
// that are numbers are equal as numbers.
func canonical(kind, v string) string {
	if n, err := strconv.ParseFloat(v, 64); err == nil && kind == "HyperParameters" {
		return strconv.FormatFloat(n+0, 'g', -1, 64) // + 0 makes 0 of -0
	}
	return v
}
