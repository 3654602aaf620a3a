package iamapi

import (
	"context"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
)

// AttachedPolicy is a managed policy that an entity has.
type AttachedPolicy struct{ PolicyName, PolicyArn string }

// AttachedListOutput is the answer of ListAttachedUserPolicies and its like.
type AttachedListOutput struct {
	AttachedPolicies List[AttachedPolicy]
	Truncation
}

// PolicyGroup, PolicyUser and PolicyRole are what has a policy.
type (
	PolicyGroup struct {
		GroupName string
		GroupID   string `xml:"GroupId" json:"GroupId"`
	}
	PolicyUser struct {
		UserName string
		UserID   string `xml:"UserId" json:"UserId"`
	}
	PolicyRole struct {
		RoleName string
		RoleID   string `xml:"RoleId" json:"RoleId"`
	}
)

// EntitiesOutput is the answer of ListEntitiesForPolicy.
type EntitiesOutput struct {
	PolicyGroups List[PolicyGroup]
	PolicyUsers  List[PolicyUser]
	PolicyRoles  List[PolicyRole]
	Truncation
}

type attachInput struct {
	EntityName
	PolicyArn string
}

type boundaryInput struct {
	EntityName
	PermissionsBoundary string
}

// attachments declares AttachUserPolicy and its like for each kind of entity,
// and the boundaries of users and roles.
func (a api) attachments(ops map[string]wire.QueryOperation) {
	for name, kind := range kinds {
		ops["Attach"+name+"Policy"] = wire.QueryOp(func(ctx context.Context, in *attachInput) (*nothing, error) {
			return nil, a.iam.AttachPolicy(ctx, in.entity(kind), in.PolicyArn)
		})
		ops["Detach"+name+"Policy"] = wire.QueryOp(func(ctx context.Context, in *attachInput) (*nothing, error) {
			return nil, a.iam.DetachPolicy(ctx, in.entity(kind), in.PolicyArn)
		})
		ops["ListAttached"+name+"Policies"] = wire.QueryOp(func(ctx context.Context, in *struct {
			EntityName
			PathPrefix string
			Paging
		}) (*AttachedListOutput, error) {
			policies, next, err := a.iam.ListAttachedPolicies(ctx, in.entity(kind), in.PathPrefix, in.page())
			return &AttachedListOutput{listOf(policies, func(p iam.AttachedPolicy) AttachedPolicy { return AttachedPolicy{p.Name, p.ARN} }), truncation(next)}, err
		})
		if kind == iam.GroupEntity {
			continue
		}
		ops["Put"+name+"PermissionsBoundary"] = wire.QueryOp(func(ctx context.Context, in *boundaryInput) (*nothing, error) {
			return nil, a.iam.PutBoundary(ctx, in.entity(kind), in.PermissionsBoundary)
		})
		ops["Delete"+name+"PermissionsBoundary"] = wire.QueryOp(func(ctx context.Context, in *boundaryInput) (*nothing, error) {
			return nil, a.iam.DeleteBoundary(ctx, in.entity(kind))
		})
	}
	ops["ListEntitiesForPolicy"] = wire.QueryOp(a.listEntitiesForPolicy)
}

func (a api) listEntitiesForPolicy(ctx context.Context, in *struct {
	PolicyArn, EntityFilter, PathPrefix, PolicyUsageFilter string
	Paging
}) (*EntitiesOutput, error) {
	filter := iam.EntityFilter{Kind: in.EntityFilter, PathPrefix: in.PathPrefix, Usage: in.PolicyUsageFilter}
	entities, next, err := a.iam.ListEntitiesForPolicy(ctx, in.PolicyArn, filter, in.page())
	out := EntitiesOutput{Truncation: truncation(next)}
	for _, e := range entities {
		switch e.Kind {
		case iam.UserEntity:
			out.PolicyUsers.Items = append(out.PolicyUsers.Items, PolicyUser{e.Name, e.ID})
		case iam.GroupEntity:
			out.PolicyGroups.Items = append(out.PolicyGroups.Items, PolicyGroup{e.Name, e.ID})
		case iam.RoleEntity:
			out.PolicyRoles.Items = append(out.PolicyRoles.Items, PolicyRole{e.Name, e.ID})
		}
	}
	return &out, err
}
