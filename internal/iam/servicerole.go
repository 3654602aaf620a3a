package iam

import (
	"context"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

// ServiceRoles lets one of the server's services act as the roles that trust it.
type ServiceRoles struct {
	iam           *Service
	name, session string
}

// ForService returns the roles of a service, such as "sagemaker.amazonaws.com".
// session names its sessions: …:assumed-role/ROLE/session.
func (s *Service) ForService(name, session string) *ServiceRoles {
	return &ServiceRoles{s, name, session}
}

// RoleARN is the ARN of a role in the account, under the path /.
func (s *Service) RoleARN(name string) string { return s.arnOf(RoleEntity, "/", name) }

// Pass asks whether the principal of ctx may hand a role to the service
// (iam:PassRole, with the condition keys iam:PassedToService and
// iam:AssociatedResourceArn), and then whether the service may assume it for
// source, the ARN of what is to be created.
func (r *ServiceRoles) Pass(ctx context.Context, roleARN, source string) error {
	if account, _, _ := strings.Cut(strings.TrimPrefix(roleARN, "arn:aws:iam::"), ":"); isAccountID(account) && account != r.iam.cfg.AccountID {
		return errs.New(errs.Invalid, "ValidationException", "Cross-account pass role is not allowed.")
	}
	keyed := WithKeys(ctx, map[string][]string{"iam:PassedToService": {r.name}, "iam:AssociatedResourceArn": {source}})
	if err := r.iam.Authorize(keyed, "iam:PassRole", roleARN); err != nil {
		return err
	}
	_, err := r.assume(ctx, roleARN, source)
	return err
}

// Assume returns ctx with a session of the role, which may do what the role's
// policies allow at the time of each action, and nothing once the role is
// deleted. It is Invalid if the role does not exist, or does not trust the
// service for source.
func (r *ServiceRoles) Assume(ctx context.Context, roleARN, source string) (context.Context, error) {
	p, err := r.assume(ctx, roleARN, source)
	if err != nil {
		return ctx, err
	}
	return WithPrincipal(ctx, p), nil
}

func (r *ServiceRoles) assume(ctx context.Context, roleARN, source string) (Principal, error) {
	role, trust, err := r.iam.trustOf(ctx, roleARN)
	if err != nil {
		return Principal{}, err
	}
	policies := policy.Policies{Resource: trust}
	d := policies.Decide(&policy.Request{
		Principal: policy.Principal{Type: policy.Service, Service: r.name, ARN: r.name},
		Action:    "sts:AssumeRole", Resource: roleARN,
		Context: func(key string) ([]string, bool) {
			switch {
			case key == "aws:sourceaccount":
				return one(r.iam.cfg.AccountID)
			case key == "aws:sourcearn" && source != "":
				return one(source)
			}
			return r.iam.conditionKeys(context.Background(), &Principal{})(key)
		},
	})
	if !d.Allowed {
		return Principal{}, errs.New(errs.Invalid, "ValidationException",
			"Could not assume role %s. Please ensure that the role exists and allows principal '%s' to assume the role.", clip(roleARN), r.name)
	}
	p, err := r.iam.rolePrincipal(ctx, role.Name, r.session, nil)
	if errs.Is(err, errs.NotFound) { // deleted between the two
		return r.assume(ctx, roleARN, source)
	}
	p.role = role.Name
	return p, err
}

// current is a principal with the rights that it has now: those of a service's session
// change with its role, however long the work takes.
func (s *Service) current(ctx context.Context, of *Principal) (*Principal, error) {
	if of.role == "" {
		return of, nil
	}
	p := *of
	_, session, _ := strings.Cut(p.UserID, ":")
	now, err := s.rolePrincipal(ctx, p.role, session, nil)
	switch {
	case err == nil && now.UserID == p.UserID:
		p.rights = now.rights
	case err == nil || errs.Is(err, errs.NotFound): // the role is gone, or another one of its name
		p.rights = nil
	default:
		return nil, err
	}
	return &p, nil
}
