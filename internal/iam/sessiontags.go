package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// tagging is what a new session has of tags.
type tagging struct {
	asked      []Tag    // by the request
	transitive []string // keys that the sessions made with this one have too
	inherited  []Tag    // of the session that asks
}

// newTagging gathers the tags that a request asks for and those that the caller's
// own session hands on.
func newTagging(caller *Principal, asked []Tag, transitive []string) tagging {
	t := tagging{asked: asked, transitive: transitive}
	if caller.rights != nil && caller.rights.session != nil {
		for _, tag := range caller.rights.session.Tags {
			if holdsKey(caller.rights.session.Transitive, tag.Key) {
				t.inherited = append(t.inherited, tag)
			}
		}
	}
	return t
}

// keys returns ctx with what conditions see of the request's tags.
func (t *tagging) keys(ctx context.Context) context.Context {
	ctx = withTags(ctx, t.asked)
	if len(t.transitive) > 0 {
		ctx = WithKeys(ctx, map[string][]string{"sts:TransitiveTagKeys": t.transitive})
	}
	return ctx
}

// any reports whether the session has tags, for which sts:TagSession is needed.
func (t *tagging) any() bool { return len(t.asked)+len(t.inherited) > 0 }

// check refuses tags that a session can't have.
//
// Source: IAM User Guide, "Pass session tags in AWS STS".
func (t *tagging) check() error {
	if err := checkTags(t.asked); errs.Is(err, errs.Conflict) {
		return constraint("", "tags", "Member must have length less than or equal to 50")
	} else if errs.CodeOf(err) == "InvalidInput" {
		return errs.Wrap(err, errs.Invalid, "InvalidParameterValue", "%s", errs.MessageOf(err))
	} else if err != nil {
		return err
	}
	if len(t.transitive) > maxTags {
		return constraint("", "transitiveTagKeys", "Member must have length less than or equal to 50")
	}
	for _, key := range t.transitive {
		if !slices.ContainsFunc(t.asked, func(a Tag) bool { return strings.EqualFold(a.Key, key) }) {
			return errs.New(errs.Invalid, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags: %s is not.", clip(key))
		}
	}
	for _, tag := range t.inherited {
		if slices.ContainsFunc(t.asked, func(a Tag) bool { return strings.EqualFold(a.Key, tag.Key) }) {
			return errs.New(errs.Invalid, "InvalidParameterValue",
				"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session: %s.", clip(tag.Key))
		}
	}
	return nil
}

// of puts the tags into a session.
func (t *tagging) of(in session) session {
	in.Tags = slices.Concat(t.inherited, t.asked)
	for _, tag := range t.inherited {
		in.Transitive = append(in.Transitive, tag.Key)
	}
	in.Transitive = append(in.Transitive, t.transitive...)
	return in
}

// size is how many bytes of the room for session policies the tags take.
func (t *tagging) size() (n int) {
	for _, tags := range [][]Tag{t.inherited, t.asked} {
		for _, tag := range tags {
			n += len(tag.Key) + len(tag.Value)
		}
	}
	for _, key := range t.transitive {
		n += len(key)
	}
	return n
}

func holdsKey(keys []string, key string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, key) })
}

// principalTag is a tag that the session was made with. Tags of its role or user
// with the same key don't count.
func (o *openSession) principalTag(key string) ([]string, bool) {
	for _, tag := range o.Tags {
		if strings.EqualFold(tag.Key, key) {
			return one(tag.Value)
		}
	}
	return nil, false
}
