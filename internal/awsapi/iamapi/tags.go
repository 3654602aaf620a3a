package iamapi

import (
	"context"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
)

// TagListOutput is the answer of ListUserTags and its like.
type TagListOutput struct {
	Tags List[Tag]
	Truncation
}

type tagInput struct {
	EntityName
	PolicyArn string
	Tags      []Tag
	TagKeys   []string
}

// tags declares TagUser and its like for users, roles and policies.
func (a api) tags(ops map[string]wire.QueryOperation) {
	for name, kind := range kinds {
		if kind == iam.GroupEntity {
			continue
		}
		ops["Tag"+name] = wire.QueryOp(func(ctx context.Context, in *tagInput) (*nothing, error) {
			return nil, a.iam.TagEntity(ctx, in.entity(kind), given(in.Tags))
		})
		ops["Untag"+name] = wire.QueryOp(func(ctx context.Context, in *tagInput) (*nothing, error) {
			return nil, a.iam.UntagEntity(ctx, in.entity(kind), in.TagKeys)
		})
		ops["List"+name+"Tags"] = wire.QueryOp(func(ctx context.Context, in *tagInput) (*TagListOutput, error) {
			tags, err := a.iam.ListTags(ctx, in.entity(kind))
			return &TagListOutput{Tags: tagList(tags)}, err
		})
	}
	ops["TagPolicy"] = wire.QueryOp(func(ctx context.Context, in *tagInput) (*nothing, error) {
		return nil, a.iam.TagPolicy(ctx, in.PolicyArn, given(in.Tags))
	})
	ops["UntagPolicy"] = wire.QueryOp(func(ctx context.Context, in *tagInput) (*nothing, error) {
		return nil, a.iam.UntagPolicy(ctx, in.PolicyArn, in.TagKeys)
	})
	ops["ListPolicyTags"] = wire.QueryOp(func(ctx context.Context, in *tagInput) (*TagListOutput, error) {
		tags, err := a.iam.ListPolicyTags(ctx, in.PolicyArn)
		return &TagListOutput{Tags: tagList(tags)}, err
	})
}
