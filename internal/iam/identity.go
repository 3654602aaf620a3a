package iam

import (
	"context"
	"slices"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// Role is a role as GetRole shows it.
type Role struct {
	ARN, ID, Path, Name, Description string
	Created                          time.Time
	TrustPolicy                      string // JSON
	MaxSession                       time.Duration
}

// CallerIdentity returns the principal of ctx. It needs no permission: whoever
// has a key may know whose it is.
func (s *Service) CallerIdentity(ctx context.Context) (Principal, error) {
	p, ok := PrincipalOf(ctx)
	if !ok {
		return Principal{}, unauthenticated(CodeMissingToken, "Missing Authentication Token")
	}
	return p, nil
}

// GetRole returns the role of that name. It is NotFound if there is none.
func (s *Service) GetRole(ctx context.Context, name string) (Role, error) {
	if err := checkName("roleName", name); err != nil {
		return Role{}, err
	}
	if err := s.Authorize(ctx, "iam:GetRole", s.roleARN(name)); err != nil {
		return Role{}, err
	}
	roles := s.roles()
	i := slices.IndexFunc(roles, func(r Role) bool { return r.Name == name })
	if i < 0 {
		return Role{}, errs.New(errs.NotFound, "NoSuchEntity", "The role with name %s cannot be found.", name)
	}
	return roles[i], nil
}

// GetUser looks for the user of that name, "" for the caller's own. There are
// roles and the root key but no users yet, so it always fails as AWS does then.
func (s *Service) GetUser(ctx context.Context, name string) error {
	if name == "" {
		if _, err := s.CallerIdentity(ctx); err != nil {
			return err
		}
		return errs.New(errs.Invalid, "ValidationError", "Must specify userName when calling with non-User credentials")
	}
	if err := checkName("userName", name); err != nil {
		return err
	}
	if err := s.Authorize(ctx, "iam:GetUser", "arn:aws:iam::"+s.cfg.AccountID+":user/"+name); err != nil {
		return err
	}
	return errs.New(errs.NotFound, "NoSuchEntity", "The user with name %s cannot be found.", name)
}

func (s *Service) roleARN(name string) string {
	return "arn:aws:iam::" + s.cfg.AccountID + ":role/" + name
}

// roles are those that exist without having been created.
func (s *Service) roles() []Role {
	role := func(name, service, description string) Role {
		return Role{
			ARN: s.roleARN(name), ID: s.RoleID(name), Path: "/", Name: name, Description: description,
			Created: time.Unix(0, 0).UTC(), MaxSession: time.Hour,
			TrustPolicy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`,
		}
	}
	return []Role{
		role(ExecutionRole, "sagemaker.amazonaws.com", "What notebooks and training jobs run as"),
		role(FunctionRole, "lambda.amazonaws.com", "What built-in functions run as"),
	}
}

// checkName is IAM's rule for the names of users and roles: 1 to 64 letters,
// digits and +=,.@-_ .
func checkName(member, name string) error {
	ok := len(name) >= 1 && len(name) <= 64
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '+' || c == '=' || c == ',' || c == '.' || c == '@' || c == '-' || c == '_'
	}
	if !ok {
		return errs.New(errs.Invalid, "ValidationError", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: "+
			"Member must be 1 to 64 characters of [\\w+=,.@-]", clip(name), member)
	}
	return nil
}
