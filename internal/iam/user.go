package iam

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// User is a person or a program with access keys of its own.
type User struct {
	ARN, ID, Path, Name string
	Created             time.Time
	Boundary            string // ARN of the managed policy that bounds the user's rights, or ""
	Tags                []Tag
}

// userDoc is a user as it is kept.
type userDoc struct {
	entityDoc
	Groups []string `json:",omitempty"` // names, in the order of joining
}

// NewUser says what user to create. Only Name is required.
type NewUser struct {
	Name, Path, Boundary string
	Tags                 []Tag
}

func (s *Service) user(name string, d *entityDoc) User {
	return User{ARN: s.arnOf(UserEntity, d.Path, name), ID: d.ID, Path: d.Path, Name: name, Created: d.Created, Boundary: d.Boundary, Tags: d.Tags}
}

// CreateUser creates a user, who has no rights and no keys yet.
func (s *Service) CreateUser(ctx context.Context, in NewUser) (User, error) {
	e := Entity{UserEntity, in.Name}
	doc, err := s.newEntity(ctx, "iam:CreateUser", e, in.Path, in.Boundary, in.Tags)
	if err != nil {
		return User{}, err
	}
	err = s.change(ctx, func(ctx context.Context) error {
		if err := s.checkBoundary(ctx, in.Boundary); err != nil {
			return err
		}
		return createWithin(ctx, s.dir.users, in.Name, userDoc{entityDoc: doc})
	})
	return s.user(in.Name, &doc), err
}

// newEntity authorises the creation of an entity and checks what all kinds have
// in common.
func (s *Service) newEntity(ctx context.Context, action string, e Entity, path, boundary string, tags []Tag) (entityDoc, error) {
	path, fault := checkPath(path)
	if err := e.check(); err != nil {
		fault = err
	}
	if err := s.Authorize(withTags(withBoundary(ctx, boundary), tags), action, s.arnOf(e.Kind, path, clip(e.Name))); err != nil {
		return entityDoc{}, err
	}
	doc := newEntityDoc(e.Kind, path)
	doc.Boundary, doc.Tags = boundary, tags
	if fault == nil {
		fault = checkTags(tags)
	}
	return doc, fault
}

// createWithin adds an entity unless the account has as many as it may. It
// must run in a transaction.
func createWithin[T any](ctx context.Context, t table[T], name string, doc T) error {
	n, err := t.records.Count(ctx, store.Query{})
	if err != nil {
		return err
	}
	if n >= maxEntities[t.kind] {
		return exceeded(entityWords[t.kind].upper+"sPerAccount", maxEntities[t.kind])
	}
	return t.create(ctx, name, doc)
}

// GetUser returns the user of that name, the caller if it is "".
func (s *Service) GetUser(ctx context.Context, name string) (User, error) {
	name, err := s.findUserName(ctx, "iam:GetUser", name)
	if err != nil {
		return User{}, err
	}
	doc, err := s.find(ctx, "iam:GetUser", Entity{UserEntity, name})
	return s.user(name, &doc), err
}

// findUserName is name or, if it is "", the name of the user who calls. Who is
// no user and may do the action at all learns that a name is needed.
func (s *Service) findUserName(ctx context.Context, action, name string) (string, error) {
	if name != "" {
		return name, nil
	}
	p, err := s.CallerIdentity(ctx)
	if err != nil {
		return "", err
	}
	if own := p.userName(); own != "" {
		return own, nil
	}
	if err := s.Authorize(ctx, action, s.arnOf(UserEntity, "/", "")); err != nil {
		return "", err
	}
	return "", invalid("Must specify userName when calling with non-User credentials")
}

// userName is the name of the user that p is, or "" if it is something else.
func (p Principal) userName() string {
	resource, ok := strings.CutPrefix(p.ARN, "arn:aws:iam::"+p.AccountID+":user/")
	if !ok {
		return ""
	}
	return resource[strings.LastIndexByte(resource, '/')+1:]
}

// ListUsers returns the users under a path, in the order of their names, and
// the marker of the next page. They come without tags and boundary, as from AWS.
func (s *Service) ListUsers(ctx context.Context, pathPrefix string, page Page) ([]User, string, error) {
	var users []User
	err := s.list(ctx, "iam:ListUsers", UserEntity, pathPrefix, func(name string, d *entityDoc) { users = append(users, s.user(name, d)) })
	if err != nil {
		return nil, "", err
	}
	return cut(users, func(u User) string { return strings.ToLower(u.Name) }, page)
}

// listed are the members of entities that lists show.
var listed = []string{"ID", "Path", "Created"}

