package iam

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"
)

type keysKey struct{}

// WithKeys returns a context in which conditions of policies see these keys
// with their values, besides those of contexts around it. Names are the same in
// upper and lower case.
func WithKeys(ctx context.Context, keys map[string][]string) context.Context {
	outer, _ := ctx.Value(keysKey{}).(map[string][]string)
	all := make(map[string][]string, len(outer)+len(keys))
	maps.Copy(all, outer)
	for name, values := range keys {
		all[strings.ToLower(name)] = values
	}
	return context.WithValue(ctx, keysKey{}, all)
}

func withPolicy(ctx context.Context, arn string) context.Context {
	return WithKeys(ctx, map[string][]string{"iam:policyarn": {arn}})
}

// withBoundary names the boundary that an operation sets.
func withBoundary(ctx context.Context, arn string) context.Context {
	if arn == "" {
		return ctx
	}
	return WithKeys(ctx, map[string][]string{boundaryKey: {arn}})
}

const boundaryKey = "iam:permissionsboundary"

// withResource names what a resource has: its tags and, unless the operation is
// about to set another, its boundary.
func withResource(ctx context.Context, tags []Tag, boundary string) context.Context {
	if outer, _ := ctx.Value(keysKey{}).(map[string][]string); boundary != "" && outer[boundaryKey] == nil {
		ctx = withBoundary(ctx, boundary)
	}
	if len(tags) == 0 {
		return ctx
	}
	keys := map[string][]string{}
	for _, t := range tags {
		keys["aws:resourcetag/"+t.Key], keys["iam:resourcetag/"+t.Key] = []string{t.Value}, []string{t.Value}
	}
	return WithKeys(ctx, keys)
}

// withTags names the tags that an operation sets, withTagKeys those it removes.
func withTags(ctx context.Context, tags []Tag) context.Context {
	if len(tags) == 0 {
		return ctx
	}
	keys, names := map[string][]string{}, make([]string, len(tags))
	for i, t := range tags {
		keys["aws:requesttag/"+t.Key], names[i] = []string{t.Value}, t.Key
	}
	return withTagKeys(WithKeys(ctx, keys), names)
}

func withTagKeys(ctx context.Context, names []string) context.Context {
	return WithKeys(ctx, map[string][]string{"aws:tagkeys": names})
}

// conditionKeys answers what conditions ask about the request of ctx. What the
// principal is, package policy knows itself.
func (s *Service) conditionKeys(ctx context.Context, p *Principal) func(key string) ([]string, bool) {
	keys, _ := ctx.Value(keysKey{}).(map[string][]string)
	info, asked := RequestOf(ctx)
	return func(key string) ([]string, bool) {
		if values, ok := keys[key]; ok {
			return values, true
		}
		if p.rights != nil {
			if values, ok := p.rights.session.key(key); ok {
				return values, true
			}
		}
		switch name, ok := strings.CutPrefix(key, "aws:"); {
		case !ok:
			return nil, false
		case name == "currenttime":
			return one(s.requestTime(info).Format(time.RFC3339))
		case name == "epochtime":
			return one(strconv.FormatInt(s.requestTime(info).Unix(), 10))
		case name == "requestedregion":
			return one(s.cfg.Region)
		case name == "sourceip" && asked && info.SourceIP != "":
			return one(info.SourceIP)
		case name == "securetransport" && asked:
			return one(strconv.FormatBool(info.Secure))
		case name == "useragent" && asked && info.UserAgent != "":
			return one(info.UserAgent)
		case p.rights == nil:
		case name == "sourcearn" && p.rights.source != "":
			return one(p.rights.source)
		case name == "sourceaccount" && p.rights.source != "":
			return one(s.cfg.AccountID)
		case strings.HasPrefix(name, "principaltag/"):
			for _, t := range p.rights.tags {
				if strings.EqualFold(t.Key, name[len("principaltag/"):]) {
					return one(t.Value)
				}
			}
		}
		return nil, false
	}
}

func one(value string) ([]string, bool) { return []string{value}, true }

func (s *Service) requestTime(info RequestInfo) time.Time {
	if info.Time.IsZero() {
		return s.cfg.Now().UTC()
	}
	return info.Time.UTC()
}
