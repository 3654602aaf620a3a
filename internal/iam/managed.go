package iam

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
	"github.com/heliograph/heliograph/internal/store"
)

// ManagedPolicy is a policy with an ARN of its own, which any number of users,
// groups and roles can have attached.
type ManagedPolicy struct {
	ARN, ID, Name, Path, Description string
	DefaultVersion                   string // the version in force, as in v3
	Created, Updated                 time.Time
	Attachments, Boundaries          int // how many entities have it attached, and as their boundary
	Tags                             []Tag
}

// PolicyVersion is one of up to five texts of a managed policy.
type PolicyVersion struct {
	ID       string // v1, v2, …
	Document string // "" in lists
	Default  bool
	Created  time.Time
}

// policyDoc is a managed policy as it is kept.
type policyDoc struct {
	ID          string
	Path        string
	Description string `json:",omitempty"`
	Created     time.Time
	Default     string // the ID of a version
	Next        int    // number of the next version
	Versions    []policyVersionDoc
	Tags        []Tag `json:",omitempty"`
}

type policyVersionDoc struct {
	ID, Document string
	Created      time.Time
}

func (d *policyDoc) version(id string) *policyVersionDoc {
	for i := range d.Versions {
		if d.Versions[i].ID == id {
			return &d.Versions[i]
		}
	}
	return nil
}

// NewPolicy says what managed policy to create. Name and Document are required.
type NewPolicy struct {
	Name, Path, Description, Document string
	Tags                              []Tag
}

// policyRecord is a managed policy as it was found.
type policyRecord struct {
	arn, name string
	updated   time.Time
	doc       policyDoc
}

func (r *policyRecord) public(uses map[string]policyUse) ManagedPolicy {
	d, use := &r.doc, uses[r.arn]
	return ManagedPolicy{ARN: r.arn, ID: d.ID, Name: r.name, Path: d.Path, Description: d.Description, DefaultVersion: d.Default,
		Created: d.Created, Updated: r.updated, Attachments: use.attached, Boundaries: use.boundary, Tags: d.Tags}
}

func (s *Service) policyARN(path, name string) string {
	return "arn:aws:iam::" + s.cfg.AccountID + ":policy" + path + name
}

// policy reads the policy of an ARN, which may be one of the product's own. It
// is NotFound, worded for each operation by its caller, if there is none.
func (s *Service) policy(ctx context.Context, arn string) (policyRecord, error) {
	m := policyARNPattern.FindStringSubmatch(arn)
	if m == nil {
		return policyRecord{}, errs.New(errs.Invalid, "InvalidInput", "ARN %s is not valid.", clip(arn))
	}
	missing := errs.New(errs.NotFound, "NoSuchEntity", "Policy %s was not found.", arn)
	if m[1] == "aws" {
		if r, ok := readyMade()[arn]; ok {
			return r, nil
		}
		return policyRecord{}, missing
	}
	if m[1] != s.cfg.AccountID || s.dir == nil {
		return policyRecord{}, missing
	}
	r, err := s.dir.policies.Get(ctx, m[3])
	if errs.Is(err, errs.NotFound) || err == nil && s.policyARN(r.Doc.Path, r.Name) != arn {
		return policyRecord{}, missing
	}
	return policyRecord{arn, r.Name, r.Updated, r.Doc}, err
}

// findPolicy reads a policy for an action and authorises it, as find does.
func (s *Service) findPolicy(ctx context.Context, action, arn string) (policyRecord, error) {
	r, fault := s.policy(ctx, arn)
	if kind := errs.KindOf(fault); fault != nil && kind != errs.NotFound && kind != errs.Invalid {
		return r, fault
	}
	if err := s.Authorize(withResource(ctx, r.doc.Tags, ""), action, cmp.Or(clip(arn), "*")); err != nil {
		return r, err
	}
	return r, fault
}

