package iam

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// EntityKind is what policies can be attached to.
type EntityKind uint8

const (
	UserEntity EntityKind = iota
	GroupEntity
	RoleEntity
)

var entityWords = [...]struct{ lower, upper, idPrefix string }{
	UserEntity:  {"user", "User", "AIDA"},
	GroupEntity: {"group", "Group", "AGPA"},
	RoleEntity:  {"role", "Role", "AROA"},
}

// String is the kind as ARNs and messages name it: user, group or role.
func (k EntityKind) String() string { return entityWords[k].lower }

// Entity is a user, a group or a role.
type Entity struct {
	Kind EntityKind
	Name string
}

func (e Entity) check() error {
	return checkEntityName(e.Kind.String()+"Name", e.Name, maxEntityName[e.Kind])
}

// action is the name of an operation on this kind of entity: "Put", "Policy"
// become iam:PutUserPolicy.
func (e Entity) action(verb, object string) string {
	return "iam:" + verb + entityWords[e.Kind].upper + object
}

func (e Entity) missing() error {
	return errs.New(errs.NotFound, "NoSuchEntity", "The %s with name %s cannot be found.", e.Kind, e.Name)
}

// entityDoc is what users, groups and roles have in common, as it is kept.
type entityDoc struct {
	ID       string
	Path     string
	Created  time.Time
	Attached []string       `json:",omitempty"` // ARNs of managed policies, in the order of attachment
	Inline   []inlinePolicy `json:",omitempty"`
	Boundary string         `json:",omitempty"` // ARN of a managed policy
	Tags     []Tag          `json:",omitempty"`
}

type inlinePolicy struct{ Name, Document string }

func newEntityDoc(kind EntityKind, path string) entityDoc {
	return entityDoc{ID: newID(entityWords[kind].idPrefix), Path: path, Created: time.Now().UTC().Truncate(time.Second)}
}

