package search

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
func (r *Resource[T]) searchColumns(ctx context.Context, q Query, list store.Query) (page []store.Record[T], next string, hits int, err error) {
	list.Limit, list.Token = cmp.Or(q.Limit, 10), q.Token
	if list.NameHolds != "" && q.Token == "" {
		// All names are looked at, but mostly few are found: then that is the count, too.
		names, more, err := r.names(ctx, list)
		if err != nil {
			return nil, "", 0, err
		}
		if !more && len(names) <= list.Limit {
			page, err = r.all(ctx, names)
			return page, "", len(page), err
		}
	}
	// Both may walk all records: they do so at once.
	counting, cancel := context.WithCancel(ctx)
	var counted sync.WaitGroup
	defer counted.Wait()
	defer cancel()
	var all int
	var failed error
	counted.Go(func() { all, failed = r.Records.Count(counting, list) })
	page, next, err = r.Records.List(ctx, list)
	if errs.Is(err, errs.Invalid) {
		return nil, "", 0, errs.Wrap(err, errs.Invalid, "", foreignToken)
	} else if err != nil {
		return nil, "", 0, err
	}
	if q.Token == "" && next == "" {
		return page, "", len(page), nil
	}
	counted.Wait()
	return page, next, all, failed
}

// names returns the names of the records that the query selects, and whether there
// are more than it looked for.
func (r *Resource[T]) names(ctx context.Context, list store.Query) (names []string, more bool, err error) {
	list.Limit, list.Members = list.Limit+1, []string{}
	records, _, err := r.Records.List(ctx, list)
	for _, record := range records {
		names = append(names, record.Name)
	}
	return names, len(names) == list.Limit, err
}

// all reads records by their names; those that were deleted since are left out.
func (r *Resource[T]) all(ctx context.Context, names []string) (page []store.Record[T], err error) {
	for _, name := range names {
		whole, err := r.Records.Get(ctx, name)
		switch {
		case errs.Is(err, errs.NotFound):
		case err != nil:
			return nil, err
		default:
			page = append(page, whole)
		}
	}
	return page, nil
}

func (q *Query) sortBy() string { return cmp.Or(q.SortBy, "LastModifiedTime") }

// columns turns what the query says about names, status and times into one for
// the store, which selects all records that the query does. exact reports whether
// it selects no others and has the query's order.
func (r *Resource[T]) columns(q *Query) (list store.Query, exact bool) {
	list.Descending, exact = !q.Ascending, true
	switch q.sortBy() {
	case "LastModifiedTime":
		list.Order = store.ByUpdated
	case "CreationTime":
	default:
		exact = false
	}
	if q.Expression != nil {
		exact = q.Expression.narrow(r.narrow, &list) && exact
	}
	return list, exact
}

// narrow adds what every record must satisfy for the expression to hold, and reports whether that is all.
func (e *Expression) narrow(one func(*Filter, *store.Query) bool, list *store.Query) bool {
	if e.Operator == "Or" {
		return false
	}
	exact := len(e.NestedFilters) == 0
	for i := range e.Filters {
		exact = one(&e.Filters[i], list) && exact
	}
	for i := range e.SubExpressions {
		exact = e.SubExpressions[i].narrow(one, list) && exact
	}
	return exact
}

func (r *Resource[T]) narrow(f *Filter, list *store.Query) bool {
	if f.Value == nil || *f.Value == "" {
		return false
	}
	op := cmp.Or(f.Operator, opEquals)
	if kind, _, _ := strings.Cut(f.Name, "."); op == opEquals && slices.Contains(r.Terms, kind) {
		list.Terms = append(list.Terms, Term(f.Name, *f.Value))
		return true
	}
	switch f.Name {
	case "": // no record has a property of that name
	case r.Status:
		if op != opEquals || list.Status != "" && list.Status != *f.Value {
			return false
		}
		list.Status = *f.Value
		return true
	case r.Name:
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
func (f *Filter) bound(after, before *time.Time) bool {
	given, ok := Value{kind: timeValue}.parse(*f.Value)
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

// members are those of a document that the query looks at.
func (r *Resource[T]) members(q *Query) []string {
	members := []string{}
	add := func(property string) {
		first, _, _ := strings.Cut(property, ".")
		switch first {
		case r.Name, r.Status, "CreationTime", "LastModifiedTime": // the record's own
			return
		}
		needs := []string{first}
		if r.Members != nil {
			if own := r.Members(first); own != nil {
				needs = own
			}
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
func (e *Expression) properties(tell func(string)) {
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

// Term is what a record is found by whose property has a value. Hyperparameters
// that are numbers are equal as numbers, so equal ones are written in the same way.
func Term(property, value string) store.Term {
	if n, err := strconv.ParseFloat(value, 64); err == nil && strings.HasPrefix(property, "HyperParameters.") {
		value = strconv.FormatFloat(n+0, 'g', -1, 64) // + 0 makes 0 of -0
	}
	return store.Term{Name: property, Value: value}
}

// Tag is a tag of any package.
type Tag interface{ ~struct{ Key, Value string } }

// TagTerms are what a record with these tags is found by.
func TagTerms[T Tag](list []T) []store.Term {
	terms := make([]store.Term, len(list))
	for i := range list {
		t := struct{ Key, Value string }(list[i])
		terms[i] = Term("Tags."+t.Key, t.Value)
	}
	return terms
}

// TagValues are the values of the tag of a key.
func TagValues[T Tag](list []T, key string) []Value {
	for i := range list {
		if t := (struct{ Key, Value string })(list[i]); t.Key == key {
			return []Value{Text(t.Value)}
		}
	}
	return nil
}
