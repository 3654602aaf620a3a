package jobs_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

func TestConstraints(t *testing.T) {
	t.Parallel()
	name, seven := regexp.MustCompile(`^[a-z]+$`), 7
	for _, c := range []struct {
		check func(*jobs.Constraints)
		want  string // behind "1 validation error detected: "; "" if all is well
	}{
		{func(c *jobs.Constraints) { c.Text("job", "name", 3, name) }, ""},
		{func(c *jobs.Constraints) { c.Text("", "name", 3, name) }, "Value null at 'name' failed to satisfy constraint: Member must not be null"},
		{func(c *jobs.Constraints) { c.OptionalText("", "name", 3, name) }, ""},
		{func(c *jobs.Constraints) { c.OptionalText("JOB", "name", 3, name) }, "Value 'JOB' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+"},
		{func(c *jobs.Constraints) { c.Text("jobs", "name", 3, name) }, "Value 'jobs' at 'name' failed to satisfy constraint: Member must have length less than or equal to 3"},
		{func(c *jobs.Constraints) { c.Enum("", "mode", "a", "b") }, "Value null at 'mode' failed to satisfy constraint: Member must not be null"},
		{func(c *jobs.Constraints) { c.OptionalEnum("c", "mode", "a", "b") }, "Value 'c' at 'mode' failed to satisfy constraint: Member must satisfy enum value set: [a, b]"},
		{func(c *jobs.Constraints) { c.AtLeast(0, "n", 1) }, "Value '0' at 'n' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{func(c *jobs.Constraints) { c.Within(&seven, "n", 1, 6) }, "Value '7' at 'n' failed to satisfy constraint: Member must have value less than or equal to 6"},
		{func(c *jobs.Constraints) { c.Within(nil, "n", 1, 6) }, ""},
		{func(c *jobs.Constraints) { c.Count(51, "tags", 0, 50) }, "Value '51' at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50"},
	} {
		var found jobs.Constraints
		c.check(&found)
		err := found.Err()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("unexpected: %v", err)
		case c.want != "" && (!errs.Is(err, errs.Invalid) || errs.MessageOf(err) != "1 validation error detected: "+c.want):
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	var many jobs.Constraints
	for range 12 {
		many.Add(strings.Repeat("x", 300), "name", "Member is long")
	}
	if text := errs.MessageOf(many.Err()); !strings.HasPrefix(text, "12 validation errors detected: ") || strings.Count(text, "; ") != 9 || strings.Contains(text, strings.Repeat("x", 201)) {
		t.Errorf("twelve: %q", text)
	}
}
