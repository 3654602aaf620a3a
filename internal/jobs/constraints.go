package jobs

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// Constraints collects the members of a request that break a rule of
// SageMaker's service model, in the service's own words.
type Constraints struct{ broken []string }

// Add notes that a member breaks a rule. value is what it is; nil if it is missing.
func (c *Constraints) Add(value any, member, rule string) {
	shown := "null"
	if value != nil {
		shown = fmt.Sprintf("'%s'", Clip(fmt.Sprint(value), 200))
	}
	c.broken = append(c.broken, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", shown, member, rule))
}

// Clip shortens a value that the caller sent for showing it.
func Clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Err is nil if nothing was added, else an Invalid error.
func (c *Constraints) Err() error {
	switch n := len(c.broken); n {
	case 0:
		return nil
	case 1:
		return errs.Invalidf("1 validation error detected: %s", c.broken[0])
	default:
		return errs.Invalidf("%d validation errors detected: %s", n, strings.Join(c.broken[:min(n, 10)], "; "))
	}
}

// Text checks a member that must be there. pattern may be nil; it is
// shown without its anchors, as the service model writes it.
func (c *Constraints) Text(value, member string, most int, pattern *regexp.Regexp) {
	if value == "" {
		c.Add(nil, member, "Member must not be null")
		return
	}
	c.OptionalText(value, member, most, pattern)
}

// OptionalText is Text for a member that may be missing.
func (c *Constraints) OptionalText(value, member string, most int, pattern *regexp.Regexp) {
	switch {
	case len(value) > most:
		c.Add(value, member, fmt.Sprintf("Member must have length less than or equal to %d", most))
	case value != "" && pattern != nil && !pattern.MatchString(value):
		shown := strings.TrimSuffix(strings.TrimPrefix(pattern.String(), "^"), "$")
		c.Add(value, member, "Member must satisfy regular expression pattern: "+shown)
	}
}

// Enum checks a member that must be there and be one of the values.
func (c *Constraints) Enum(value, member string, values ...string) {
	if value == "" {
		c.Add(nil, member, "Member must not be null")
		return
	}
	c.OptionalEnum(value, member, values...)
}

// OptionalEnum is Enum for a member that may be missing.
func (c *Constraints) OptionalEnum(value, member string, values ...string) {
	if value != "" && !slices.Contains(values, value) {
		c.Add(value, member, "Member must satisfy enum value set: ["+strings.Join(values, ", ")+"]")
	}
}

// AtLeast checks a number.
func (c *Constraints) AtLeast(value int, member string, least int) {
	c.Within(&value, member, least, math.MaxInt)
}

// Within checks a number that may be missing.
func (c *Constraints) Within(value *int, member string, least, most int) {
	switch {
	case value == nil:
	case *value < least:
		c.Add(*value, member, fmt.Sprintf("Member must have value greater than or equal to %d", least))
	case *value > most:
		c.Add(*value, member, fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
}

// Count checks the number of elements of a list or map.
func (c *Constraints) Count(n int, member string, least, most int) {
	switch {
	case n < least:
		c.Add(n, member, fmt.Sprintf("Member must have length greater than or equal to %d", least))
	case n > most:
		c.Add(n, member, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
}
