package training

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

// SearchQuery selects and sorts jobs by any of their properties, as the API's
// Search does.
type SearchQuery struct {
	Expression *SearchExpression // nil selects all
	SortBy     string            // a property; "" is LastModifiedTime
	Ascending  bool
	Limit      int    // 1 to 100; 0 is 10
	Token      string // the next of an earlier page of the same query
	Fault      error  // what the API found wrong with the request; those who may not search don't learn it
}

// SearchExpression is a condition made of others.
type SearchExpression struct {
	Filters        []SearchFilter
	NestedFilters  []NestedFilters
	SubExpressions []SearchExpression
	Operator       string // And, Or; "" is And
}

// SearchFilter is a condition on one property: its name is that of the member in
// DescribeTrainingJob, with a point before each member of a member. Tags.KEY, HyperParameters.NAME and
// Metrics.NAME are properties too. A property of a list has the values of all elements.
type SearchFilter struct {
	Name     string
	Operator string  // Equals if ""
	Value    *string // nil for Exists and NotExists
}

// NestedFilters are conditions that one element of a list must meet together.
type NestedFilters struct {
	NestedPropertyName string
	Filters            []SearchFilter
}

// The operators of a filter.
const (
	opEquals    = "Equals"
	opNotEquals = "NotEquals"
	opGreater   = "GreaterThan"
	opAtLeast   = "GreaterThanOrEqualTo"
	opLess      = "LessThan"
	opAtMost    = "LessThanOrEqualTo"
	opContains  = "Contains"
	opExists    = "Exists"
	opNotExists = "NotExists"
	opIn        = "In"
)

var operators = []string{opEquals, opNotEquals, opGreater, opAtLeast, opLess, opAtMost, opContains, opExists, opNotExists, opIn}

// maxConditions bounds the filters and expressions of a query, as AWS does.
const maxConditions = 50

// Search returns a page of the jobs that satisfy the query, the token of the
// next page, "" if there is none, and how many satisfy it in all.
//
// The database answers what asks for names, status and times only. Otherwise it narrows the jobs by
// those, and of each that is left the members in question are looked at.
func (s *Service) Search(ctx context.Context, q SearchQuery) (page []Job, next string, hits int, err error) {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:Search", "*"); err != nil {
		return nil, "", 0, err
	}
	if q.Fault != nil {
		return nil, "", 0, q.Fault
	}
	if err := q.check(); err != nil {
		return nil, "", 0, err
	}
	if err := s.jobs.Index(ctx); err != nil {
		return nil, "", 0, err
	}
	if list, exact := q.columns(); exact {
		return s.searchColumns(ctx, q, list)
	}
	from, err := q.position()
	if err != nil {
		return nil, "", 0, err
	}
	found, err := s.satisfying(ctx, q)
	if err != nil {
		return nil, "", 0, err
	}
	for _, j := range found {
		j.key = j.values(q.sortBy())
	}
	slices.SortFunc(found, q.compare)
	start := 0
	if from.Name != "" {
		// After the last of the page before, or where it was if it is gone.
		start = min(from.At, len(found))
		if i := slices.IndexFunc(found, func(j *searched) bool { return j.job.TrainingJobName == from.Name }); i >= 0 {
			start = i + 1
		}
	}
	limit := cmp.Or(q.Limit, 10)
	end := min(start+limit, len(found))
	for _, j := range found[start:end] {
		r, err := s.jobs.Get(ctx, j.job.TrainingJobName)
		switch {
		case errs.Is(err, errs.NotFound): // deleted since
		case err != nil:
			return nil, "", 0, err
		default:
			page = append(page, jobOf(r))
		}
	}
	if end < len(found) {
		next = searchPosition{end, found[end-1].job.TrainingJobName}.token()
	}
	return page, next, len(found), nil
}

// satisfying returns the jobs that satisfy the query's expression, with the
// members that the query is about.
func (s *Service) satisfying(ctx context.Context, q SearchQuery) (found []*searched, err error) {
	list, _ := q.columns()
	list.Limit, list.Members = 1000, q.members()
	for {
		records, token, err := s.jobs.List(ctx, list)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			j := &searched{job: jobOf(r)}
			j.job.TrainingJobName, j.job.TrainingJobStatus = r.Name, r.Status
			if q.Expression == nil || q.Expression.holds(j) {
				found = append(found, j)
			}
		}
		if token == "" {
			return found, nil
		}
		list.Token = token
	}
}

