package iam

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// Group is users who share policies. It is no principal: it can't sign, and
// policies can't name it.
type Group struct {
	ARN, ID, Path, Name string
	Created             time.Time
}

func (s *Service) group(name string, d *entityDoc) Group {
	return Group{ARN: s.arnOf(GroupEntity, d.Path, name), ID: d.ID, Path: d.Path, Name: name, Created: d.Created}
}

// CreateGroup creates a group without users and policies; path may be "".
func (s *Service) CreateGroup(ctx context.Context, name, path string) (Group, error) {
	doc, err := s.newEntity(ctx, "iam:CreateGroup", Entity{GroupEntity, name}, path, "", nil)
	if err != nil {
		return Group{}, err
	}
	err = s.change(ctx, func(ctx context.Context) error { return createWithin(ctx, s.dir.groups, name, doc) })
	return s.group(name, &doc), err
}

// GetGroup returns a group with a page of its users, in the order of their
// names, and the marker of the next page.
func (s *Service) GetGroup(ctx context.Context, name string, page Page) (Group, []User, string, error) {
	doc, err := s.find(ctx, "iam:GetGroup", Entity{GroupEntity, name})
	if err != nil {
		return Group{}, nil, "", err
	}
	var users []User
	err = s.members(ctx, name, func(r store.Record[userDoc]) { users = append(users, s.user(r.Name, &r.Doc.entityDoc)) })
	if err != nil {
		return Group{}, nil, "", err
	}
	users, next, err := cut(users, func(u User) string { return strings.ToLower(u.Name) }, page)
	return s.group(name, &doc), users, next, err
}

// members calls fn for each user of a group.
func (s *Service) members(ctx context.Context, group string, fn func(store.Record[userDoc])) error {
	return all(ctx, s.dir.users.records, append([]string{"Groups"}, listed...), func(r store.Record[userDoc]) {
		if slices.Contains(r.Doc.Groups, group) {
			fn(r)
		}
	})
}

// ListGroups returns the groups under a path, in the order of their names.
func (s *Service) ListGroups(ctx context.Context, pathPrefix string, page Page) ([]Group, string, error) {
	var groups []Group
	err := s.list(ctx, "iam:ListGroups", GroupEntity, pathPrefix, func(name string, d *entityDoc) { groups = append(groups, s.group(name, d)) })
	if err != nil {
		return nil, "", err
	}
	return cut(groups, func(g Group) string { return strings.ToLower(g.Name) }, page)
}

// UpdateGroup renames a group or moves it under another path; "" leaves either
// as it is. Its users stay.
func (s *Service) UpdateGroup(ctx context.Context, name, newName, newPath string) error {
	doc, err := s.renaming(ctx, "iam:UpdateGroup", Entity{GroupEntity, name}, newName, newPath)
	if err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context) error {
		if err := rename(ctx, s.dir.groups, name, newName, doc.Path); err != nil || newName == "" || newName == name {
			return err
		}
		var users []string
		if err := s.members(ctx, name, func(r store.Record[userDoc]) { users = append(users, r.Name) }); err != nil {
			return err
		}
		for _, user := range users {
			err := s.dir.users.update(ctx, user, func(d *userDoc) error {
				d.Groups[slices.Index(d.Groups, name)] = newName
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteGroup removes a group that has no users and policies any more.
func (s *Service) DeleteGroup(ctx context.Context, name string) error {
	if _, err := s.find(ctx, "iam:DeleteGroup", Entity{GroupEntity, name}); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context) error {
		r, err := s.dir.groups.get(ctx, name)
		if err != nil {
			return err
		}
		if err := r.Doc.deletable(); err != nil {
			return err
		}
		users := 0
		switch err := s.members(ctx, name, func(store.Record[userDoc]) { users++ }); {
		case err != nil:
			return err
		case users > 0:
			return conflict("Cannot delete entity, must remove users from group first.")
		}
		_, err = s.dir.groups.records.Delete(ctx, name, nil)
		return err
	})
}

// AddUserToGroup makes a user a member of a group; a member stays one.
func (s *Service) AddUserToGroup(ctx context.Context, group, user string) error {
	return s.membership(ctx, "iam:AddUserToGroup", group, user, func(d *userDoc) error {
		if slices.Contains(d.Groups, group) {
			return nil
		}
		if len(d.Groups) >= MaxGroupsOfUser {
			return exceeded("GroupsPerUser", MaxGroupsOfUser)
		}
		d.Groups = append(d.Groups, group)
		return nil
	})
}

// RemoveUserFromGroup ends a membership.
func (s *Service) RemoveUserFromGroup(ctx context.Context, group, user string) error {
	return s.membership(ctx, "iam:RemoveUserFromGroup", group, user, func(d *userDoc) error {
		i := slices.Index(d.Groups, group)
		if i < 0 {
			return errs.New(errs.NotFound, "NoSuchEntity", "The user with name %s is not in the group with name %s.", user, group)
		}
		d.Groups = slices.Delete(d.Groups, i, i+1)
		return nil
	})
}

func (s *Service) membership(ctx context.Context, action, group, user string, fn func(*userDoc) error) error {
	if _, err := s.find(ctx, action, Entity{GroupEntity, group}); err != nil {
		return err
	}
	if err := (Entity{UserEntity, user}).check(); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context) error {
		if _, err := s.dir.groups.get(ctx, group); err != nil {
			return err
		}
		return s.dir.users.update(ctx, user, fn)
	})
}
