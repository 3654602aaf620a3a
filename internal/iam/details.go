package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/store"
)

// Detail is everything about one user, group, role or managed policy: one of
// the pointers is set.
type Detail struct {
	User   *User
	Groups []string // of a user
	Group  *Group
	Role   *Role
	Policy *ManagedPolicy

	Versions []PolicyVersion // of a managed policy, with their texts
	Inline   map[string]string
	Attached []AttachedPolicy

	key string
}

// DetailFilter says what AccountDetails is about. The zero value is everything.
type DetailFilter struct{ Users, Groups, Roles, Policies, ReadyMade bool }

// AccountDetails returns everything about users, groups, roles and managed
// policies, a page at a time, and the marker of the next page.
func (s *Service) AccountDetails(ctx context.Context, f DetailFilter, page Page) ([]Detail, string, error) {
	if err := s.Authorize(ctx, "iam:GetAccountAuthorizationDetails", "*"); err != nil {
		return nil, "", err
	}
	if f == (DetailFilter{}) {
		f = DetailFilter{true, true, true, true, true}
	}
	var found []Detail
	err := s.eachDetail(ctx, f, func(d Detail, key string) {
		d.key = key
		found = append(found, d)
	})
	if err != nil {
		return nil, "", err
	}
	slices.SortFunc(found, func(a, b Detail) int { return strings.Compare(a.key, b.key) })
	return cut(found, func(d Detail) string { return d.key }, page)
}

// eachDetail calls fn with each detail and its place in the list.
func (s *Service) eachDetail(ctx context.Context, f DetailFilter, fn func(d Detail, key string)) error {
	if s.dir != nil && f.Users {
		err := all(ctx, s.dir.users.records, nil, func(r store.Record[userDoc]) {
			u := s.user(r.Name, &r.Doc.entityDoc)
			fn(r.Doc.detail(Detail{User: &u, Groups: r.Doc.Groups}), "1/"+strings.ToLower(r.Name))
		})
		if err != nil {
			return err
		}
	}
	if s.dir != nil && f.Groups {
		err := all(ctx, s.dir.groups.records, nil, func(r store.Record[entityDoc]) {
			g := s.group(r.Name, &r.Doc)
			fn(r.Doc.detail(Detail{Group: &g}), "2/"+strings.ToLower(r.Name))
		})
		if err != nil {
			return err
		}
	}
	if s.dir != nil && f.Roles {
		err := all(ctx, s.dir.roles.records, nil, func(r store.Record[roleDoc]) {
			role := s.role(r.Name, &r.Doc)
			fn(r.Doc.detail(Detail{Role: &role}), "3/"+strings.ToLower(r.Name))
		})
		if err != nil {
			return err
		}
	}
	uses, err := s.policyUses(ctx)
	if err != nil {
		return err
	}
	policy := func(r policyRecord) {
		p := r.public(uses)
		d := Detail{Policy: &p}
		for _, v := range r.doc.Versions {
			d.Versions = append(d.Versions, PolicyVersion{ID: v.ID, Document: v.Document, Default: v.ID == r.doc.Default, Created: v.Created})
		}
		fn(d, "4/"+r.arn)
	}
	if f.ReadyMade {
		for _, r := range readyMade() {
			policy(r)
		}
	}
	if s.dir == nil || !f.Policies {
		return nil
	}
	return all(ctx, s.dir.policies, nil, func(r store.Record[policyDoc]) {
		policy(policyRecord{s.policyARN(r.Doc.Path, r.Name), r.Name, r.Updated, r.Doc})
	})
}

// detail adds what all kinds of entities have.
func (d *entityDoc) detail(out Detail) Detail {
	out.Inline = map[string]string{}
	for _, p := range d.Inline {
		out.Inline[p.Name] = p.Document
	}
	for _, arn := range d.Attached {
		out.Attached = append(out.Attached, AttachedPolicy{arn, arn[strings.LastIndexByte(arn, '/')+1:]})
	}
	return out
}
