package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// AttachedPolicy is a managed policy that an entity has.
type AttachedPolicy struct{ ARN, Name string }

// AttachPolicy gives an entity a managed policy. One that it has already is no error.
func (s *Service) AttachPolicy(ctx context.Context, e Entity, arn string) error {
	if _, err := s.find(withPolicy(ctx, arn), e.action("Attach", "Policy"), e); err != nil {
		return err
	}
	return s.modify(ctx, e, func(ctx context.Context, d *entityDoc) error {
		if err := s.attachable(ctx, arn); err != nil {
			return err
		}
		if slices.Contains(d.Attached, arn) {
			return nil
		}
		if len(d.Attached) >= MaxAttachedPolicies {
			return exceeded("PoliciesPer"+entityWords[e.Kind].upper, MaxAttachedPolicies)
		}
		d.Attached = append(d.Attached, arn)
		return nil
	})
}

func (s *Service) attachable(ctx context.Context, arn string) error {
	_, err := s.policy(ctx, arn)
	if errs.Is(err, errs.NotFound) {
		return errs.New(errs.NotFound, "NoSuchEntity", "Policy %s does not exist or is not attachable.", arn)
	}
	return err
}

// DetachPolicy takes a managed policy from an entity.
func (s *Service) DetachPolicy(ctx context.Context, e Entity, arn string) error {
	if _, err := s.find(withPolicy(ctx, arn), e.action("Detach", "Policy"), e); err != nil {
		return err
	}
	return s.modify(ctx, e, func(_ context.Context, d *entityDoc) error {
		i := slices.Index(d.Attached, arn)
		if i < 0 {
			return errs.New(errs.NotFound, "NoSuchEntity", "Policy %s was not found.", clip(arn))
		}
		d.Attached = slices.Delete(d.Attached, i, i+1)
		return nil
	})
}

// ListAttachedPolicies returns the managed policies of an entity under a path,
// in the order of their ARNs, and the marker of the next page.
func (s *Service) ListAttachedPolicies(ctx context.Context, e Entity, pathPrefix string, page Page) ([]AttachedPolicy, string, error) {
	doc, err := s.find(ctx, "iam:ListAttached"+entityWords[e.Kind].upper+"Policies", e)
	if err != nil {
		return nil, "", err
	}
	if err := checkPathPrefix(pathPrefix); err != nil {
		return nil, "", err
	}
	var policies []AttachedPolicy
	for _, arn := range doc.Attached {
		m := policyARNPattern.FindStringSubmatch(arn)
		if m != nil && strings.HasPrefix(m[2], pathPrefix) {
			policies = append(policies, AttachedPolicy{arn, m[3]})
		}
	}
	slices.SortFunc(policies, func(a, b AttachedPolicy) int { return strings.Compare(a.ARN, b.ARN) })
	return cut(policies, func(p AttachedPolicy) string { return p.ARN }, page)
}

// PutBoundary bounds the rights of a user or role: what the managed policy does
// not allow, nothing gives them.
func (s *Service) PutBoundary(ctx context.Context, e Entity, arn string) error {
	if _, err := s.find(withBoundary(ctx, arn), e.action("Put", "PermissionsBoundary"), e); err != nil {
		return err
	}
	return s.modify(ctx, e, func(ctx context.Context, d *entityDoc) error {
		if err := s.attachable(ctx, arn); err != nil {
			return err
		}
		d.Boundary = arn
		return nil
	})
}

// DeleteBoundary takes the bound from the rights of a user or role.
func (s *Service) DeleteBoundary(ctx context.Context, e Entity) error {
	if _, err := s.find(ctx, e.action("Delete", "PermissionsBoundary"), e); err != nil {
		return err
	}
	return s.modify(ctx, e, func(_ context.Context, d *entityDoc) error {
		if d.Boundary == "" {
			return errs.New(errs.NotFound, "NoSuchEntity", "%s %s does not have a permissions boundary.", entityWords[e.Kind].upper, e.Name)
		}
		d.Boundary = ""
		return nil
	})
}

// checkBoundary wants the policy of a boundary to exist; "" is none.
func (s *Service) checkBoundary(ctx context.Context, arn string) error {
	if arn == "" {
		return nil
	}
	return s.attachable(ctx, arn)
}

// policyUse counts the entities that have a policy.
type policyUse struct{ attached, boundary int }

// policyUses counts the uses of all managed policies.
func (s *Service) policyUses(ctx context.Context) (map[string]policyUse, error) {
	uses := map[string]policyUse{}
	err := s.eachUse(ctx, func(_ Entity, d *entityDoc) {
		for _, arn := range d.Attached {
			u := uses[arn]
			u.attached++
			uses[arn] = u
		}
		if d.Boundary != "" {
			u := uses[d.Boundary]
			u.boundary++
			uses[d.Boundary] = u
		}
	})
	return uses, err
}

// eachUse calls fn for every entity, with what of it says which policies it uses.
func (s *Service) eachUse(ctx context.Context, fn func(e Entity, d *entityDoc)) error {
	if s.dir == nil {
		return nil
	}
	for kind := range EntityKind(len(entityWords)) {
		err := s.dir.entities(kind).each(ctx, []string{"ID", "Path", "Attached", "Boundary"}, func(name string, d *entityDoc) { fn(Entity{kind, name}, d) })
		if err != nil {
			return err
		}
	}
	return nil
}

// PolicyEntity is an entity that uses a managed policy.
type PolicyEntity struct {
	Entity
	ID string
}

// EntityFilter selects the entities of ListEntitiesForPolicy. The zero value selects all.
type EntityFilter struct {
	Kind       string // User, Role or Group; "": all (LocalManagedPolicy and AWSManagedPolicy select none)
	PathPrefix string
	Usage      string // PermissionsPolicy or PermissionsBoundary; "": either
}

// ListEntitiesForPolicy returns who has a managed policy, attached or as the
// boundary: users, then groups, then roles, each by name.
func (s *Service) ListEntitiesForPolicy(ctx context.Context, arn string, f EntityFilter, page Page) ([]PolicyEntity, string, error) {
	if _, err := s.findPolicy(ctx, "iam:ListEntitiesForPolicy", arn); err != nil {
		return nil, "", err
	}
	if err := checkPathPrefix(f.PathPrefix); err != nil {
		return nil, "", err
	}
	var found []PolicyEntity
	err := s.eachUse(ctx, func(e Entity, d *entityDoc) {
		uses := f.Usage != "PermissionsBoundary" && slices.Contains(d.Attached, arn) || f.Usage != "PermissionsPolicy" && d.Boundary == arn
		if uses && (f.Kind == "" || f.Kind == entityWords[e.Kind].upper) && strings.HasPrefix(d.Path, f.PathPrefix) {
			found = append(found, PolicyEntity{e, d.ID})
		}
	})
	if err != nil {
		return nil, "", err
	}
	return cut(found, func(e PolicyEntity) string { return string('0'+byte(e.Kind)) + strings.ToLower(e.Name) }, page)
}
