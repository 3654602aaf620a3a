package iam

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

// The account's quotas, as AWS has them.
const (
	MaxUsers            = 5000
	MaxGroups           = 300
	MaxRoles            = 1000
	MaxPolicies         = 1500
	MaxPolicyVersions   = 5
	MaxAttachedPolicies = 10 // of a user, group or role
	MaxGroupsOfUser     = 10

	maxTags = 50
)

var (
	maxEntityName  = [...]int{UserEntity: 64, GroupEntity: 128, RoleEntity: 64}
	maxEntities    = [...]int{UserEntity: MaxUsers, GroupEntity: MaxGroups, RoleEntity: MaxRoles}
	maxInlineSizes = [...]int{UserEntity: policy.MaxUserInline, GroupEntity: policy.MaxGroupInline, RoleEntity: policy.MaxRoleInline} // of all inline policies together
)

var (
	tagPattern       = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	policyARNPattern = regexp.MustCompile(`^arn:aws:iam::(aws|[0-9]{12}):policy(/(?:[!-~]*/)?)([A-Za-z0-9_+=,.@-]{1,128})$`)
)

func invalid(format string, args ...any) error {
	return errs.New(errs.Invalid, "ValidationError", format, args...)
}

func constraint(value, member, rule string) error {
	return invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", clip(strings.ToValidUTF8(value, "?")), member, rule)
}

// checkEntityName is IAM's rule for the names of users, groups, roles and
// policies: letters, digits and +=,.@-_ .
func checkEntityName(member, name string, longest int) error {
	switch {
	case name == "":
		return invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
	case len(name) > longest:
		return constraint(name, member, fmt.Sprintf("Member must have length less than or equal to %d", longest))
	}
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("+=,.@-_", c) >= 0) {
			return invalid("The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-", member)
		}
	}
	return nil
}

// checkPath returns the path of a new entity, "/" if none is given or it is wrong.
func checkPath(path string) (string, error) {
	if path == "" {
		return "/", nil
	}
	ok := len(path) <= 512 && path[0] == '/' && path[len(path)-1] == '/' && !strings.Contains(path, "//")
	for i := 0; ok && i < len(path); i++ {
		ok = path[i] > ' ' && path[i] <= '~' && path[i] != '*' && path[i] != '?' // these are wildcards where the ARN is matched
	}
	if !ok {
		return "/", invalid("The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	return path, nil
}

func checkPathPrefix(prefix string) error {
	if prefix != "" && (prefix[0] != '/' || len(prefix) > 512) {
		return invalid("The specified value for pathPrefix is invalid. It must begin with / and contain only alphanumeric characters and/or / characters.")
	}
	return nil
}

func checkDescription(text string) error {
	if len([]rune(text)) > 1000 {
		return constraint(text, "description", "Member must have length less than or equal to 1000")
	}
	return nil
}

// checkTags holds the tags of a request against the rules for them.
func checkTags(tags []Tag) error {
	for i, t := range tags {
		at := fmt.Sprintf("tags.%d.member.", i+1)
		switch {
		case t.Key == "":
			return constraint(t.Key, at+"key", "Member must have length greater than or equal to 1")
		case len([]rune(t.Key)) > 128:
			return constraint(t.Key, at+"key", "Member must have length less than or equal to 128")
		case len([]rune(t.Value)) > 256:
			return constraint(t.Value, at+"value", "Member must have length less than or equal to 256")
		case !tagPattern.MatchString(t.Key):
			return constraint(t.Key, at+"key", `Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`)
		case !tagPattern.MatchString(t.Value):
			return constraint(t.Value, at+"value", `Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*`)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return errs.New(errs.Invalid, "InvalidInput", "Tag keys with the prefix aws: are reserved for AWS use.")
		case slices.ContainsFunc(tags[:i], func(o Tag) bool { return strings.EqualFold(o.Key, t.Key) }):
			return errs.New(errs.Invalid, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
	}
	if len(tags) > maxTags {
		return errs.New(errs.Conflict, "LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	return nil
}

// Page says which part of a list is wanted. The zero Page is its first 100 items.
type Page struct {
	Marker   string // the next of an earlier page
	MaxItems *int   // 1 to 1,000; nil: 100
}

// cut returns the items of a page and the marker of the next, "" if this is the
// last. Items must be in the order of their keys, which must be unique.
func cut[T any](items []T, key func(T) string, p Page) ([]T, string, error) {
	limit := 100
	if p.MaxItems != nil {
		limit = *p.MaxItems
		if limit < 1 {
			return nil, "", constraint(fmt.Sprint(limit), "maxItems", "Member must have value greater than or equal to 1")
		}
		if limit > 1000 {
			return nil, "", constraint(fmt.Sprint(limit), "maxItems", "Member must have value less than or equal to 1000")
		}
	}
	if p.Marker != "" {
		after, err := base64.RawURLEncoding.DecodeString(p.Marker)
		if err != nil || len(p.Marker) > 1024 {
			return nil, "", invalid("Invalid Marker.")
		}
		start := 0
		for start < len(items) && key(items[start]) <= string(after) {
			start++
		}
		items = items[start:]
	}
	if len(items) <= limit {
		return items, "", nil
	}
	return items[:limit], base64.RawURLEncoding.EncodeToString([]byte(key(items[limit-1]))), nil
}

// CutInOrder returns a page of a list that is the same each time, in its own
// order, and the marker of the next page, "" if this is the last.
func CutInOrder[T any](items []T, p Page) ([]T, string, error) {
	places := make([]int, len(items))
	for i := range places {
		places[i] = i
	}
	places, next, err := cut(places, func(i int) string { return fmt.Sprintf("%04d", i) }, p)
	if err != nil {
		return nil, "", err
	}
	page := make([]T, len(places))
	for i, at := range places {
		page[i] = items[at]
	}
	return page, next, nil
}

func exceeded(quota string, limit int) error {
	return errs.New(errs.Conflict, "LimitExceeded", "Cannot exceed quota for %s: %d", quota, limit)
}
