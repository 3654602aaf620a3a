package iam

import (
	"context"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// CallerIdentity returns the principal of ctx. It needs no permission: whoever
// has a key may know whose it is.
func (s *Service) CallerIdentity(ctx context.Context) (Principal, error) {
	p, ok := PrincipalOf(ctx)
	if !ok {
		return Principal{}, unauthenticated(CodeMissingToken, "Missing Authentication Token")
	}
	return p, nil
}

// builtinRoles are the roles that every account has, as they are at first.
func (s *Service) builtinRoles() map[string]roleDoc {
	role := func(name, service, description string, policies ...string) roleDoc {
		return roleDoc{
			entityDoc:   entityDoc{ID: s.RoleID(name), Path: "/", Created: time.Unix(0, 0).UTC(), Attached: policies},
			Description: description, MaxSession: 3600,
			Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`,
		}
	}
	return map[string]roleDoc{
		ExecutionRole: role(ExecutionRole, "sagemaker.amazonaws.com", "What notebooks and training jobs run as",
			"arn:aws:iam::aws:policy/AmazonS3FullAccess", "arn:aws:iam::aws:policy/CloudWatchLogsFullAccess"),
		FunctionRole: role(FunctionRole, "lambda.amazonaws.com", "What built-in functions run as",
			"arn:aws:iam::aws:policy/service-role/HeliographFunctionPolicy"),
	}
}

// ensureBuiltins creates the roles that every account has, unless they are there.
func (s *Service) ensureBuiltins(ctx context.Context) error {
	for name, doc := range s.builtinRoles() {
		if _, err := s.dir.roles.get(ctx, name); !errs.Is(err, errs.NotFound) {
			if err != nil {
				return err
			}
			continue
		}
		if err := s.dir.roles.create(ctx, name, doc); err != nil {
			return err
		}
	}
	return nil
}
