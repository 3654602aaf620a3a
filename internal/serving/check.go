package serving

import (
	"fmt"
	"regexp"

	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/tags"
)

// constraints are jobs.Constraints with the rules that only serving has.
type constraints struct{ jobs.Constraints }

// A pattern is a rule for a text: its length and a regular expression, which
// must match the whole text.
type pattern struct {
	max  int
	text string
	re   *regexp.Regexp
}

func newPattern(max int, text string) pattern {
	return pattern{max, text, regexp.MustCompile(`^(?:` + text + `)$`)}
}

var (
	// The names of endpoints, endpoint configs and variants.
	namePattern        = newPattern(63, `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`)
	modelPattern       = newPattern(63, `[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?`)
	rolePattern        = newPattern(2048, `arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`)
	imagePattern       = newPattern(255, `[\S]+`)
	urlPattern         = newPattern(1024, `(https|s3)://([^/]+)/?(.*)`)
	envPattern         = newPattern(1024, `[a-zA-Z_][a-zA-Z0-9_]*`)
	alarmPattern       = newPattern(255, `.*\S.*`)
	destinationPattern = newPattern(512, `(https|s3)://([^/]+)/?(.*)`)
	kmsPattern         = newPattern(2048, `[a-zA-Z0-9:/_-]*`)
	contentTypePattern = newPattern(256, `[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*`)
	hostPattern        = newPattern(63, `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`)
)

// match checks value, which may not be empty, against p.
func (c *constraints) match(value, member string, p pattern) {
	switch {
	case value == "":
		c.Add(nil, member, "Member must not be null")
	case len(value) > p.max:
		c.Add(value, member, fmt.Sprintf("Member must have length less than or equal to %d", p.max))
	case !p.re.MatchString(value):
		c.Add(value, member, "Member must satisfy regular expression pattern: "+p.text)
	}
}

// matchOptional is match for a member that may be left out.
func (c *constraints) matchOptional(value, member string, p pattern) {
	if value != "" {
		c.match(value, member, p)
	}
}

// between checks a number that was given.
func between[T int | float64](c *constraints, value *T, member string, low, high T) {
	switch {
	case value == nil:
	case !(*value >= low): // also what is not a number
		c.Add(*value, member, fmt.Sprintf("Member must have value greater than or equal to %v", low))
	case *value > high:
		c.Add(*value, member, fmt.Sprintf("Member must have value less than or equal to %v", high))
	}
}

// Tag is a name and a value that the user attached to a resource.
type Tag = tags.Tag

func (c *constraints) tags(tags []Tag) {
	if len(tags) > 50 {
		c.Add(len(tags), "tags", "Member must have length less than or equal to 50")
		return
	}
	seen := map[string]bool{}
	for i, t := range tags {
		switch member := fmt.Sprintf("tags.%d.member.", i+1); {
		case t.Key == "":
			c.Add(t.Key, member+"key", "Member must have length greater than or equal to 1")
		case len(t.Key) > 128:
			c.Add(t.Key, member+"key", "Member must have length less than or equal to 128")
		case len(t.Value) > 256:
			c.Add(t.Value, member+"value", "Member must have length less than or equal to 256")
		case seen[t.Key]:
			c.Add(t.Key, member+"key", "Member must not appear twice")
		}
		seen[t.Key] = true
	}
}
