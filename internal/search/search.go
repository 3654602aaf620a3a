// Package search finds records by any of their properties, as SageMaker's Search
// does: by conditions joined with And and Or, sorted by any property, in pages.
//
// What the conditions say about names, status, times and terms is left to the
// database; of each record that is left, the members in question are looked at.
package search

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// Resource is a kind of record that can be searched.
type Resource[T any] struct {
	Records *store.Collection[T]
	What    string // with its article, for messages, such as "A training job"
	// Name and Status are the properties that are the record's name and status;
	// CreationTime and LastModifiedTime are its times.
	Name, Status string
	Prefix       string   // that the names of properties may have
	Properties   []string // the first parts of the names of all properties
	Terms        []string // those of them that the records' terms are about
	// Members are those of a document's members that a property is made of, if it
	// is not that of its name; nil: all are of their names.
	Members func(property string) []string
	// Values are those of a property that is not at its path in the document; ok is
	// false if it is. nil: all are. The document has the members that Members tells.
	Values func(doc *T, first, rest string) (values []Value, ok bool)
}

// Query selects and sorts records by any of their properties.
type Query struct {
	Expression *Expression // nil selects all
	SortBy     string      // a property; "" is LastModifiedTime
	Ascending  bool
	Limit      int    // 1 to 100; 0 is 10
	Token      string // the next of an earlier page of the same query
	Fault      error  // what the API found wrong with the request; those who may not search don't learn it
}

// Expression is a condition made of others.
type Expression struct {
	Filters        []Filter
	NestedFilters  []NestedFilters
	SubExpressions []Expression
	Operator       string // And, Or; "" is And
}

// Filter is a condition on one property: its name is that of the member in the
// description, with a point before each member of a member. Tags.KEY is a
// property too. A property of a list has the values of all elements.
type Filter struct {
	Name     string
	Operator string  // Equals if ""
	Value    *string // nil for Exists and NotExists
}

