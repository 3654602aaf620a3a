package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"time"
)

// family is what kind of values a condition operator compares.
type family uint8

const (
	stringFamily family = iota
	foldFamily          // strings without regard to case
	arnFamily
	numericFamily
	dateFamily
	boolFamily
	binaryFamily
	addressFamily
	nullFamily
)

// comparison is how ordered values are compared; the rest only knows same.
type comparison uint8

const (
	same comparison = iota
	less
	lessOrSame
	greater
	greaterOrSame
)

// holds tells whether the order of a request's value to the policy's, as
// strings.Compare has it, is the one asked for.
func (c comparison) holds(order int) bool {
	switch c {
	case less:
		return order < 0
	case lessOrSame:
		return order <= 0
	case greater:
		return order > 0
	case greaterOrSame:
		return order >= 0
	}
	return order == 0
}

// operator is a condition operator without its qualifiers.
type operator struct {
	family  family
	compare comparison
	negated bool
	like    bool // wildcards count
}

// operators are all that the language has.
var operators = map[string]operator{
	"StringEquals":              {family: stringFamily},
	"StringNotEquals":           {family: stringFamily, negated: true},
	"StringEqualsIgnoreCase":    {family: foldFamily},
	"StringNotEqualsIgnoreCase": {family: foldFamily, negated: true},
	"StringLike":                {family: stringFamily, like: true},
	"StringNotLike":             {family: stringFamily, like: true, negated: true},

	"NumericEquals":            {family: numericFamily},
	"NumericNotEquals":         {family: numericFamily, negated: true},
	"NumericLessThan":          {family: numericFamily, compare: less},
	"NumericLessThanEquals":    {family: numericFamily, compare: lessOrSame},
	"NumericGreaterThan":       {family: numericFamily, compare: greater},
	"NumericGreaterThanEquals": {family: numericFamily, compare: greaterOrSame},

	"DateEquals":            {family: dateFamily},
	"DateNotEquals":         {family: dateFamily, negated: true},
	"DateLessThan":          {family: dateFamily, compare: less},
	"DateLessThanEquals":    {family: dateFamily, compare: lessOrSame},
	"DateGreaterThan":       {family: dateFamily, compare: greater},
	"DateGreaterThanEquals": {family: dateFamily, compare: greaterOrSame},

	"Bool":         {family: boolFamily},
	"BinaryEquals": {family: binaryFamily},
	"IpAddress":    {family: addressFamily},
	"NotIpAddress": {family: addressFamily, negated: true},

	"ArnEquals":    {family: arnFamily, like: true}, // the same as ArnLike, as AWS has it
	"ArnLike":      {family: arnFamily, like: true},
	"ArnNotEquals": {family: arnFamily, like: true, negated: true},
	"ArnNotLike":   {family: arnFamily, like: true, negated: true},

	"Null": {family: nullFamily},
}

// quantifier is a set operator in front of a condition operator.
type quantifier uint8

const (
	plainQuantifier quantifier = iota
	forAll
	forAny
)

// condition is one key of a statement's Condition, ready to be decided. Of the
// lists of values the one of its family is used.
type condition struct {
	operator
	quantifier quantifier
	ifExists   bool
	// needsVariables makes the condition fail if one of its variables has no value:
	// else a negated one would allow what it can't judge.
	needsVariables bool
	key            string // in lower case

	patterns  []pattern
	numbers   []float64
	dates     []time.Time
	booleans  []bool
	binaries  []string
	addresses []netip.Prefix
}

// compileCondition compiles c of a statement with that effect.
func compileCondition(c Condition, effect Effect, variables bool) (condition, error) {
	out := condition{key: strings.ToLower(c.Key)}
	name, set := c.Operator, false
	for prefix, q := range map[string]quantifier{"ForAllValues:": forAll, "ForAnyValue:": forAny} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			name, out.quantifier, set = rest, q, true
		}
	}
	name, out.ifExists = strings.CutSuffix(name, "IfExists")
	op, ok := operators[name]
	if !ok || name == "Null" && (set || out.ifExists) {
		return out, malformed("Invalid Condition type : %s.", clip(c.Operator))
	}
	out.operator = op
	if !isKey(out.key) {
		return out, malformed("Conditions must be prefaced by a vendor, e.g., aws:SourceIp; the condition key %q is not.", clip(c.Key))
	}
	for _, v := range c.Values {
		if err := out.add(v, variables); err != nil {
			return out, err
		}
	}
	for i := range out.patterns {
		if op.negated && effect == Allow && len(out.patterns[i].vars) > 0 {
			out.needsVariables = true
		}
	}
	return out, nil
}

