package lambda

import (
	"regexp"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/function"
)

// target is what a caller names a function by.
type target struct {
	region, account string // "" if not said
	name, qualifier string
	written         string
}

// maxName bounds the name of a function, ARN and all.
const maxName = 170

const namePattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`

var functionName = regexp.MustCompile(`^(?:arn:aws[a-zA-Z-]*:lambda:([a-z]{2}(?:-[a-z]+)+-\d):(\d{12}):function:|(?:(\d{12}):)?(?:function:)?)` +
	`([a-zA-Z0-9_-]+)(?::(\$LATEST|[a-zA-Z0-9_-]+))?$`)

// parseName reads the name of a function, its partial ARN (123456789012:function:name)
// or its ARN, each with a version or alias behind it if the caller likes.
func parseName(s string) (target, error) {
	if len(s) > maxName {
		return target{}, errs.New(errs.Invalid, "ValidationException",
			"1 validation error detected: Value at 'functionName' failed to satisfy constraint: Member must have length less than or equal to %d", maxName)
	}
	m := functionName.FindStringSubmatch(s)
	if m == nil {
		return target{}, errs.New(errs.Invalid, "ValidationException",
			"1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: %s",
			strings.ToValidUTF8(s, "?"), namePattern)
	}
	return target{region: m[1], account: m[2] + m[3], name: m[4], qualifier: m[5], written: s}, nil
}

// in returns the name, if it is one in the region and account of prefix, which is
// what the ARNs of functions begin with there.
func (t target) in(prefix string) (string, error) {
	parts := strings.Split(prefix, ":")
	region, account := parts[3], parts[4]
	if t.region != "" && t.region != region {
		return "", errs.New(errs.NotFound, "ResourceNotFoundException", "Functions from '%s' are not reachable in this region ('%s')", t.region, region)
	}
	if t.account != "" && t.account != account {
		return "", function.NotFound("arn:aws:lambda:" + region + ":" + t.account + ":function:" + t.name)
	}
	return t.name, nil
}
