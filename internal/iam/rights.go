package iam

import (
	"context"
	"fmt"
	"strings"

	"github.com/heliograph/heliograph/internal/iam/policy"
)

// rights are what a principal may do: who it is in the words of policies, and
// the policies that speak of it. They are constant.
type rights struct {
	who      policy.Principal
	policies policy.Policies
	tags     []Tag
	session  *openSession // nil for those that no session token made
	source   string       // of a service: the ARN of what it acts for
}

// userPrincipal is a user with their rights: what their own policies and those
// of their groups allow, within their boundary. It is NotFound if there is none.
func (s *Service) userPrincipal(ctx context.Context, name string) (Principal, error) {
	return s.remembered(Entity{UserEntity, name}, func() (Principal, error) {
		r, err := s.dir.users.get(ctx, name)
		if err != nil {
			return Principal{}, err
		}
		own, err := s.entityPolicies(ctx, &r.Doc.entityDoc)
		if err != nil {
			return Principal{}, fmt.Errorf("rights of user %s: %w", name, err)
		}
		for _, g := range r.Doc.Groups {
			group, err := s.dir.groups.get(ctx, g)
			if err != nil {
				return Principal{}, fmt.Errorf("rights of user %s: %w", name, err)
			}
			shared, err := s.entityPolicies(ctx, &group.Doc)
			if err != nil {
				return Principal{}, fmt.Errorf("rights of user %s: group %s: %w", name, g, err)
			}
			for _, a := range shared.Identity {
				if inline, ok := strings.CutPrefix(a.Name, "inline:"); ok {
					a.Name = "inline:" + g + "/" + inline
				}
				own.Identity = append(own.Identity, a)
			}
		}
		p := Principal{ARN: s.arnOf(UserEntity, r.Doc.Path, name), AccountID: s.cfg.AccountID, UserID: r.Doc.ID}
		p.rights = &rights{who: policy.Principal{Type: policy.User, ARN: p.ARN, Account: p.AccountID, UserID: p.UserID, Name: name}, policies: own, tags: r.Doc.Tags}
		return p, nil
	})
}

// rolePrincipal is a session of a role with its rights: what the role's policies
// allow, within its boundary and within limits, which are the session's own
// policies; none if it has none. It is NotFound if there is no such role.
func (s *Service) rolePrincipal(ctx context.Context, role, session string, limits []policy.Attached) (Principal, error) {
	p, err := s.remembered(Entity{RoleEntity, role}, func() (Principal, error) { return s.assumable(ctx, role) })
	if err != nil {
		return p, err
	}
	own := *p.rights
	p.ARN, p.UserID = "arn:aws:sts::"+s.cfg.AccountID+":assumed-role/"+role+"/"+session, p.UserID+":"+session
	own.who.ARN, own.who.UserID, own.policies.Session = p.ARN, p.UserID, limits
	p.rights = &own
	return p, nil
}

// assumable is the principal of a role but for the session's name.
func (s *Service) assumable(ctx context.Context, role string) (Principal, error) {
	doc, err := s.readEntity(ctx, Entity{RoleEntity, role})
	if err != nil {
		return Principal{}, err
	}
	own, err := s.entityPolicies(ctx, &doc)
	if err != nil {
		return Principal{}, fmt.Errorf("rights of role %s: %w", role, err)
	}
	return Principal{AccountID: s.cfg.AccountID, UserID: doc.ID, rights: &rights{
		who:      policy.Principal{Type: policy.AssumedRole, RoleARN: s.arnOf(RoleEntity, doc.Path, role), Account: s.cfg.AccountID},
		policies: own, tags: doc.Tags,
	}}, nil
}

func (s *Service) remembered(e Entity, make func() (Principal, error)) (Principal, error) {
	if s.dir == nil && e.Kind != RoleEntity {
		return Principal{}, e.missing()
	}
	return get(&s.compiled, e, make)
}

// trust returns a role and its compiled trust policy, which says who may assume it.
func (s *Service) trust(ctx context.Context, role string) (Role, *policy.Document, error) {
	if s.dir == nil {
		t, err := s.readTrust(ctx, role)
		return t.role, t.document, err
	}
	t, err := get(&s.compiled, Entity{trustEntity, role}, func() (trusted, error) { return s.readTrust(ctx, role) })
	return t.role, t.document, err
}

// trusted is a role and its compiled trust policy.
type trusted struct {
	role     Role
	document *policy.Document
}

// trustEntity is the kind under which what trust returns is remembered.
const trustEntity EntityKind = 255

func (s *Service) readTrust(ctx context.Context, role string) (trusted, error) {
	r, err := s.findRole(ctx, role)
	if err != nil {
		return trusted{}, err
	}
	doc, err := policy.Parse([]byte(r.TrustPolicy), policy.Trust)
	if err != nil {
		return trusted{}, fmt.Errorf("trust policy of role %s: %w", role, err)
	}
	return trusted{r, doc}, nil
}

// entityPolicies compiles the policies of one entity, and its boundary.
func (s *Service) entityPolicies(ctx context.Context, d *entityDoc) (ps policy.Policies, err error) {
	for _, arn := range d.Attached {
		a, err := s.compiledPolicy(ctx, arn)
		if err != nil {
			return ps, err
		}
		ps.Identity = append(ps.Identity, a)
	}
	for _, p := range d.Inline {
		doc, err := parseIdentity(p.Document)
		if err != nil {
			return ps, fmt.Errorf("inline policy %s: %w", p.Name, err)
		}
		ps.Identity = append(ps.Identity, policy.Attached{Name: "inline:" + p.Name, Document: doc})
	}
	if d.Boundary != "" {
		a, err := s.compiledPolicy(ctx, d.Boundary)
		if err != nil {
			return ps, fmt.Errorf("permissions boundary: %w", err)
		}
		ps.Boundary = &a
	}
	return ps, nil
}

// compiledPolicy is the version in force of a managed policy.
func (s *Service) compiledPolicy(ctx context.Context, arn string) (policy.Attached, error) {
	r, err := s.policy(ctx, arn)
	if err != nil {
		return policy.Attached{}, err
	}
	v := r.doc.version(r.doc.Default)
	if v == nil {
		return policy.Attached{}, fmt.Errorf("policy %s has no version %s", arn, r.doc.Default)
	}
	doc, err := parseIdentity(v.Document)
	if err != nil {
		return policy.Attached{}, fmt.Errorf("policy %s: %w", arn, err)
	}
	return policy.Attached{Name: arn, Document: doc}, nil
}

func parseIdentity(document string) (*policy.Document, error) {
	return policy.Parse([]byte(document), policy.Identity)
}
