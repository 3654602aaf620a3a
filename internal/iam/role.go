package iam

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// Role is what services and people assume: rights with a policy that says who
// may have them.
type Role struct {
	ARN, ID, Path, Name, Description string
	Created                          time.Time
	TrustPolicy                      string // JSON
	MaxSession                       time.Duration
	Boundary                         string // ARN of the managed policy that bounds the role's rights, or ""
	Tags                             []Tag
}

// roleDoc is a role as it is kept.
type roleDoc struct {
	entityDoc
	Trust       string
	Description string `json:",omitempty"`
	MaxSession  int    // seconds
}

// NewRole says what role to create. Name and TrustPolicy are required.
type NewRole struct {
	Name, Path, Description, Boundary string
	TrustPolicy                       string        // JSON
	MaxSession                        time.Duration // 1 to 12 hours
	Tags                              []Tag
}

func (s *Service) role(name string, d *roleDoc) Role {
	return Role{ARN: s.arnOf(RoleEntity, d.Path, name), ID: d.ID, Path: d.Path, Name: name, Description: d.Description, Created: d.Created,
		TrustPolicy: d.Trust, MaxSession: time.Duration(d.MaxSession) * time.Second, Boundary: d.Boundary, Tags: d.Tags}
}

// CreateRole creates a role, which has no rights yet.
func (s *Service) CreateRole(ctx context.Context, in NewRole) (Role, error) {
	doc, err := s.newEntity(ctx, "iam:CreateRole", Entity{RoleEntity, in.Name}, in.Path, in.Boundary, in.Tags)
	if err != nil {
		return Role{}, err
	}
	if err := checkDescription(in.Description); err != nil {
		return Role{}, err
	}
	if err := checkMaxSession(in.MaxSession); err != nil {
		return Role{}, err
	}
	role := roleDoc{entityDoc: doc, Trust: in.TrustPolicy, Description: in.Description, MaxSession: int(in.MaxSession / time.Second)}
	err = s.change(ctx, func(ctx context.Context) error {
		if err := s.checkTrust(ctx, in.TrustPolicy); err != nil {
			return err
		}
		if err := s.checkBoundary(ctx, in.Boundary); err != nil {
			return err
		}
		return createWithin(ctx, s.dir.roles, in.Name, role)
	})
	return s.role(in.Name, &role), err
}

func checkMaxSession(d time.Duration) error {
	seconds := fmt.Sprint(int64(d / time.Second))
	if d < time.Hour {
		return constraint(seconds, "maxSessionDuration", "Member must have value greater than or equal to 3600")
	}
	if d > 12*time.Hour {
		return constraint(seconds, "maxSessionDuration", "Member must have value less than or equal to 43200")
	}
	return nil
}

// GetRole returns the role of that name. It is NotFound if there is none.
func (s *Service) GetRole(ctx context.Context, name string) (Role, error) {
	if _, err := s.find(ctx, "iam:GetRole", Entity{RoleEntity, name}); err != nil {
		return Role{}, err
	}
	return s.findRole(ctx, name)
}

// CheckRole authorises an action on a role, which has to exist.
func (s *Service) CheckRole(ctx context.Context, action, name string) error {
	_, err := s.find(ctx, action, Entity{RoleEntity, name})
	return err
}

// findRole is GetRole for the server itself, which needs no permission.
func (s *Service) findRole(ctx context.Context, name string) (Role, error) {
	if s.dir == nil {
		doc, ok := s.builtinRoles()[name]
		if !ok {
			return Role{}, Entity{RoleEntity, name}.missing()
		}
		return s.role(name, &doc), nil
	}
	r, err := s.dir.roles.get(ctx, name)
	return s.role(name, &r.Doc), err
}

// ListRoles returns the roles under a path, in the order of their names, and the
// marker of the next page. They come without tags and boundary, as from AWS.
func (s *Service) ListRoles(ctx context.Context, pathPrefix string, page Page) ([]Role, string, error) {
	found := map[string]bool{}
	err := s.list(ctx, "iam:ListRoles", RoleEntity, pathPrefix, func(name string, _ *entityDoc) { found[name] = true })
	if err != nil || s.dir == nil {
		return nil, "", err
	}
	var roles []Role
	err = all(ctx, s.dir.roles.records, append([]string{"Trust", "Description", "MaxSession"}, listed...), func(r store.Record[roleDoc]) {
		if found[r.Name] {
			roles = append(roles, s.role(r.Name, &r.Doc))
		}
	})
	if err != nil {
		return nil, "", err
	}
	return cut(roles, func(r Role) string { return strings.ToLower(r.Name) }, page)
}

// RoleUpdate says what of a role to change; nil leaves it as it is.
type RoleUpdate struct {
	Description *string
	MaxSession  *time.Duration
}

// UpdateRole changes a role's description and the longest session.
func (s *Service) UpdateRole(ctx context.Context, name string, in RoleUpdate) (Role, error) {
	if _, err := s.find(ctx, "iam:UpdateRole", Entity{RoleEntity, name}); err != nil {
		return Role{}, err
	}
	return s.updateRole(ctx, name, in)
}

// UpdateRoleDescription changes a role's description.
func (s *Service) UpdateRoleDescription(ctx context.Context, name, description string) (Role, error) {
	if _, err := s.find(ctx, "iam:UpdateRoleDescription", Entity{RoleEntity, name}); err != nil {
		return Role{}, err
	}
	return s.updateRole(ctx, name, RoleUpdate{Description: &description})
}

func (s *Service) updateRole(ctx context.Context, name string, in RoleUpdate) (role Role, err error) {
	if in.Description != nil {
		if err := checkDescription(*in.Description); err != nil {
			return role, err
		}
	}
	if in.MaxSession != nil {
		if err := checkMaxSession(*in.MaxSession); err != nil {
			return role, err
		}
	}
	err = s.change(ctx, func(ctx context.Context) error {
		return s.dir.roles.update(ctx, name, func(d *roleDoc) error {
			if in.Description != nil {
				d.Description = *in.Description
			}
			if in.MaxSession != nil {
				d.MaxSession = int(*in.MaxSession / time.Second)
			}
			role = s.role(name, d)
			return nil
		})
	})
	return role, err
}

// UpdateTrustPolicy says anew who may assume a role.
func (s *Service) UpdateTrustPolicy(ctx context.Context, name, document string) error {
	if _, err := s.find(ctx, "iam:UpdateAssumeRolePolicy", Entity{RoleEntity, name}); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context) error {
		if err := s.checkTrust(ctx, document); err != nil {
			return err
		}
		return s.dir.roles.update(ctx, name, func(d *roleDoc) error { d.Trust = document; return nil })
	})
}

// DeleteRole removes a role that has no policies any more. Its sessions end, and
// jobs and endpoints that run as it fail at their next access.
func (s *Service) DeleteRole(ctx context.Context, name string) error {
	if _, err := s.find(ctx, "iam:DeleteRole", Entity{RoleEntity, name}); err != nil {
		return err
	}
	if _, ok := s.builtinRoles()[name]; ok {
		return errs.New(errs.Invalid, "UnmodifiableEntity", "Cannot perform the operation on the protected role '%s' - the server itself runs as it", name)
	}
	return s.change(ctx, func(ctx context.Context) error {
		r, err := s.dir.roles.get(ctx, name)
		if err != nil {
			return err
		}
		if err := r.Doc.deletable(); err != nil {
			return err
		}
		_, err = s.dir.roles.records.Delete(ctx, name, nil)
		return err
	})
}