// add compiles one value.
func (c *condition) add(v string, variables bool) error {
	wrong := func(what string) error {
		return malformed("The value %q of the condition key %s is not %s.", clip(v), c.key, what)
	}
	switch c.family {
	case stringFamily, foldFamily, arnFamily:
		w := literal
		if c.family == arnFamily {
			w = conditionARN
		} else if c.like {
			w = text
		}
		p, err := compile(v, w, variables)
		if err != nil {
			return err
		}
		c.patterns = append(c.patterns, p)
	case numericFamily:
		n, ok := parseNumber(v)
		if !ok {
			return wrong("a number")
		}
		c.numbers = append(c.numbers, n)
	case dateFamily:
		t, ok := parseDate(v)
		if !ok {
			return wrong("a date in ISO 8601 form, such as 2026-03-04T12:00:00Z, or seconds since 1970")
		}
		c.dates = append(c.dates, t)
	case boolFamily, nullFamily:
		b, ok := parseBool(v)
		if !ok {
			return wrong("true or false")
		}
		c.booleans = append(c.booleans, b)
	case binaryFamily:
		b, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return wrong("base64")
		}
		c.binaries = append(c.binaries, string(b))
	case addressFamily:
		a, ok := parsePrefix(v)
		if !ok {
			return wrong("an IP address or a CIDR range, such as 203.0.113.0/24")
		}
		c.addresses = append(c.addresses, a)
	}
	return nil
}

// met reports whether the request fulfils the condition.
func (c *condition) met(r *Request) bool {
	found := r.lookup(c.key)
	n := found.len()
	if c.family == nullFamily {
		for _, missing := range c.booleans {
			if missing == (n == 0) {
				return true
			}
		}
		return false
	}
	if c.needsVariables {
		for i := range c.patterns {
			if !c.patterns[i].resolvable(r) {
				return false
			}
		}
	}
	if !found.ok && c.ifExists {
		return true
	}
	switch c.quantifier {
	case forAll:
		for i := range n {
			if v := found.at(i); v != "" && c.any(v, r) == c.negated {
				return false
			}
		}
		return true
	case forAny:
		for i := range n {
			if v := found.at(i); v != "" && c.any(v, r) != c.negated {
				return true
			}
		}
		return false
	}
	for i := range n {
		if c.any(found.at(i), r) {
			return !c.negated
		}
	}
	return c.negated
}

// any reports whether v is what one of the condition's values asks for, leaving
// out whether the operator is negated. A value that is not of the operator's
// family is nothing that any policy asks for.
func (c *condition) any(v string, r *Request) bool {
	switch c.family {
	case stringFamily:
		for i := range c.patterns {
			if c.patterns[i].match(v, r) {
				return true
			}
		}
	case foldFamily:
		for i := range c.patterns {
			if c.patterns[i].equalFold(v, r) {
				return true
			}
		}
	case arnFamily:
		if !strings.HasPrefix(v, "arn:") || strings.Count(v, ":") < arnPartsFixed {
			return false
		}
		for i := range c.patterns {
			if c.patterns[i].match(v, r) {
				return true
			}
		}
	case numericFamily:
		n, ok := parseNumber(v)
		for _, want := range c.numbers {
			if ok && c.compare.holds(compareNumbers(n, want)) {
				return true
			}
		}
	case dateFamily:
		t, ok := parseDate(v)
		for _, want := range c.dates {
			if ok && c.compare.holds(t.Compare(want)) {
				return true
			}
		}
	case boolFamily:
		b, ok := parseBool(v)
		for _, want := range c.booleans {
			if ok && b == want {
				return true
			}
		}
	case binaryFamily:
		for _, want := range c.binaries {
			if v == want {
				return true
			}
		}
	case addressFamily:
		a, err := netip.ParseAddr(v)
		for _, want := range c.addresses {
			if err == nil && want.Contains(a.Unmap().WithZone("")) {
				return true
			}
		}
	}
	return false
}

func (p *pattern) equalFold(s string, r *Request) bool {
	if len(p.vars) == 0 {
		return strings.EqualFold(p.text, s)
	}
	var buffer [expandedSize]byte
	expanded, ok := p.expand(buffer[:0], r)
	return ok && strings.EqualFold(string(expanded), s)
}

func compareNumbers(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
