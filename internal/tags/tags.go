// Package tags is what users label resources with: AddTags, ListTags and
// DeleteTags on any resource by its ARN.
//
// A resource's tags are part of its record, so they come and go with it, and a
// change is one transaction. What has tags is said by its service, with Of.
package tags

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// Tag is a key and a value that the user gave a resource.
type Tag struct {
	Key   string
	Value string
}

const (
	maxTags  = 50 // of a resource
	maxKey   = 128
	maxValue = 256
)

var (
	arnPattern = regexp.MustCompile(`^arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:.*$`)
	tagPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

// Resource is what has tags: the records of one kind, by name.
type Resource interface {
	list(ctx context.Context, name string) ([]Tag, error)
	change(ctx context.Context, name string, fn func([]Tag) ([]Tag, error)) ([]Tag, error)
}

// Of is the records of a collection, whose documents keep their tags where field points.
func Of[T any](c *store.Collection[T], field func(*T) *[]Tag) Resource { return resource[T]{c, field} }

type resource[T any] struct {
	records *store.Collection[T]
	field   func(*T) *[]Tag
}

func (r resource[T]) list(ctx context.Context, name string) ([]Tag, error) {
	record, err := r.records.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return *r.field(&record.Doc), nil
}

func (r resource[T]) change(ctx context.Context, name string, fn func([]Tag) ([]Tag, error)) (changed []Tag, err error) {
	_, err = r.records.Update(ctx, name, func(record *store.Record[T]) error {
		tags := r.field(&record.Doc)
		changed, err = fn(slices.Clone(*tags))
		if err == nil {
			*tags = changed
		}
		return err
	})
	return changed, err
}

// Authorizer decides whether the principal of ctx may perform an action.
type Authorizer interface {
	Authorize(ctx context.Context, action, resource string) error
}

// Options are what a Service is made of. All are required.
type Options struct {
	Authorizer Authorizer
	Region     string
	AccountID  string
	Resources  map[string]Resource // by what stands before the name in an ARN: training-job, model, …
}

// Service is the tags of one account. Its methods are safe for concurrent use.
type Service struct{ Options }

// New returns a Service.
func New(o Options) (*Service, error) {
	if o.Authorizer == nil || o.Region == "" || o.AccountID == "" || len(o.Resources) == 0 {
		return nil, errors.New("tags: Authorizer, Region, AccountID and Resources are required")
	}
	return &Service{o}, nil
}

// Add gives a resource tags; a key that it has gets the new value. It returns
// all tags of the resource.
func (s *Service) Add(ctx context.Context, arn string, added []Tag) ([]Tag, error) {
	r, name, err := s.find(ctx, "sagemaker:AddTags", arn)
	if err != nil {
		return nil, err
	}
	if added == nil {
		return nil, errs.Invalidf("1 validation error detected: Value null at 'tags' failed to satisfy constraint: Member must not be null")
	}
	if err := Check(added); err != nil {
		return nil, err
	}
	tags, err := r.change(ctx, name, func(tags []Tag) ([]Tag, error) {
		for _, t := range added {
			i := slices.IndexFunc(tags, func(have Tag) bool { return have.Key == t.Key })
			if i >= 0 {
				tags[i].Value = t.Value
			} else {
				tags = append(tags, t)
			}
		}
		if len(tags) > maxTags {
			return nil, errs.New(errs.Conflict, "ResourceLimitExceeded", "The resource would have %d tags, and %d are possible. Delete some first.", len(tags), maxTags)
		}
		return tags, nil
	})
	return tags, missing(err, arn)
}

// List returns the tags of a resource, in the order in which they were added.
func (s *Service) List(ctx context.Context, arn string) ([]Tag, error) {
	r, name, err := s.find(ctx, "sagemaker:ListTags", arn)
	if err != nil {
		return nil, err
	}
	tags, err := r.list(ctx, name)
	return tags, missing(err, arn)
}

// Delete takes tags from a resource. Keys that it doesn't have are no error.
func (s *Service) Delete(ctx context.Context, arn string, keys []string) error {
	r, name, err := s.find(ctx, "sagemaker:DeleteTags", arn)
	if err != nil {
		return err
	}
	switch {
	case len(keys) == 0:
		return constraint(len(keys), "tagKeys", "Member must have length greater than or equal to 1")
	case len(keys) > maxTags:
		return constraint(len(keys), "tagKeys", fmt.Sprintf("Member must have length less than or equal to %d", maxTags))
	}
	_, err = r.change(ctx, name, func(tags []Tag) ([]Tag, error) {
		return slices.DeleteFunc(tags, func(t Tag) bool { return slices.Contains(keys, t.Key) }), nil
	})
	return missing(err, arn)
}

// find authorises the action and finds what an ARN names.
func (s *Service) find(ctx context.Context, action, arn string) (r Resource, name string, err error) {
	if err := s.Authorizer.Authorize(ctx, action, arn); err != nil {
		return nil, "", err
	}
	switch {
	case arn == "":
		return nil, "", errs.Invalidf("1 validation error detected: Value null at 'resourceArn' failed to satisfy constraint: Member must not be null")
	case len(arn) > 256:
		return nil, "", constraint(arn[:200]+"…", "resourceArn", "Member must have length less than or equal to 256")
	case !arnPattern.MatchString(arn):
		return nil, "", constraint(arn, "resourceArn", "Member must satisfy regular expression pattern: "+strings.Trim(arnPattern.String(), "^$"))
	}
	parts := strings.SplitN(arn, ":", 6)
	kind, name, _ := strings.Cut(parts[5], "/")
	r, ok := s.Resources[kind]
	if parts[3] != s.Region || parts[4] != s.AccountID || !ok || name == "" {
		return nil, "", missing(errs.New(errs.NotFound, "", "unknown"), arn)
	}
	return r, name, nil
}

// Check holds the tags of a request against the rules for them.
func Check(tags []Tag) error {
	if len(tags) > maxTags {
		return constraint(len(tags), "tags", fmt.Sprintf("Member must have length less than or equal to %d", maxTags))
	}
	seen := map[string]bool{}
	for i, t := range tags {
		at := fmt.Sprintf("tags.%d.member.", i+1)
		switch {
		case t.Key == "":
			return constraint(t.Key, at+"key", "Member must have length greater than or equal to 1")
		case len([]rune(t.Key)) > maxKey:
			return constraint(t.Key[:maxKey], at+"key", fmt.Sprintf("Member must have length less than or equal to %d", maxKey))
		case len([]rune(t.Value)) > maxValue:
			return constraint(t.Value[:maxValue], at+"value", fmt.Sprintf("Member must have length less than or equal to %d", maxValue))
		case !tagPattern.MatchString(t.Key):
			return constraint(t.Key, at+"key", `Member must satisfy regular expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)`)
		case !tagPattern.MatchString(t.Value):
			return constraint(t.Value, at+"value", `Member must satisfy regular expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)`)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return errs.Invalidf("aws: prefixed tag key names are not allowed for external use.")
		case seen[t.Key]:
			return errs.Invalidf("Duplicate tag keys found: %s. Please note that tag keys are case sensitive within one resource.", t.Key)
		}
		seen[t.Key] = true
	}
	return nil
}

func constraint(value any, member, rule string) error {
	return errs.Invalidf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", strings.ToValidUTF8(fmt.Sprint(value), "�"), member, rule)
}

// missing words a resource that isn't there.
func missing(err error, arn string) error {
	if errs.Is(err, errs.NotFound) {
		return errs.Wrap(err, errs.NotFound, "ValidationException", "Could not find the resource %q.", arn)
	}
	return err
}
