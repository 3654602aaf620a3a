package transform

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A jsonPath selects a part of a JSON value. It takes the operators that
// SageMaker documents for batch transform: $, .name, *, ['name', 'other'],
// [number, …] and [start:end]. Not among them are filters, functions and the
// deep scan (..).
type jsonPath struct {
	text  string
	steps []pathStep
}

// maxSelected is how many values a path may select.
const maxSelected = 1_000_000

// A pathStep goes from a value to one or several within it.
type pathStep struct {
	names  []string // members of an object
	ranges []span   // elements of an array
	all    bool     // every member's value or every element
}

// A span is one index, or the elements from first up to, not including, last.
// Negative numbers count from the end.
type span struct {
	first, last int
	slice       bool
}

// single reports whether the step leads to one value.
func (s pathStep) single() bool {
	return !s.all && (len(s.names) == 1 || len(s.ranges) == 1 && !s.ranges[0].slice)
}

// root reports whether the path is $, the whole.
func (p jsonPath) root() bool { return len(p.steps) == 0 }

// parsePath reads a path. The error says at which byte it went wrong.
func parsePath(text string) (jsonPath, error) {
	p := jsonPath{text: text}
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return p, fmt.Errorf("it must begin with $")
	}
	for rest != "" {
		at := len(text) - len(rest)
		var step pathStep
		var err error
		switch {
		case strings.HasPrefix(rest, ".."):
			err = fmt.Errorf("the deep scan (..) is not offered")
		case rest[0] == '.':
			name := rest[1:]
			if end := strings.IndexAny(name, ".["); end >= 0 {
				name = name[:end]
			}
			rest = rest[1+len(name):]
			switch {
			case name == "":
				err = fmt.Errorf("a name must follow the dot")
			case name == "*":
				step.all = true
			case strings.ContainsAny(name, `()]'"*?@, `):
				err = fmt.Errorf("%q is no name; write ['…'] around unusual ones", name)
			default:
				step.names = []string{name}
			}
		case rest[0] == '[':
			step, rest, err = parseBrackets(rest[1:])
		default:
			err = fmt.Errorf("expected . or [")
		}
		if err == nil && len(p.steps) > 0 && len(p.steps[len(p.steps)-1].names) > 1 {
			err = fmt.Errorf("nothing may follow a list of names")
		}
		if err != nil {
			return p, fmt.Errorf("at byte %d: %w", at, err)
		}
		p.steps = append(p.steps, step)
	}
	return p, nil
}

// parseBrackets reads what is between brackets, behind the opening one.
func parseBrackets(text string) (step pathStep, rest string, err error) {
	for {
		text = strings.TrimLeft(text, " ")
		switch {
		case text == "":
			return step, "", fmt.Errorf("the bracket is not closed")
		case text[0] == '*':
			step.all, text = true, text[1:]
		case text[0] == '\'' || text[0] == '"':
			name, behind, ok := cutQuoted(text)
			if !ok {
				return step, "", fmt.Errorf("the name %s has no closing quote", text)
			}
			step.names, text = append(step.names, name), behind
		default:
			end := strings.IndexAny(text, ",]")
			if end < 0 {
				return step, "", fmt.Errorf("the bracket is not closed")
			}
			s, err := parseSpan(strings.TrimSpace(text[:end]))
			if err != nil {
				return step, "", err
			}
			step.ranges, text = append(step.ranges, s), text[end:]
		}
		text = strings.TrimLeft(text, " ")
		if rest, ok := strings.CutPrefix(text, "]"); ok {
			if kinds := min(len(step.names), 1) + min(len(step.ranges), 1); step.all && kinds > 0 || kinds > 1 {
				return step, "", fmt.Errorf("names, numbers and * can't be mixed in one bracket")
			}
			return step, rest, nil
		}
		behind, ok := strings.CutPrefix(text, ",")
		if !ok {
			return step, "", fmt.Errorf("expected a comma or ] in the bracket")
		}
		text = behind
	}
}

// cutQuoted takes a name in quotes off text; a backslash keeps the character behind it.
func cutQuoted(text string) (name, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == text[0]:
			return b.String(), text[i+1:], true
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

func parseSpan(text string) (span, error) {
	first, last, slice := strings.Cut(text, ":")
	s := span{slice: slice, last: math.MaxInt}
	var err error
	if first != "" || !slice {
		s.first, err = strconv.Atoi(strings.TrimSpace(first))
	}
	if err == nil && last != "" {
		s.last, err = strconv.Atoi(strings.TrimSpace(last))
	}
	if err != nil {
		return s, fmt.Errorf("%q is neither a name in quotes, a number, nor start:end", text)
	}
	return s, nil
}

// apply returns what the path selects of valid JSON: the value itself, an object
// of the members if the path ends in a list of names, and otherwise, if it may
// lead to several values, an array of them. A single name or number that is not
// there is an error.
func (p jsonPath) apply(text []byte) ([]byte, error) {
	values, several := [][]byte{text}, false
	for _, step := range p.steps {
		if len(step.names) > 1 {
			for i, value := range values {
				values[i] = step.object(value)
			}
			continue
		}
		var next [][]byte
		for _, value := range values {
			found, err := step.find(value)
			if err != nil {
				if several {
					continue // as with names: what is not there is left out
				}
				return nil, err
			}
			next = append(next, found...)
		}
		// Ranges may repeat elements, and repeat the repetition: [:,:][:,:]…
		if values, several = next, several || !step.single(); len(values) > maxSelected {
			return nil, fmt.Errorf("it selects more than %d values", maxSelected)
		}
	}
	if size := 0; several {
		for _, value := range values {
			if size += len(value); size > fullAnswer {
				return nil, fmt.Errorf("it selects more than %d bytes", fullAnswer)
			}
		}
	}
	if several {
		return appendArray(nil, values), nil
	}
	return values[0], nil
}

// object keeps the named members, in the order of the names.
func (s pathStep) object(text []byte) []byte {
	var kept []member
	all := members(text)
	for _, name := range s.names {
		if m := find(all, name); m != nil {
			kept = append(kept, *m)
		}
	}
	return appendObject(nil, kept)
}

// find returns the last member of that name, which is the one that counts.
func find(all []member, name string) *member {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].name == name {
			return &all[i]
		}
	}
	return nil
}

// find returns the values that the step leads to.
func (s pathStep) find(text []byte) (found [][]byte, err error) {
	if len(s.names) == 1 {
		m := find(members(text), s.names[0])
		if m == nil {
			return nil, fmt.Errorf("there is no member %q", s.names[0])
		}
		return [][]byte{m.value}, nil
	}
	list, ok := elements(text)
	if !ok && s.all {
		for _, m := range members(text) {
			found = append(found, m.value)
		}
		return found, nil
	}
	if s.all {
		return list, nil
	}
	if !ok {
		return nil, fmt.Errorf("there is no array to take elements from")
	}
	for _, r := range s.ranges {
		first, last := fromEnd(r.first, len(list)), fromEnd(r.last, len(list))
		if r.slice {
			if first, last = max(first, 0), min(last, len(list)); first < last {
				found = append(found, list[first:last]...)
			}
			continue
		}
		if first < 0 || first >= len(list) {
			return nil, fmt.Errorf("the index %d is outside of an array of %d elements", r.first, len(list))
		}
		found = append(found, list[first])
	}
	return found, nil
}

func fromEnd(i, n int) int {
	if i < 0 {
		return i + n
	}
	return i
}
