package sagemaker

import (
	"context"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/tags"
	"github.com/heliograph/heliograph/internal/training"
)

type searchInput struct {
	Resource         string
	SearchExpression *training.SearchExpression
	SortBy           string
	SortOrder        string
	MaxResults       *int32
	NextToken        string
}

type searchOutput struct {
	Results   []searchRecord
	NextToken string `json:",omitempty"`
	TotalHits totalHits
}

type totalHits struct {
	Value    int
	Relation string
}

// searchRecord has one member, named after the resource.
type searchRecord struct {
	TrainingJob *foundTrainingJob
}

// foundTrainingJob is a job as it is described, with its tags.
type foundTrainingJob struct {
	*describeTrainingJobOutput
	Tags []tags.Tag `json:",omitempty"`
}

func (a trainingAPI) search(ctx context.Context, in *searchInput) (*searchOutput, error) {
	query := training.SearchQuery{Expression: in.SearchExpression, SortBy: in.SortBy, Token: in.NextToken}
	switch in.Resource {
	case "TrainingJob":
	case "":
		query.Fault = errs.Invalidf("1 validation error detected: Value null at 'resource' failed to satisfy constraint: Member must not be null")
	default:
		query.Fault = errs.Invalidf("The resource %.100s can't be searched here. Only TrainingJob can.", in.Resource)
	}
	switch in.SortOrder {
	case "Ascending":
		query.Ascending = true
	case "", "Descending":
	default:
		return nil, enumConstraint(in.SortOrder, "sortOrder", []string{"Ascending", "Descending"})
	}
	if in.MaxResults != nil {
		if query.Limit = int(*in.MaxResults); query.Limit < 1 {
			return nil, constraint(query.Limit, "maxResults", "Member must have value greater than or equal to 1")
		}
	}
	jobs, next, hits, err := a.service.Search(ctx, query)
	if err != nil {
		return nil, err
	}
	out := &searchOutput{Results: []searchRecord{}, NextToken: next, TotalHits: totalHits{hits, "EqualTo"}}
	for _, job := range jobs {
		out.Results = append(out.Results, searchRecord{&foundTrainingJob{describedJob(job), job.Tags}})
	}
	return out, nil
}