// list authorises a list and calls fn for everything under the path.
func (s *Service) list(ctx context.Context, action string, kind EntityKind, pathPrefix string, fn func(name string, d *entityDoc), more ...string) error {
	if pathPrefix == "" {
		pathPrefix = "/"
	}
	if err := s.Authorize(ctx, action, s.arnOf(kind, clip(pathPrefix), "")); err != nil {
		return err
	}
	if err := checkPathPrefix(pathPrefix); err != nil {
		return err
	}
	if s.dir == nil {
		return nil
	}
	return s.dir.entities(kind).each(ctx, append(more, listed...), func(name string, d *entityDoc) {
		if strings.HasPrefix(d.Path, pathPrefix) {
			fn(name, d)
		}
	})
}

// UpdateUser renames a user or moves it under another path; "" leaves either as
// it is. Rights, keys and memberships stay; ARNs in policies don't follow.
func (s *Service) UpdateUser(ctx context.Context, name, newName, newPath string) error {
	doc, err := s.renaming(ctx, "iam:UpdateUser", Entity{UserEntity, name}, newName, newPath)
	if err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context) error {
		if err := rename(ctx, s.dir.users, name, newName, doc.Path); err != nil || newName == "" || newName == name {
			return err
		}
		return s.access.rename(ctx, name, newName)
	})
}

// renaming authorises a new name and path for an entity: on what it is and on
// what it is to become. It returns the entity with its new path.
func (s *Service) renaming(ctx context.Context, action string, e Entity, newName, newPath string) (entityDoc, error) {
	doc, err := s.find(ctx, action, e)
	if err != nil {
		return doc, err
	}
	if newName == "" {
		newName = e.Name
	}
	if err := checkEntityName("new"+entityWords[e.Kind].upper+"Name", newName, maxEntityName[e.Kind]); err != nil {
		return doc, err
	}
	if newPath != "" {
		if doc.Path, err = checkPath(newPath); err != nil {
			return doc, err
		}
	}
	return doc, s.Authorize(ctx, action, s.arnOf(e.Kind, doc.Path, newName))
}

// rename must run in a transaction.
func rename[T any](ctx context.Context, t table[T], name, newName, newPath string) error {
	if newName == "" || newName == name {
		return t.modify(ctx, name, func(d *entityDoc) error { d.Path = newPath; return nil })
	}
	r, err := t.get(ctx, name)
	if err != nil {
		return err
	}
	if _, err := t.records.Delete(ctx, name, nil); err != nil {
		return err
	}
	t.common(&r.Doc).Path = newPath
	return t.create(ctx, newName, r.Doc)
}

// DeleteUser removes a user who has no keys, policies and groups any more.
func (s *Service) DeleteUser(ctx context.Context, name string) error {
	if _, err := s.find(ctx, "iam:DeleteUser", Entity{UserEntity, name}); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context) error {
		r, err := s.dir.users.get(ctx, name)
		if err != nil {
			return err
		}
		if err := r.Doc.deletable(); err != nil {
			return err
		}
		if len(r.Doc.Groups) > 0 {
			return conflict("Cannot delete entity, must remove users from group first.")
		}
		switch keys, err := s.access.list(ctx, name); {
		case err != nil:
			return err
		case len(keys) > 0:
			return conflict("Cannot delete entity, must delete access keys first.")
		}
		_, err = s.dir.users.records.Delete(ctx, name, nil)
		return err
	})
}

// deletable wants the policies to be gone before the entity, as AWS does.
func (d *entityDoc) deletable() error {
	switch {
	case len(d.Attached) > 0:
		return conflict("Cannot delete entity, must detach all policies first.")
	case len(d.Inline) > 0:
		return conflict("Cannot delete entity, must delete policies first.")
	}
	return nil
}

func conflict(message string) error { return errs.New(errs.Conflict, "DeleteConflict", "%s", message) }

// ListGroupsForUser returns the groups that a user is in, in the order of their names.
func (s *Service) ListGroupsForUser(ctx context.Context, name string, page Page) ([]Group, string, error) {
	if _, err := s.find(ctx, "iam:ListGroupsForUser", Entity{UserEntity, name}); err != nil {
		return nil, "", err
	}
	r, err := s.dir.users.get(ctx, name)
	if err != nil {
		return nil, "", err
	}
	var groups []Group
	for _, g := range r.Doc.Groups {
		group, err := s.dir.groups.get(ctx, g)
		if errs.Is(err, errs.NotFound) {
			continue // it went between the two reads
		} else if err != nil {
			return nil, "", err
		}
		groups = append(groups, s.group(g, &group.Doc))
	}
	slices.SortFunc(groups, func(a, b Group) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return cut(groups, func(g Group) string { return strings.ToLower(g.Name) }, page)
}
