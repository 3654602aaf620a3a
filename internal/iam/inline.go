package iam

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

// PutInlinePolicy writes a policy into a user, group or role, in place of one
// of the same name.
func (s *Service) PutInlinePolicy(ctx context.Context, e Entity, name, document string) error {
	if _, err := s.find(ctx, e.action("Put", "Policy"), e); err != nil {
		return err
	}
	if err := checkEntityName("policyName", name, 128); err != nil {
		return err
	}
	if err := s.checkDocument(document, maxInlineSizes[e.Kind]); err != nil {
		return err
	}
	return s.modify(ctx, e, func(_ context.Context, d *entityDoc) error {
		d.Inline = slices.DeleteFunc(d.Inline, func(p inlinePolicy) bool { return p.Name == name })
		d.Inline = append(d.Inline, inlinePolicy{name, document})
		size := 0
		for _, p := range d.Inline {
			size += policy.Size([]byte(p.Document))
		}
		if limit := maxInlineSizes[e.Kind]; size > limit {
			return errs.New(errs.Conflict, "LimitExceeded", "Maximum policy size of %d bytes exceeded for %s %s", limit, e.Kind, e.Name)
		}
		return nil
	})
}

// GetInlinePolicy returns the text of a policy as it was put.
func (s *Service) GetInlinePolicy(ctx context.Context, e Entity, name string) (string, error) {
	doc, err := s.find(ctx, e.action("Get", "Policy"), e)
	if err != nil {
		return "", err
	}
	if err := checkEntityName("policyName", name, 128); err != nil {
		return "", err
	}
	for _, p := range doc.Inline {
		if p.Name == name {
			return p.Document, nil
		}
	}
	return "", e.missingInline(name)
}

// DeleteInlinePolicy takes a policy out of a user, group or role.
func (s *Service) DeleteInlinePolicy(ctx context.Context, e Entity, name string) error {
	if _, err := s.find(ctx, e.action("Delete", "Policy"), e); err != nil {
		return err
	}
	if err := checkEntityName("policyName", name, 128); err != nil {
		return err
	}
	return s.modify(ctx, e, func(_ context.Context, d *entityDoc) error {
		i := slices.IndexFunc(d.Inline, func(p inlinePolicy) bool { return p.Name == name })
		if i < 0 {
			return e.missingInline(name)
		}
		d.Inline = slices.Delete(d.Inline, i, i+1)
		return nil
	})
}

// ListInlinePolicies returns the names of the policies in a user, group or role,
// sorted, and the marker of the next page.
func (s *Service) ListInlinePolicies(ctx context.Context, e Entity, page Page) ([]string, string, error) {
	doc, err := s.find(ctx, e.action("List", "Policies"), e)
	if err != nil {
		return nil, "", err
	}
	names := make([]string, len(doc.Inline))
	for i, p := range doc.Inline {
		names[i] = p.Name
	}
	slices.SortFunc(names, strings.Compare)
	return cut(names, func(n string) string { return n }, page)
}

func (e Entity) missingInline(name string) error {
	return errs.New(errs.NotFound, "NoSuchEntity", "The %s policy with name %s cannot be found.", e.Kind, name)
}

// checkDocument holds a policy against the grammar and a bound on its size.
func (s *Service) checkDocument(document string, limit int) error {
	if document == "" {
		return invalid("1 validation error detected: Value null at 'policyDocument' failed to satisfy constraint: Member must not be null")
	}
	if len(document) > policy.MaxBytes {
		return constraint(fmt.Sprintf("%d characters", len(document)), "policyDocument", "Member must have length less than or equal to 131072")
	}
	if policy.Size([]byte(document)) > limit {
		return exceeded("PolicySize", limit)
	}
	_, err := parseIdentity(document)
	return err
}

// checkTrust holds a trust policy against the grammar, and wants the users and
// roles of this account that it names to exist. It must run in a transaction.
func (s *Service) checkTrust(ctx context.Context, document string) error {
	if document == "" {
		return invalid("1 validation error detected: Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be null")
	}
	if len(document) > policy.MaxBytes {
		return constraint(fmt.Sprintf("%d characters", len(document)), "assumeRolePolicyDocument", "Member must have length less than or equal to 131072")
	}
	if policy.Size([]byte(document)) > policy.MaxTrust {
		return exceeded("ACLSizePerRole", policy.MaxTrust)
	}
	doc, err := policy.Parse([]byte(document), policy.Trust)
	if err != nil {
		return err
	}
	for i := range doc.Statements {
		for _, p := range slices.Concat(doc.Statements[i].Principals, doc.Statements[i].NotPrincipals) {
			if err := s.checkPrincipal(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) checkPrincipal(ctx context.Context, p policy.PrincipalRef) error {
	own := "arn:aws:iam::" + s.cfg.AccountID + ":"
	for _, kind := range []EntityKind{UserEntity, RoleEntity} {
		resource, ok := strings.CutPrefix(p.Name, own+kind.String()+"/")
		if !ok {
			continue
		}
		e := Entity{kind, resource[strings.LastIndexByte(resource, '/')+1:]}
		doc, err := s.readEntity(ctx, e)
		if errs.Is(err, errs.NotFound) || err == nil && s.arnOf(kind, doc.Path, e.Name) != p.Name {
			return errs.New(errs.Invalid, policy.CodeMalformed, `Invalid principal in policy: "AWS":"%s"`, clip(p.Name))
		} else if err != nil {
			return err
		}
	}
	return nil
}