// NestedFilters are conditions that one element of a list must meet together.
type NestedFilters struct {
	NestedPropertyName string
	Filters            []Filter
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

// Search returns a page of the records that satisfy the query, the token of the
// next page, "" if there is none, and how many satisfy it in all.
func (r *Resource[T]) Search(ctx context.Context, q Query) (page []store.Record[T], next string, hits int, err error) {
	if q.Fault != nil {
		return nil, "", 0, q.Fault
	}
	q = q.without(r.Prefix)
	if err := r.check(&q); err != nil {
		return nil, "", 0, err
	}
	if err := r.Records.Index(ctx); err != nil {
		return nil, "", 0, err
	}
	if list, exact := r.columns(&q); exact {
		return r.searchColumns(ctx, q, list)
	}
	from, err := q.position()
	if err != nil {
		return nil, "", 0, err
	}
	found, err := r.satisfying(ctx, &q)
	if err != nil {
		return nil, "", 0, err
	}
	for _, one := range found {
		one.key = one.values(q.sortBy())
	}
	slices.SortFunc(found, func(a, b *searched[T]) int { return compareKeys(&q, a.key, b.key, a.record.Name, b.record.Name) })
	start := 0
	if from.Name != "" {
		// After the last of the page before, or where it was if it is gone.
		start = min(from.At, len(found))
		if i := slices.IndexFunc(found, func(one *searched[T]) bool { return one.record.Name == from.Name }); i >= 0 {
			start = i + 1
		}
	}
	end := min(start+cmp.Or(q.Limit, 10), len(found))
	var names []string
	for _, one := range found[start:end] {
		names = append(names, one.record.Name)
	}
	if page, err = r.all(ctx, names); err != nil {
		return nil, "", 0, err
	}
	if end < len(found) {
		next = position{end, found[end-1].record.Name}.token()
	}
	return page, next, len(found), nil
}

// without returns the query without a prefix of its properties.
func (q Query) without(prefix string) Query {
	if prefix != "" {
		q.SortBy, q.Expression = strings.TrimPrefix(q.SortBy, prefix), q.Expression.without(prefix, maxConditions)
	}
	return q
}

// without is Query's, as deep as an expression can be that is not refused.
func (e *Expression) without(prefix string, depth int) *Expression {
	if e == nil || depth < 0 {
		return e
	}
	trim := func(filters []Filter) []Filter {
		filters = slices.Clone(filters)
		for i := range filters {
			filters[i].Name = strings.TrimPrefix(filters[i].Name, prefix)
		}
		return filters
	}
	plain := Expression{Filters: trim(e.Filters), Operator: e.Operator}
	for _, n := range e.NestedFilters {
		plain.NestedFilters = append(plain.NestedFilters, NestedFilters{strings.TrimPrefix(n.NestedPropertyName, prefix), trim(n.Filters)})
	}
	for i := range e.SubExpressions {
		plain.SubExpressions = append(plain.SubExpressions, *e.SubExpressions[i].without(prefix, depth-1))
	}
	return &plain
}

// satisfying returns the records that satisfy the query's expression, with the
// members that the query is about.
func (r *Resource[T]) satisfying(ctx context.Context, q *Query) (found []*searched[T], err error) {
	list, _ := r.columns(q)
	list.Limit, list.Members = 1000, r.members(q)
	for {
		records, token, err := r.Records.List(ctx, list)
		if err != nil {
			return nil, err
		}
		for _, record := range records {
			one := &searched[T]{resource: r, record: record}
			if q.Expression == nil || q.Expression.holds(one) {
				found = append(found, one)
			}
		}
		if token == "" {
			return found, nil
		}
		list.Token = token
	}
}

// compareKeys sorts by the keys, records without one last, and then by name.
func compareKeys(q *Query, a, b []Value, nameA, nameB string) int {
	order := 0
	switch {
	case len(a) == 0 && len(b) > 0:
		return 1
	case len(a) > 0 && len(b) == 0:
		return -1
	case len(a) > 0:
		order = a[0].compare(b[0])
	}
	if !q.Ascending {
		order = -order
	}
	return cmp.Or(order, strings.Compare(nameA, nameB))
}

// check holds the query against the API's rules.
func (r *Resource[T]) check(q *Query) error {
	if q.Limit < 0 || q.Limit > 100 {
		return errs.Invalidf("1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 1 and 100", q.Limit)
	}
	if q.SortBy != "" {
		if err := r.checkProperty(q.SortBy); err != nil {
			return err
		}
	}
	if q.Expression == nil {
		return nil
	}
	conditions, contains := 0, 0
	return q.Expression.check(r.checkProperty, &conditions, &contains)
}

func (e *Expression) check(property func(string) error, conditions, contains *int) error {
	if e.Operator != "" && e.Operator != "And" && e.Operator != "Or" {
		return errs.Invalidf("1 validation error detected: Value '%s' at 'searchExpression.operator' failed to satisfy constraint: Member must satisfy enum value set: [And, Or]", clip(e.Operator, 100))
	}
	if len(e.Filters)+len(e.NestedFilters)+len(e.SubExpressions) == 0 {
		return errs.Invalidf("A search expression must have at least one of Filters, NestedFilters and SubExpressions.")
	}
	filters := slices.Clone(e.Filters)
	for _, n := range e.NestedFilters {
		if len(n.Filters) == 0 {
			return errs.Invalidf("The nested filters of %q have no Filters. Give at least one.", clip(n.NestedPropertyName, 100))
		}
		for _, f := range n.Filters {
			if !strings.HasPrefix(f.Name, n.NestedPropertyName+".") {
				return errs.Invalidf("The nested filter %q does not begin with its property, %q and a point.", clip(f.Name, 100), clip(n.NestedPropertyName, 100))
			}
		}
		filters = append(filters, n.Filters...)
	}
	for _, f := range filters {
		if err := property(f.Name); err != nil {
			return err
		}
		if err := f.check(contains); err != nil {
			return err
		}
	}
	if *conditions += len(filters) + len(e.SubExpressions); *conditions > maxConditions {
		return errs.Invalidf("The search expression has more than %d filters and expressions.", maxConditions)
	}
	for i := range e.SubExpressions {
		if err := e.SubExpressions[i].check(property, conditions, contains); err != nil {
			return err
		}
	}
	return nil
}

func (f *Filter) check(contains *int) error {
	op := cmp.Or(f.Operator, opEquals)
	switch {
	case !slices.Contains(operators, op):
		return errs.Invalidf("1 validation error detected: Value '%s' at 'operator' failed to satisfy constraint: Member must satisfy enum value set: [%s]", clip(op, 100), strings.Join(operators, ", "))
	case f.Value == nil && op != opExists && op != opNotExists:
		return errs.Invalidf("The filter on %s with the operator %s has no Value.", clip(f.Name, 100), op)
	case f.Value != nil && len(*f.Value) > 1024:
		return errs.Invalidf("The Value of the filter on %s is longer than 1024 bytes.", clip(f.Name, 100))
	case op == opContains:
		if *contains++; *contains > 1 {
			return errs.Invalidf("'CONTAINS' operator usage limit of 1 exceeded.")
		}
	}
	return nil
}

// position is where a page ended.
type position struct {
	At   int    `json:"n"`
	Name string `json:"j"`
}

func (p position) token() string {
	text, _ := json.Marshal(p) // a number and a string always encode
	return base64.RawURLEncoding.EncodeToString(text)
}

func (q *Query) position() (p position, err error) {
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