// CreatePolicy creates a managed policy, which is attached to nothing yet.
func (s *Service) CreatePolicy(ctx context.Context, in NewPolicy) (ManagedPolicy, error) {
	path, fault := checkPath(in.Path)
	arn := s.policyARN(path, clip(in.Name))
	if err := s.Authorize(withTags(ctx, in.Tags), "iam:CreatePolicy", arn); err != nil {
		return ManagedPolicy{}, err
	}
	if err := checkEntityName("policyName", in.Name, 128); err != nil {
		return ManagedPolicy{}, err
	}
	if fault != nil {
		return ManagedPolicy{}, fault
	}
	if err := s.checkDocument(in.Document, policy.MaxManaged); err != nil {
		return ManagedPolicy{}, err
	}
	if err := checkDescription(in.Description); err != nil {
		return ManagedPolicy{}, err
	}
	if err := checkTags(in.Tags); err != nil {
		return ManagedPolicy{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	r := policyRecord{arn: arn, name: in.Name, updated: now, doc: policyDoc{ID: newID("ANPA"), Path: path, Description: in.Description, Created: now,
		Default: "v1", Next: 2, Versions: []policyVersionDoc{{ID: "v1", Document: in.Document, Created: now}}, Tags: in.Tags}}
	err := s.change(ctx, func(ctx context.Context) error {
		n, err := s.dir.policies.Count(ctx, store.Query{})
		if err != nil {
			return err
		}
		if n >= MaxPolicies {
			return exceeded("PoliciesPerAccount", MaxPolicies)
		}
		_, err = s.dir.policies.Create(ctx, store.Record[policyDoc]{Name: in.Name, Doc: r.doc})
		if errs.Is(err, errs.Conflict) {
			return errs.Wrap(err, errs.Conflict, "EntityAlreadyExists", "A policy called %s already exists. Duplicate names are not allowed.", in.Name)
		}
		return err
	})
	return r.public(nil), err
}

// GetPolicy returns the managed policy of an ARN, without its text.
func (s *Service) GetPolicy(ctx context.Context, arn string) (ManagedPolicy, error) {
	r, err := s.findPolicy(ctx, "iam:GetPolicy", arn)
	if err != nil {
		return ManagedPolicy{}, err
	}
	uses, err := s.policyUses(ctx)
	return r.public(uses), err
}

// PolicyFilter selects managed policies. The zero value selects all.
type PolicyFilter struct {
	PathPrefix   string
	Scope        string // All, AWS or Local; "": All
	OnlyAttached bool
	Usage        string // PermissionsPolicy or PermissionsBoundary; "": either
}

// ListPolicies returns managed policies in the order of their names, the
// account's own and those that come with the product, and the marker of the next page.
func (s *Service) ListPolicies(ctx context.Context, f PolicyFilter, page Page) ([]ManagedPolicy, string, error) {
	if err := s.Authorize(ctx, "iam:ListPolicies", s.policyARN("/", "")); err != nil {
		return nil, "", err
	}
	if err := checkPathPrefix(f.PathPrefix); err != nil {
		return nil, "", err
	}
	if !slices.Contains([]string{"", "All", "AWS", "Local"}, f.Scope) {
		return nil, "", constraint(f.Scope, "scope", "Member must satisfy enum value set: [All, AWS, Local]")
	}
	if !slices.Contains([]string{"", "PermissionsPolicy", "PermissionsBoundary"}, f.Usage) {
		return nil, "", constraint(f.Usage, "policyUsageFilter", "Member must satisfy enum value set: [PermissionsPolicy, PermissionsBoundary]")
	}
	uses, err := s.policyUses(ctx)
	if err != nil {
		return nil, "", err
	}
	var found []ManagedPolicy
	add := func(r policyRecord) {
		p := r.public(uses)
		used := p.Attachments > 0 && f.Usage != "PermissionsBoundary" || p.Boundaries > 0 && f.Usage != "PermissionsPolicy"
		if strings.HasPrefix(p.Path, f.PathPrefix) && (used || !f.OnlyAttached && f.Usage == "") {
			found = append(found, p)
		}
	}
	if f.Scope != "Local" {
		for _, r := range readyMade() {
			add(r)
		}
	}
	if f.Scope != "AWS" && s.dir != nil {
		err := all(ctx, s.dir.policies, []string{"ID", "Path", "Description", "Created", "Default"}, func(r store.Record[policyDoc]) {
			add(policyRecord{s.policyARN(r.Doc.Path, r.Name), r.Name, r.Updated, r.Doc})
		})
		if err != nil {
			return nil, "", err
		}
	}
	byName := func(p ManagedPolicy) string { return strings.ToLower(p.Name) + " " + p.ARN } // ARNs make it unique
	slices.SortFunc(found, func(a, b ManagedPolicy) int { return strings.Compare(byName(a), byName(b)) })
	return cut(found, byName, page)
}

// DeletePolicy removes a managed policy that nothing uses and that has no
// versions but the default.
func (s *Service) DeletePolicy(ctx context.Context, arn string) error {
	return s.changePolicy(ctx, "iam:DeletePolicy", arn, func(ctx context.Context, r policyRecord) error {
		if len(r.doc.Versions) > 1 {
			return conflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. " +
				"The default version is deleted with the policy.")
		}
		uses, err := s.policyUses(ctx)
		if err != nil {
			return err
		}
		if uses[arn] != (policyUse{}) {
			return conflict("Cannot delete a policy attached to entities.")
		}
		_, err = s.dir.policies.Delete(ctx, r.name, nil)
		return err
	})
}

// changePolicy authorises an action on a policy and runs fn on it in a
// transaction. The product's own policies can't be changed.
func (s *Service) changePolicy(ctx context.Context, action, arn string, fn func(ctx context.Context, r policyRecord) error) error {
	if _, err := s.findPolicy(ctx, action, arn); err != nil {
		return err
	}
	if strings.HasPrefix(arn, "arn:aws:iam::aws:") {
		return errs.New(errs.Denied, CodeAccessDenied, "The policy %s comes with the product and can't be changed; create one of your own with its text.", arn)
	}
	return s.change(ctx, func(ctx context.Context) error {
		r, err := s.policy(ctx, arn)
		if err != nil {
			return err
		}
		return fn(ctx, r)
	})
}

func (s *Service) updatePolicy(ctx context.Context, action, arn string, fn func(*policyDoc) error) error {
	return s.changePolicy(ctx, action, arn, func(ctx context.Context, r policyRecord) error {
		_, err := s.dir.policies.Update(ctx, r.name, func(r *store.Record[policyDoc]) error { return fn(&r.Doc) })
		return err
	})
}

// CreatePolicyVersion gives a policy a new text, in force at once if asDefault.
func (s *Service) CreatePolicyVersion(ctx context.Context, arn, document string, asDefault bool) (PolicyVersion, error) {
	v := policyVersionDoc{Document: document, Created: time.Now().UTC().Truncate(time.Second)}
	err := s.updatePolicy(ctx, "iam:CreatePolicyVersion", arn, func(d *policyDoc) error {
		if err := s.checkDocument(document, policy.MaxManaged); err != nil {
			return err
		}
		if len(d.Versions) >= MaxPolicyVersions {
			return errs.New(errs.Conflict, "LimitExceeded", "A managed policy can have up to %d versions. "+
				"Before you create a new version, you must delete an existing version.", MaxPolicyVersions)
		}
		v.ID = "v" + strconv.Itoa(d.Next)
		d.Next++
		d.Versions = append(d.Versions, v)
		if asDefault {
			d.Default = v.ID
		}
		return nil
	})
	return PolicyVersion{ID: v.ID, Default: asDefault, Created: v.Created}, err
}

// GetPolicyVersion returns one text of a policy.
func (s *Service) GetPolicyVersion(ctx context.Context, arn, id string) (PolicyVersion, error) {
	r, err := s.findPolicy(ctx, "iam:GetPolicyVersion", arn)
	if err != nil {
		return PolicyVersion{}, err
	}
	if err := checkVersion(id); err != nil {
		return PolicyVersion{}, err
	}
	v := r.doc.version(id)
	if v == nil {
		return PolicyVersion{}, missingVersion(arn, id)
	}
	return PolicyVersion{ID: v.ID, Document: v.Document, Default: v.ID == r.doc.Default, Created: v.Created}, nil
}

// ListPolicyVersions returns a policy's versions, the newest first, without
// their texts, and the marker of the next page.
func (s *Service) ListPolicyVersions(ctx context.Context, arn string, page Page) ([]PolicyVersion, string, error) {
	r, err := s.findPolicy(ctx, "iam:ListPolicyVersions", arn)
	if err != nil {
		return nil, "", err
	}
	versions := make([]PolicyVersion, len(r.doc.Versions))
	for i, v := range r.doc.Versions {
		versions[len(versions)-1-i] = PolicyVersion{ID: v.ID, Default: v.ID == r.doc.Default, Created: v.Created}
	}
	return CutInOrder(versions, page)
}

// SetDefaultPolicyVersion puts another version of a policy in force.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, arn, id string) error {
	return s.updatePolicy(ctx, "iam:SetDefaultPolicyVersion", arn, func(d *policyDoc) error {
		if err := checkVersion(id); err != nil {
			return err
		}
		if d.version(id) == nil {
			return missingVersion(arn, id)
		}
		d.Default = id
		return nil
	})
}

