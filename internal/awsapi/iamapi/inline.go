package iamapi

import (
	"context"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
)

// kinds are what policies can be attached to, as operations name them.
var kinds = map[string]iam.EntityKind{"User": iam.UserEntity, "Group": iam.GroupEntity, "Role": iam.RoleEntity}

// EntityName is the part of a request that names a user, a group or a role.
type EntityName struct{ UserName, GroupName, RoleName string }

// entity is the one of that kind.
func (n EntityName) entity(kind iam.EntityKind) iam.Entity {
	return iam.Entity{Kind: kind, Name: map[iam.EntityKind]string{iam.UserEntity: n.UserName, iam.GroupEntity: n.GroupName, iam.RoleEntity: n.RoleName}[kind]}
}

// InlinePolicyOutput is the answer of GetUserPolicy, GetGroupPolicy and
// GetRolePolicy; one of the names is there.
type InlinePolicyOutput struct {
	UserName       string `xml:",omitempty" json:",omitempty"`
	GroupName      string `xml:",omitempty" json:",omitempty"`
	RoleName       string `xml:",omitempty" json:",omitempty"`
	PolicyName     string
	PolicyDocument Document
}

// InlinePolicyListOutput is the answer of ListUserPolicies and its like.
type InlinePolicyListOutput struct {
	PolicyNames List[string]
	Truncation
}

type inlineInput struct {
	EntityName
	PolicyName, PolicyDocument string
}

// inlinePolicies declares PutUserPolicy and its like for each kind of entity.
func (a api) inlinePolicies(ops map[string]wire.QueryOperation) {
	for name, kind := range kinds {
		ops["Put"+name+"Policy"] = wire.QueryOp(func(ctx context.Context, in *inlineInput) (*nothing, error) {
			return nil, a.iam.PutInlinePolicy(ctx, in.entity(kind), in.PolicyName, in.PolicyDocument)
		})
		ops["Get"+name+"Policy"] = wire.QueryOp(func(ctx context.Context, in *inlineInput) (*InlinePolicyOutput, error) {
			text, err := a.iam.GetInlinePolicy(ctx, in.entity(kind), in.PolicyName)
			return &InlinePolicyOutput{in.UserName, in.GroupName, in.RoleName, in.PolicyName, document(text)}, err
		})
		ops["Delete"+name+"Policy"] = wire.QueryOp(func(ctx context.Context, in *inlineInput) (*nothing, error) {
			return nil, a.iam.DeleteInlinePolicy(ctx, in.entity(kind), in.PolicyName)
		})
		ops["List"+name+"Policies"] = wire.QueryOp(func(ctx context.Context, in *struct {
			EntityName
			Paging
		}) (*InlinePolicyListOutput, error) {
			names, next, err := a.iam.ListInlinePolicies(ctx, in.entity(kind), in.page())
			return &InlinePolicyListOutput{List[string]{names}, truncation(next)}, err
		})
	}
}