// compare sorts by the keys, jobs without one last, and then by name.
func (q *SearchQuery) compare(a, b *searched) int {
	order := 0
	switch x, y := a.key, b.key; {
	case len(x) == 0 && len(y) > 0:
		return 1
	case len(x) > 0 && len(y) == 0:
		return -1
	case len(x) > 0:
		order = x[0].compare(y[0])
	}
	if !q.Ascending {
		order = -order
	}
	return cmp.Or(order, strings.Compare(a.job.TrainingJobName, b.job.TrainingJobName))
}

// check holds the query against the API's rules.
func (q *SearchQuery) check() error {
	if q.Limit < 0 || q.Limit > 100 {
		return errs.Invalidf("1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 1 and 100", q.Limit)
	}
	if q.SortBy != "" {
		if err := checkProperty(q.SortBy); err != nil {
			return err
		}
	}
	if q.Expression == nil {
		return nil
	}
	conditions, contains := 0, 0
	return q.Expression.check(&conditions, &contains)
}

func (e *SearchExpression) check(conditions, contains *int) error {
	if e.Operator != "" && e.Operator != "And" && e.Operator != "Or" {
		return errs.Invalidf("1 validation error detected: Value '%s' at 'searchExpression.operator' failed to satisfy constraint: Member must satisfy enum value set: [And, Or]", jobs.Clip(e.Operator, 100))
	}
	if len(e.Filters)+len(e.NestedFilters)+len(e.SubExpressions) == 0 {
		return errs.Invalidf("A search expression must have at least one of Filters, NestedFilters and SubExpressions.")
	}
	filters := slices.Clone(e.Filters)
	for _, n := range e.NestedFilters {
		if len(n.Filters) == 0 {
			return errs.Invalidf("The nested filters of %q have no Filters. Give at least one.", jobs.Clip(n.NestedPropertyName, 100))
		}
		for _, f := range n.Filters {
			if !strings.HasPrefix(f.Name, n.NestedPropertyName+".") {
				return errs.Invalidf("The nested filter %q does not begin with its property, %q and a point.", jobs.Clip(f.Name, 100), jobs.Clip(n.NestedPropertyName, 100))
			}
		}
		filters = append(filters, n.Filters...)
	}
	for _, f := range filters {
		if err := f.check(contains); err != nil {
			return err
		}
	}
	if *conditions += len(filters) + len(e.SubExpressions); *conditions > maxConditions {
		return errs.Invalidf("The search expression has more than %d filters and expressions.", maxConditions)
	}
	for i := range e.SubExpressions {
		if err := e.SubExpressions[i].check(conditions, contains); err != nil {
			return err
		}
	}
	return nil
}

func (f *SearchFilter) check(contains *int) error {
	if err := checkProperty(f.Name); err != nil {
		return err
	}
	op := cmp.Or(f.Operator, opEquals)
	switch {
	case !slices.Contains(operators, op):
		return errs.Invalidf("1 validation error detected: Value '%s' at 'operator' failed to satisfy constraint: Member must satisfy enum value set: [%s]", jobs.Clip(op, 100), strings.Join(operators, ", "))
	case f.Value == nil && op != opExists && op != opNotExists:
		return errs.Invalidf("The filter on %s with the operator %s has no Value.", jobs.Clip(f.Name, 100), op)
	case f.Value != nil && len(*f.Value) > 1024:
		return errs.Invalidf("The Value of the filter on %s is longer than 1024 bytes.", jobs.Clip(f.Name, 100))
	case op == opContains:
		if *contains++; *contains > 1 {
			return errs.Invalidf("'CONTAINS' operator usage limit of 1 exceeded.")
		}
	}
	return nil
}

// searchPosition is where a page ended.
type searchPosition struct {
	At   int    `json:"n"`
	Name string `json:"j"`
}

func (p searchPosition) token() string {
	text, _ := json.Marshal(p) // a number and a string always encode
	return base64.RawURLEncoding.EncodeToString(text)
}

func (q *SearchQuery) position() (p searchPosition, err error) {
	if q.Token == "" {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(q.Token)
	if err != nil || json.Unmarshal(text, &p) != nil || p.At < 0 || p.Name == "" {
		return p, errs.Invalidf(foreignToken)
	}
	return p, nil
}

const foreignToken = "The token of the next page is not one that this search gave."