// DeletePolicyVersion removes a version that is not in force.
func (s *Service) DeletePolicyVersion(ctx context.Context, arn, id string) error {
	return s.updatePolicy(ctx, "iam:DeletePolicyVersion", arn, func(d *policyDoc) error {
		if err := checkVersion(id); err != nil {
			return err
		}
		if d.version(id) == nil {
			return missingVersion(arn, id)
		}
		if d.Default == id {
			return conflict("Cannot delete the default version of a policy.")
		}
		d.Versions = slices.DeleteFunc(d.Versions, func(v policyVersionDoc) bool { return v.ID == id })
		return nil
	})
}

func checkVersion(id string) error {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "v"))
	if err != nil || n < 1 || id != "v"+strconv.Itoa(n) {
		return constraint(id, "versionId", "Member must satisfy regular expression pattern: v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?")
	}
	return nil
}

func missingVersion(arn, id string) error {
	return errs.New(errs.NotFound, "NoSuchEntity", "Policy %s version %s does not exist or is not attachable.", arn, id)
}

// ListPolicyTags, TagPolicy and UntagPolicy are those of users and roles, for
// managed policies.
func (s *Service) ListPolicyTags(ctx context.Context, arn string) ([]Tag, error) {
	r, err := s.findPolicy(ctx, "iam:ListPolicyTags", arn)
	return r.doc.Tags, err
}

func (s *Service) TagPolicy(ctx context.Context, arn string, tags []Tag) error {
	return s.updatePolicy(withTags(ctx, tags), "iam:TagPolicy", arn, func(d *policyDoc) (err error) {
		if err := checkTags(tags); err != nil {
			return err
		}
		d.Tags, err = addTags(d.Tags, tags)
		return err
	})
}

func (s *Service) UntagPolicy(ctx context.Context, arn string, keys []string) error {
	return s.updatePolicy(withTagKeys(ctx, keys), "iam:UntagPolicy", arn, func(d *policyDoc) error {
		d.Tags = removeTags(d.Tags, keys)
		return nil
	})
}
