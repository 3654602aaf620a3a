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

func (s *Service) withPolicy(ctx context.Context, arn string) context.Context {
	return WithKeys(ctx, map[string][]string{"iam:policyarn": {arn}})
}

// withBoundary names the boundary that an operation sets or takes away.
func (s *Service) withBoundary(ctx context.Context, arn string) context.Context {
	if arn == "" {
		return ctx
	}
	return WithKeys(ctx, map[string][]string{"iam:permissionsboundary": {arn}})
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
		case strings.HasPrefix(name, "principaltag/") && p.rights != nil:
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
