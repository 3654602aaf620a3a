package iam

import (
	"context"
	"strconv"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

// Authorize returns nil if the principal of ctx may perform action on resource:
// its policies, with that of the resource itself, allow it and none denies it.
// Without a principal the error is
// Unauthenticated with code CodeMissingToken; a refusal is Denied with code
// AccessDeniedException and names principal, action, resource and what decided.
// The decision is in the audit trail before it is returned; if it can't be, the
// error is Internal.
func (s *Service) Authorize(ctx context.Context, action, resource string) error {
	p := principalOf(ctx)
	if p == nil {
		return errs.New(errs.Unauthenticated, CodeMissingToken, "Missing Authentication Token")
	}
	own, err := s.resourcePolicy(ctx, p, action, resource)
	if err != nil {
		return err
	}
	return s.AuthorizeResource(ctx, action, resource, own)
}

// AuthorizeResource is Authorize with the resource's own policy at hand, such as
// the trust policy of a role; nil if it has none.
func (s *Service) AuthorizeResource(ctx context.Context, action, resource string, own *policy.Attached) error {
	p := principalOf(ctx)
	if p == nil {
		return errs.New(errs.Unauthenticated, CodeMissingToken, "Missing Authentication Token")
	}
	p, err := s.current(ctx, p)
	if err != nil {
		return err
	}
	d := s.decide(ctx, p, action, resource, own)
	entry := audit.Entry{Principal: p.ARN, Key: p.AccessKeyID, Action: action, Resource: resource, Policy: d.Policy, Statement: statementName(d)}
	if d.Allowed {
		entry.Decision, entry.Durable = audit.Allowed, durable(action)
		return s.record(ctx, entry)
	}
	why := d.Explain(action)
	entry.Decision, entry.Error, entry.Reason = audit.Denied, CodeAccessDenied, why
	if err := s.record(ctx, entry); err != nil {
		return err
	}
	return errs.New(errs.Denied, CodeAccessDenied, "User: %s is not authorized to perform: %s on resource: %s %s", p.ARN, action, resource, why)
}

// resourcePolicy is the policy that the resource has itself, nil if none. The
// root key may see, replace and remove the policy of a bucket whatever it says,
// so that nobody can lock a bucket for good.
func (s *Service) resourcePolicy(ctx context.Context, p *Principal, action, resource string) (*policy.Attached, error) {
	if s.cfg.ResourcePolicy == nil {
		return nil, nil
	}
	switch action {
	case "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy":
		if p.AccessKeyID == s.cfg.RootKey.ID && p.AccessKeyID != "" {
			return nil, nil
		}
	}
	return s.cfg.ResourcePolicy(ctx, resource)
}

// decide is the decision alone. A principal that another package made up has no
// rights.
func (s *Service) decide(ctx context.Context, p *Principal, action, resource string, own *policy.Attached) policy.Decision {
	var r rights
	if p.rights != nil {
		r = *p.rights
	}
	r.policies.Resource = own
	return r.policies.Decide(&policy.Request{Principal: r.who, Action: action, Resource: resource, Context: s.conditionKeys(ctx, p)})
}

// statementName is the deciding statement as the audit trail names it: by its
// Sid, else by its place, #1 for the first; "" if none decided.
func statementName(d policy.Decision) string {
	switch {
	case d.Statement < 0 || d.Policy == "":
		return ""
	case d.Sid != "":
		return d.Sid
	}
	return "#" + strconv.Itoa(d.Statement+1)
}
