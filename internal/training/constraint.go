package training

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

// clip shortens a value that the caller sent for showing it.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// err is nil if nothing was added.
func (c *constraints) err() error {
	switch n := len(c.broken); n {
	case 0:
		return nil
	case 1:
		return errs.Invalidf("1 validation error detected: %s", c.broken[0])
	default:
		shown := c.broken[:min(n, 10)]
		return errs.Invalidf("%d validation errors detected: %s", n, strings.Join(shown, "; "))
	}
}

// text checks a member that must be there.
func (c *constraints) text(value, member string, most int, pattern *regexp.Regexp) {
	if value == "" {
		c.add(nil, member, "Member must not be null")
		return
	}
	c.optional(value, member, most, pattern)
}

// optional checks a member that may be missing. pattern may be nil; it is
// shown without its anchors, as the service model writes it.
func (c *constraints) optional(value, member string, most int, pattern *regexp.Regexp) {
	if len(value) > most {
		c.add(value, member, fmt.Sprintf("Member must have length less than or equal to %d", most))
		return
	}
	if value != "" && pattern != nil && !pattern.MatchString(value) {
		shown := strings.TrimSuffix(strings.TrimPrefix(pattern.String(), "^"), "$")
		c.add(value, member, "Member must satisfy regular expression pattern: "+shown)
	}
}

func (c *constraints) enum(value, member string, values ...string) {
	if value == "" {
		c.add(nil, member, "Member must not be null")
	} else {
		c.optionalEnum(value, member, values...)
	}
}

func (c *constraints) optionalEnum(value, member string, values ...string) {
	if value != "" && !slices.Contains(values, value) {
		c.add(value, member, "Member must satisfy enum value set: ["+strings.Join(values, ", ")+"]")
	}
}

func (c *constraints) atLeast(value int, member string, least int) {
	if value < least {
		c.add(value, member, fmt.Sprintf("Member must have value greater than or equal to %d", least))
	}
}

// count checks the number of elements of a list or map.
func (c *constraints) count(n int, member string, most int) {
	if n > most {
		c.add(n, member, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
}