// newID draws a unique id of AWS's shape: four letters that say of what, and 17
// base32 characters.
func newID(prefix string) string { return prefix + draw("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 17) }

// table is the records of one kind of entity.
type table[T any] struct {
	kind    EntityKind
	records *store.Collection[T]
	common  func(*T) *entityDoc
}

// get returns a record by its exact name: names that differ in case only can't
// be taken, and yet they don't name the same thing, since policies tell them apart.
func (t table[T]) get(ctx context.Context, name string) (store.Record[T], error) {
	r, err := t.records.Get(ctx, name)
	if errs.Is(err, errs.NotFound) || err == nil && r.Name != name {
		return r, Entity{t.kind, name}.missing()
	}
	return r, err
}

func (t table[T]) create(ctx context.Context, name string, doc T) error {
	_, err := t.records.Create(ctx, store.Record[T]{Name: name, Doc: doc})
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(err, errs.Conflict, "EntityAlreadyExists", "%s with name %s already exists.", entityWords[t.kind].upper, name)
	}
	return err
}

// update changes a record that get has found.
func (t table[T]) update(ctx context.Context, name string, fn func(*T) error) error {
	_, err := t.records.Update(ctx, name, func(r *store.Record[T]) error {
		if r.Name != name {
			return Entity{t.kind, name}.missing()
		}
		return fn(&r.Doc)
	})
	if errs.Is(err, errs.NotFound) && errs.CodeOf(err) == "" {
		return Entity{t.kind, name}.missing()
	}
	return err
}

// all calls fn for each record in the order of names. members says what of the
// documents is wanted, as in store.Query.
func all[T any](ctx context.Context, c *store.Collection[T], members []string, fn func(store.Record[T])) error {
	for token := ""; ; {
		page, next, err := c.List(ctx, store.Query{Order: store.ByName, Limit: 1000, Token: token, Members: members})
		if err != nil {
			return err
		}
		for _, r := range page {
			fn(r)
		}
		if next == "" {
			return nil
		}
		token = next
	}
}

// entities is a table without its type.
type entities interface {
	read(ctx context.Context, name string) (entityDoc, error)
	modify(ctx context.Context, name string, fn func(*entityDoc) error) error
	each(ctx context.Context, members []string, fn func(name string, d *entityDoc)) error
}

func (t table[T]) read(ctx context.Context, name string) (entityDoc, error) {
	r, err := t.get(ctx, name)
	return *t.common(&r.Doc), err
}

func (t table[T]) modify(ctx context.Context, name string, fn func(*entityDoc) error) error {
	return t.update(ctx, name, func(doc *T) error { return fn(t.common(doc)) })
}

func (t table[T]) each(ctx context.Context, members []string, fn func(string, *entityDoc)) error {
	return all(ctx, t.records, members, func(r store.Record[T]) { fn(r.Name, t.common(&r.Doc)) })
}

func (d *directory) entities(kind EntityKind) entities {
	switch kind {
	case UserEntity:
		return d.users
	case GroupEntity:
		return d.groups
	default:
		return d.roles
	}
}

// arnOf is the ARN of an entity under a path.
func (s *Service) arnOf(kind EntityKind, path, name string) string {
	return "arn:aws:iam::" + s.cfg.AccountID + ":" + kind.String() + path + name
}

// find reads an entity for an action and authorises it. What does not exist is
// NotFound, and what is wrong with the name is said, to those who may perform the
// action on it; nobody else learns that.
func (s *Service) find(ctx context.Context, action string, e Entity) (entityDoc, error) {
	doc, fault := entityDoc{}, e.check()
	if fault == nil {
		doc, fault = s.readEntity(ctx, e)
	}
	if fault != nil {
		if kind := errs.KindOf(fault); kind != errs.NotFound && kind != errs.Invalid {
			return doc, fault
		}
		doc.Path = "/"
	}
	if err := s.Authorize(withResource(ctx, doc.Tags, doc.Boundary), action, s.arnOf(e.Kind, doc.Path, clip(e.Name))); err != nil {
		return doc, err
	}
	return doc, fault
}

func (s *Service) readEntity(ctx context.Context, e Entity) (entityDoc, error) {
	if s.dir != nil {
		return s.dir.entities(e.Kind).read(ctx, e.Name)
	}
	if e.Kind == RoleEntity {
		if doc, ok := s.builtinRoles()[e.Name]; ok {
			return doc.entityDoc, nil
		}
	}
	return entityDoc{}, e.missing()
}

// modify changes an entity in one transaction.
func (s *Service) modify(ctx context.Context, e Entity, fn func(ctx context.Context, d *entityDoc) error) error {
	return s.change(ctx, func(ctx context.Context) error {
		return s.dir.entities(e.Kind).modify(ctx, e.Name, func(d *entityDoc) error { return fn(ctx, d) })
	})
}

// Tag is a key and a value that the user gave a user, role or policy.
type Tag struct{ Key, Value string }

// ListTags returns the tags of a user or a role.
func (s *Service) ListTags(ctx context.Context, e Entity) ([]Tag, error) {
	doc, err := s.find(ctx, "iam:List"+entityWords[e.Kind].upper+"Tags", e)
	return doc.Tags, err
}

// TagEntity gives a user or a role tags; a key that it has gets the new value.
func (s *Service) TagEntity(ctx context.Context, e Entity, tags []Tag) error {
	if _, err := s.find(withTags(ctx, tags), "iam:Tag"+entityWords[e.Kind].upper, e); err != nil {
		return err
	}
	if err := checkTags(tags); err != nil {
		return err
	}
	return s.modify(ctx, e, func(_ context.Context, d *entityDoc) (err error) {
		d.Tags, err = addTags(d.Tags, tags)
		return err
	})
}

// UntagEntity takes tags from a user or a role. Keys that it doesn't have are no error.
func (s *Service) UntagEntity(ctx context.Context, e Entity, keys []string) error {
	if _, err := s.find(withTagKeys(ctx, keys), "iam:Untag"+entityWords[e.Kind].upper, e); err != nil {
		return err
	}
	return s.modify(ctx, e, func(_ context.Context, d *entityDoc) error {
		d.Tags = removeTags(d.Tags, keys)
		return nil
	})
}

// addTags keeps the order in which keys were first given. Keys of IAM are the
// same in upper and lower case.
func addTags(have, added []Tag) ([]Tag, error) {
	have = slices.Clone(have)
	for _, t := range added {
		if i := slices.IndexFunc(have, func(h Tag) bool { return strings.EqualFold(h.Key, t.Key) }); i >= 0 {
			have[i].Value = t.Value
		} else {
			have = append(have, t)
		}
	}
	if len(have) > maxTags {
		return nil, errs.New(errs.Conflict, "LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	return have, nil
}

func removeTags(have []Tag, keys []string) []Tag {
	return slices.DeleteFunc(slices.Clone(have), func(t Tag) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, t.Key) })
	})
}
