package iamapi

import (
	"context"
	"maps"
	"slices"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// inlineDetail is a policy within its user, group or role.
type inlineDetail struct {
	PolicyName     string
	PolicyDocument Document
}

type userDetail struct {
	User
	UserPolicyList          List[inlineDetail]
	GroupList               List[string]
	AttachedManagedPolicies List[AttachedPolicy]
}

type groupDetail struct {
	Group
	GroupPolicyList         List[inlineDetail]
	AttachedManagedPolicies List[AttachedPolicy]
}

type roleDetail struct {
	Role
	InstanceProfileList     List[nothing]
	RolePolicyList          List[inlineDetail]
	AttachedManagedPolicies List[AttachedPolicy]
}

type policyDetail struct {
	Policy
	PolicyVersionList List[PolicyVersion]
}

type detailsOutput struct {
	UserDetailList  List[userDetail]
	GroupDetailList List[groupDetail]
	RoleDetailList  List[roleDetail]
	Policies        List[policyDetail]
	Truncation
}

func (a api) getAccountAuthorizationDetails(ctx context.Context, in *struct {
	Filter []string
	Paging
}) (*detailsOutput, error) {
	var filter iam.DetailFilter
	for _, f := range in.Filter {
		which, ok := map[string]*bool{"User": &filter.Users, "Group": &filter.Groups, "Role": &filter.Roles,
			"LocalManagedPolicy": &filter.Policies, "AWSManagedPolicy": &filter.ReadyMade}[f]
		if !ok {
			return nil, errs.New(errs.Invalid, "ValidationError", "1 validation error detected: Value '%.60s' at 'filter' failed to satisfy constraint: "+
				"Member must satisfy enum value set: [User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]", f)
		}
		*which = true
	}
	details, next, err := a.iam.AccountDetails(ctx, filter, in.page())
	if err != nil {
		return nil, err
	}
	out := &detailsOutput{Truncation: truncation(next)}
	for _, d := range details {
		inline := listOf(slices.Sorted(maps.Keys(d.Inline)), func(name string) inlineDetail { return inlineDetail{name, document(d.Inline[name])} })
		attached := listOf(d.Attached, func(p iam.AttachedPolicy) AttachedPolicy { return AttachedPolicy{p.Name, p.ARN} })
		switch {
		case d.User != nil:
			out.UserDetailList.Items = append(out.UserDetailList.Items, userDetail{user(*d.User), inline, List[string]{d.Groups}, attached})
		case d.Group != nil:
			out.GroupDetailList.Items = append(out.GroupDetailList.Items, groupDetail{group(*d.Group), inline, attached})
		case d.Role != nil:
			out.RoleDetailList.Items = append(out.RoleDetailList.Items, roleDetail{Role: role(*d.Role), RolePolicyList: inline, AttachedManagedPolicies: attached})
		case d.Policy != nil:
			out.Policies.Items = append(out.Policies.Items, policyDetail{managed(*d.Policy), listOf(d.Versions, version)})
		}
	}
	return out, nil
}
