package tuning

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// constraints collects the members of a request that break a rule of
// SageMaker's service model, in the service's own words.
type constraints struct{ broken []string }

func (c *constraints) add(value any, member, rule string) {
	shown := "null"
	if value != nil {
		shown = fmt.Sprintf("'%s'", clip(fmt.Sprint(value), 200))
	}
	c.broken = append(c.broken, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", shown, member, rule))
}

func (c *constraints) err() error {
	switch n := len(c.broken); n {
	case 0:
		return nil
	case 1:
		return errs.Invalidf("1 validation error detected: %s", c.broken[0])
	default:
		return errs.Invalidf("%d validation errors detected: %s", n, strings.Join(c.broken[:min(n, 10)], "; "))
	}
}

// text checks a member that must be there; pattern may be nil.
func (c *constraints) text(value, member string, most int, pattern *regexp.Regexp) {
	switch {
	case value == "":
		c.add(nil, member, "Member must not be null")
	case len(value) > most:
		c.add(value, member, fmt.Sprintf("Member must have length less than or equal to %d", most))
	case pattern != nil && !pattern.MatchString(value):
		shown := strings.TrimSuffix(strings.TrimPrefix(pattern.String(), "^"), "$")
		c.add(value, member, "Member must satisfy regular expression pattern: "+shown)
	}
}

// enum checks a member that must be there, optional one that may be missing.
func (c *constraints) enum(value, member string, values ...string) {
	if value == "" {
		c.add(nil, member, "Member must not be null")
	}
	c.optional(value, member, values...)
}

func (c *constraints) optional(value, member string, values ...string) {
	if value != "" && !slices.Contains(values, value) {
		c.add(value, member, "Member must satisfy enum value set: ["+strings.Join(values, ", ")+"]")
	}
}

// within checks a number that may be missing.
func (c *constraints) within(value *int, member string, least, most int) {
	switch {
	case value == nil:
	case *value < least:
		c.add(*value, member, fmt.Sprintf("Member must have value greater than or equal to %d", least))
	case *value > most:
		c.add(*value, member, fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
}

// count checks the number of elements of a list or map.
func (c *constraints) count(n int, member string, least, most int) {
	switch {
	case n < least:
		c.add(n, member, fmt.Sprintf("Member must have length greater than or equal to %d", least))
	case n > most:
		c.add(n, member, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
}

// clip shortens a value that the caller sent for showing it.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
