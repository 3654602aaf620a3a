package iam

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

// Simulation asks what policies would decide. Nothing of it is carried out.
type Simulation struct {
	Source         string              // ARN of the user, group or role whose policies count; "" for those given here alone
	Policies       []string            // further identity-based policies
	Boundaries     []string            // at most one, in place of the source's own
	ResourcePolicy string              // of each resource; "": they have none
	Caller         string              // ARN of the user that ResourcePolicy sees, if Source is no user
	Actions        []string            // s3:GetObject, without wildcards
	Resources      []string            // ARNs; none: *
	Context        map[string][]string // values of condition keys
}

// Simulated is what would be decided on an action and a resource.
type Simulated struct {
	Action, Resource string
	policy.Explanation
	Boundary          bool // there is one
	AllowedByBoundary bool
}

// maxSimulated bounds the pairs of actions and resources in one simulation.
const maxSimulated = 10_000

// SimulatePrincipalPolicy answers for the policies of a user, group or role,
// and SimulateCustomPolicy for given ones alone.
func (s *Service) SimulatePrincipalPolicy(ctx context.Context, in Simulation) ([]Simulated, error) {
	source, err := s.simulated(ctx, "iam:SimulatePrincipalPolicy", in.Source)
	if err != nil {
		return nil, err
	}
	return s.simulate(source, in)
}

// SimulateCustomPolicy answers for given policies alone.
func (s *Service) SimulateCustomPolicy(ctx context.Context, in Simulation) ([]Simulated, error) {
	if err := s.Authorize(ctx, "iam:SimulateCustomPolicy", "*"); err != nil {
		return nil, err
	}
	if len(in.Policies) == 0 {
		return nil, invalid("1 validation error detected: Value null at 'policyInputList' failed to satisfy constraint: Member must not be null")
	}
	return s.simulate(rights{who: policy.Principal{Type: policy.User, Account: s.cfg.AccountID}}, in)
}

// ContextKeysForPrincipal returns the condition keys that the policies of a
// user, group or role and the given ones ask for.
func (s *Service) ContextKeysForPrincipal(ctx context.Context, source string, documents []string) ([]string, error) {
	of, err := s.simulated(ctx, "iam:GetContextKeysForPrincipalPolicy", source)
	if err != nil {
		return nil, err
	}
	return contextKeys(of.policies.Identity, documents)
}

// ContextKeys returns the condition keys that the given policies ask for.
func (s *Service) ContextKeys(ctx context.Context, documents []string) ([]string, error) {
	if err := s.Authorize(ctx, "iam:GetContextKeysForCustomPolicy", "*"); err != nil {
		return nil, err
	}
	return contextKeys(nil, documents)
}

func contextKeys(own []policy.Attached, documents []string) ([]string, error) {
	given, err := inputs("PolicyInputList", documents, policy.Identity)
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	for _, a := range slices.Concat(own, given) {
		for _, key := range a.Document.ContextKeys() {
			keys[key] = true
		}
	}
	return slices.Sorted(maps.Keys(keys)), nil
}

// simulated authorises an action on the entity of an ARN and returns its rights.
func (s *Service) simulated(ctx context.Context, action, arn string) (rights, error) {
	e, ok := s.entityOf(arn)
	if !ok {
		if err := s.Authorize(ctx, action, "*"); err != nil {
			return rights{}, err
		}
		return rights{}, errs.New(errs.Invalid, "InvalidInput", "Invalid Entity Arn: %s", clip(arn))
	}
	doc, err := s.find(ctx, action, e)
	if err == nil && s.arnOf(e.Kind, doc.Path, e.Name) != arn {
		err = errs.New(errs.NotFound, "NoSuchEntity", "The %s with ARN %s cannot be found.", e.Kind, clip(arn))
	}
	if err != nil {
		return rights{}, err
	}
	switch e.Kind {
	case UserEntity:
		p, err := s.userPrincipal(ctx, e.Name)
		if err != nil {
			return rights{}, err
		}
		return *p.rights, nil
	case RoleEntity:
		p, err := s.rolePrincipal(ctx, e.Name, "simulation", nil)
		if err != nil {
			return rights{}, err
		}
		return *p.rights, nil
	}
	own, err := s.entityPolicies(ctx, &doc)
	return rights{who: policy.Principal{Type: policy.User, Account: s.cfg.AccountID}, policies: own}, err
}

