package search

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

func (r *Resource[T]) checkProperty(name string) error {
	first, _, _ := strings.Cut(name, ".")
	if !slices.Contains(r.Properties, first) {
		return errs.Invalidf("Unknown property name: %s. %s has these: %s.", clip(name, 100), r.What, strings.Join(r.Properties, ", "))
	}
	return nil
}

func clip(text string, most int) string {
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.ToValidUTF8(text, "?")
}

// Value is one value of a property: a text, a number or a time.
type Value struct {
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

func TextOrNumber(s string) Value {
	v := Value{text: s}
	if n, err := strconv.ParseFloat(s, 64); err == nil { // hyperparameters are texts
		v.number, v.kind = n, numberValue
	}
	return v
}

func Number(n float64) Value {
	return Value{text: strconv.FormatFloat(n, 'g', -1, 64), number: n, kind: numberValue}
}

func Time(t time.Time) []Value {
	if t.IsZero() {
		return nil
	}
	return []Value{{at: t, kind: timeValue}}
}

// word is the value as Contains and In see it.
func (v Value) word() string {
	if v.kind == timeValue {
		return v.at.UTC().Format(time.RFC3339)
	}
	return v.text
}

func (v Value) compare(w Value) int {
	switch {
	case v.kind == timeValue && w.kind == timeValue:
		return v.at.Compare(w.at)
	case v.kind == numberValue && w.kind == numberValue:
		return cmp.Compare(v.number, w.number)
	}
	return strings.Compare(v.text, w.text)
}

// parse reads what a filter gives as the kind of v; false if it can't be one.
func (v Value) parse(given string) (Value, bool) {
	switch v.kind {
	case timeValue:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02"} {
			if t, err := time.Parse(layout, given); err == nil {
				return Value{at: t, kind: timeValue}, true
			}
		}
		return Value{}, false
	case numberValue:
		n, err := strconv.ParseFloat(given, 64)
		return Value{number: n, kind: numberValue}, err == nil
	}
	return Value{text: given}, true
}

// Text is a text, whatever it looks like.
func Text(s string) Value { return Value{text: s} }

// searched is a record with its properties.
type searched[T any] struct {
	resource *Resource[T]
	record   store.Record[T]
	key      []Value        // to sort by
	tree     map[string]any // the document in JSON, once asked for
}

// thing is a searched record of any type.
type thing interface {
	values(property string) []Value
	json() map[string]any
}

// values returns those of a property; none if the record doesn't have it.
func (s *searched[T]) values(property string) []Value {
	first, rest, _ := strings.Cut(property, ".")
	switch first {
	case s.resource.Name:
		return []Value{Text(s.record.Name)}
	case s.resource.Status:
		return []Value{Text(s.record.Status)}
	case "CreationTime":
		return Time(s.record.Created)
	case "LastModifiedTime":
		return Time(s.record.Updated)
	}
	if s.resource.Values != nil {
		if values, ok := s.resource.Values(&s.record.Doc, first, rest); ok {
			return values
		}
	}
	return valuesAt(s.json()[first], rest)
}

// json is the document as it is kept, whose members are the API's.
func (s *searched[T]) json() map[string]any {
	if s.tree == nil {
		text, err := json.Marshal(s.record.Doc)
		if err != nil || json.Unmarshal(text, &s.tree) != nil {
			s.tree = map[string]any{}
		}
	}
	return s.tree
}

// At are the values at a path in a part of a document, as JSON has it.
func At(part any, path string) []Value {
	text, err := json.Marshal(part)
	var tree any
	if err != nil || json.Unmarshal(text, &tree) != nil {
		return nil
	}
	return valuesAt(tree, path)
}

// valuesAt gathers the values at a path; elements of lists count together.
func valuesAt(at any, path string) (all []Value) {
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
			return []Value{{text: "{}"}} // it exists
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
			return Time(t)
		}
		if at == "" {
			return nil
		}
		return []Value{TextOrNumber(at)}
	case float64:
		return []Value{Number(at)}
	case bool:
		return []Value{{text: strconv.FormatBool(at)}}
	}
	return nil
}

// holds reports whether the record satisfies the expression.
func (e *Expression) holds(j thing) bool {
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
func (n *NestedFilters) hold(j thing) bool {
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
func (f *Filter) holds(values []Value) bool {
	test := func(ok func(order int) bool) bool {
		return slices.ContainsFunc(values, func(v Value) bool {
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
		return slices.ContainsFunc(values, func(v Value) bool { return strings.Contains(v.word(), *f.Value) })
	case opIn:
		for word := range strings.SplitSeq(*f.Value, ",") {
			word = strings.TrimSpace(word)
			if slices.ContainsFunc(values, func(v Value) bool { return v.word() == word }) {
				return true
			}
		}
	}
	return false
}
