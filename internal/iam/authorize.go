package iam

import (
	"context"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/errs"
)

// Effect is what a statement does to the requests it matches.
type Effect uint8

const (
	Deny Effect = iota // the zero value, so that a forgotten effect never allows
	Allow
)

// Statement allows or denies actions on resources. Both are patterns in which *
// stands for any characters and ? for one. Actions are matched without regard
// to case, resources exactly.
type Statement struct {
	Effect    Effect
	Actions   []string // "s3:GetObject", "s3:*"
	Resources []string // ARNs
}

func allow(actions, resources []string) Statement {
	return Statement{Effect: Allow, Actions: actions, Resources: resources}
}

// Authorize returns nil if the principal of ctx may perform action on resource:
// a statement allows it and none denies it. Without a principal the error is
// Unauthenticated with code CodeMissingToken; a refusal is Denied with code
// AccessDeniedException and names principal, action and resource. The decision is
// in the audit trail before it is returned; if it can't be, the error is Internal.
func (s *Service) Authorize(ctx context.Context, action, resource string) error {
	p, ok := PrincipalOf(ctx)
	if !ok {
		return errs.New(errs.Unauthenticated, CodeMissingToken, "Missing Authentication Token")
	}
	const denied = "User: %s is not authorized to perform: %s on resource: %s "
	verdict := decide(p.grants, action, resource)
	entry := audit.Entry{Decision: audit.Denied, Principal: p.ARN, Key: p.AccessKeyID, Action: action, Resource: resource}
	if verdict == allowed {
		entry.Decision, entry.Durable = audit.Allowed, durable(action)
	} else {
		entry.Error = CodeAccessDenied
	}
	if err := s.record(ctx, &entry); err != nil {
		return err
	}
	switch verdict {
	case allowed:
		return nil
	case deniedExplicitly:
		return errs.New(errs.Denied, CodeAccessDenied, denied+"with an explicit deny in an identity-based policy", p.ARN, action, resource)
	default:
		return errs.New(errs.Denied, CodeAccessDenied, denied+"because no identity-based policy allows the %s action",
			p.ARN, action, resource, action)
	}
}

type decision uint8

const (
	deniedByDefault decision = iota
	deniedExplicitly
	allowed
)

func decide(statements []Statement, action, resource string) decision {
	verdict := deniedByDefault
	for i := range statements {
		st := &statements[i]
		if !matchAny(st.Actions, action, true) || !matchAny(st.Resources, resource, false) {
			continue
		}
		if st.Effect != Allow {
			return deniedExplicitly
		}
		verdict = allowed
	}
	return verdict
}

func matchAny(patterns []string, s string, fold bool) bool {
	for _, p := range patterns {
		if match(p, s, fold) {
			return true
		}
	}
	return false
}

// match compares bytes against a pattern with * and ?, in time proportional to
// the product of the lengths at worst: it only ever goes back to the last star.
func match(pattern, s string, fold bool) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || equal(pattern[p], s[i], fold)):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func equal(a, b byte, fold bool) bool {
	return a == b || fold && lower(a) == lower(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