// entityOf is what an ARN of this account names.
func (s *Service) entityOf(arn string) (Entity, bool) {
	for kind := range EntityKind(len(entityWords)) {
		if resource, ok := strings.CutPrefix(arn, s.arnOf(kind, "/", "")); ok {
			return Entity{kind, resource[strings.LastIndexByte(resource, '/')+1:]}, true
		}
	}
	return Entity{}, false
}

// inputs compiles the policies of a request's list.
func inputs(list string, documents []string, kind policy.Kind) ([]policy.Attached, error) {
	all := make([]policy.Attached, len(documents))
	for i, text := range documents {
		doc, err := policy.Parse([]byte(text), kind)
		if err != nil {
			return nil, errs.Wrap(err, errs.Invalid, policy.CodeMalformed, "%s.%d: %s", list, i+1, errs.MessageOf(err))
		}
		all[i] = policy.Attached{Name: fmt.Sprintf("%s.%d", list, i+1), Document: doc}
	}
	return all, nil
}

func (s *Service) simulate(of rights, in Simulation) ([]Simulated, error) {
	given, err := inputs("PolicyInputList", in.Policies, policy.Identity)
	if err != nil {
		return nil, err
	}
	of.policies.Identity = slices.Concat(of.policies.Identity, given)
	if len(in.Boundaries) > 1 {
		return nil, errs.New(errs.Invalid, "InvalidInput", "There are %d permissions boundaries; a principal has one at most.", len(in.Boundaries))
	}
	boundaries, err := inputs("PermissionsBoundaryPolicyInputList", in.Boundaries, policy.Identity)
	if err != nil {
		return nil, err
	}
	if len(boundaries) > 0 {
		of.policies.Boundary = &boundaries[0]
	}
	if in.ResourcePolicy != "" {
		resource, err := inputs("ResourcePolicy", []string{in.ResourcePolicy}, policy.Resource)
		if err != nil {
			return nil, err
		}
		of.policies.Resource = &resource[0]
	}
	if in.Caller != "" {
		e, ok := s.entityOf(in.Caller)
		if !ok || e.Kind != UserEntity {
			return nil, errs.New(errs.Invalid, "InvalidInput", "Invalid CallerArn: %s is not the ARN of a user.", clip(in.Caller))
		}
		of.who.Type, of.who.ARN, of.who.Name = policy.User, in.Caller, e.Name
	}
	if len(in.Actions) == 0 {
		return nil, invalid("1 validation error detected: Value null at 'actionNames' failed to satisfy constraint: Member must not be null")
	}
	if len(in.Resources) == 0 {
		in.Resources = []string{"*"}
	}
	if n := len(in.Actions) * len(in.Resources); n > maxSimulated {
		return nil, errs.New(errs.Invalid, "InvalidInput", "%d actions on %d resources are more than the %d pairs that one simulation can have.",
			len(in.Actions), len(in.Resources), maxSimulated)
	}
	return of.each(in)
}

func (r *rights) each(in Simulation) (results []Simulated, err error) {
	keys := make(map[string][]string, len(in.Context))
	for name, values := range in.Context {
		keys[strings.ToLower(name)] = values
	}
	for _, action := range in.Actions {
		if service, name, ok := strings.Cut(action, ":"); !ok || service == "" || name == "" || strings.ContainsAny(action, "*?") {
			return nil, errs.New(errs.Invalid, "InvalidInput", "Invalid Action Name: %s. It must have the form service:Name, without wildcards.", clip(action))
		}
		for _, resource := range in.Resources {
			q := policy.Request{Principal: r.who, Action: action, Resource: resource, Context: func(key string) ([]string, bool) {
				values, ok := keys[key]
				return values, ok
			}}
			out := Simulated{Action: action, Resource: resource, Explanation: r.policies.Explain(&q), Boundary: r.policies.Boundary != nil}
			if out.Boundary {
				bound := policy.Policies{Identity: []policy.Attached{*r.policies.Boundary}}
				out.AllowedByBoundary = bound.Decide(&q).Allowed
			}
			results = append(results, out)
		}
	}
	return results, nil
}
