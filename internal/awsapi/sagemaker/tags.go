package sagemaker

import (
	"context"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/tags"
)

// tagOps are the operations on the tags of all resources.
func tagOps(s *tags.Service) map[string]wire.Operation {
	ops := tagAPI{s}
	return map[string]wire.Operation{
		"AddTags":    wire.Op(ops.add),
		"ListTags":   wire.Op(ops.list),
		"DeleteTags": wire.Op(ops.delete),
	}
}

type tagAPI struct{ service *tags.Service }

type tagsInput struct {
	ResourceArn string
	Tags        []tags.Tag
	TagKeys     []string
	MaxResults  *int32
	NextToken   string
}

type tagsOutput struct{ Tags []tags.Tag }

func (a tagAPI) add(ctx context.Context, in *tagsInput) (*tagsOutput, error) {
	all, err := a.service.Add(ctx, in.ResourceArn, in.Tags)
	return &tagsOutput{all}, err
}

// list returns all tags, since a page has room for as many as there can be.
func (a tagAPI) list(ctx context.Context, in *tagsInput) (*tagsOutput, error) {
	switch {
	case in.MaxResults != nil && *in.MaxResults < 50:
		return nil, constraint(*in.MaxResults, "maxResults", "Member must have value greater than or equal to 50")
	case in.NextToken != "":
		return nil, errs.Invalidf("The token of the next page is not one that this list gave.")
	}
	all, err := a.service.List(ctx, in.ResourceArn)
	if all == nil {
		all = []tags.Tag{}
	}
	return &tagsOutput{all}, err
}

func (a tagAPI) delete(ctx context.Context, in *tagsInput) (*struct{}, error) {
	return &struct{}{}, a.service.Delete(ctx, in.ResourceArn, in.TagKeys)
}
