package sagemaker

import (
	"context"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/search"
	"github.com/heliograph/heliograph/internal/tags"
)

type searchInput struct {
	Resource         string
	SearchExpression *search.Expression
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

// searchRecord has one member, named after the resource. Each is what the
// resource's description is, with its tags.
type searchRecord struct {
	TrainingJob             *foundTrainingJob `json:",omitempty"`
	HyperParameterTuningJob *foundTuningJob   `json:",omitempty"`
	Endpoint                *foundEndpoint    `json:",omitempty"`
	Model                   *dashboardModel   `json:",omitempty"`
}

type foundTrainingJob struct {
	*describeTrainingJobOutput
	Tags []tags.Tag `json:",omitempty"`
}

type foundTuningJob struct {
	*describeTuningJobOutput
	Tags []tags.Tag `json:",omitempty"`
}

type foundEndpoint struct {
	*describeEndpointOutput
	Tags []tags.Tag `json:",omitempty"`
}

type dashboardModel struct{ Model foundModel }

type foundModel struct {
	*describeModelOutput
	Tags []tags.Tag `json:",omitempty"`
}

type searchAPI struct{ Services }

func (a searchAPI) search(ctx context.Context, in *searchInput) (*searchOutput, error) {
	query := search.Query{Expression: in.SearchExpression, SortBy: in.SortBy, Token: in.NextToken}
	switch in.SortOrder {
	case "Ascending":
		query.Ascending = true
	case "", "Descending":
	default:
		query.Fault = enumConstraint(in.SortOrder, "sortOrder", []string{"Ascending", "Descending"})
	}
	if in.MaxResults != nil {
		if query.Limit = int(*in.MaxResults); query.Limit < 1 {
			query.Fault = constraint(query.Limit, "maxResults", "Member must have value greater than or equal to 1")
		}
	}
	out := &searchOutput{Results: []searchRecord{}, TotalHits: totalHits{Relation: "EqualTo"}}
	var err error
	switch in.Resource {
	case "TrainingJob":
		jobs, next, hits, failed := a.Training.Search(ctx, query)
		out.NextToken, out.TotalHits.Value, err = next, hits, failed
		for _, job := range jobs {
			out.Results = append(out.Results, searchRecord{TrainingJob: &foundTrainingJob{describedJob(job), job.Tags}})
		}
	case "HyperParameterTuningJob":
		jobs, next, hits, failed := a.Tuning.Search(ctx, query)
		out.NextToken, out.TotalHits.Value, err = next, hits, failed
		for _, job := range jobs {
			out.Results = append(out.Results, searchRecord{HyperParameterTuningJob: &foundTuningJob{tuningAPI{a.Tuning}.described(job), job.Tags}})
		}
	case "Endpoint":
		endpoints, next, hits, failed := a.Serving.SearchEndpoints(ctx, query)
		out.NextToken, out.TotalHits.Value, err = next, hits, failed
		for _, e := range endpoints {
			out.Results = append(out.Results, searchRecord{Endpoint: &foundEndpoint{describedEndpoint(e), e.Tags}})
		}
	case "Model":
		models, next, hits, failed := a.Serving.SearchModels(ctx, query)
		out.NextToken, out.TotalHits.Value, err = next, hits, failed
		for _, m := range models {
			out.Results = append(out.Results, searchRecord{Model: &dashboardModel{foundModel{describedModel(m), m.Tags}}})
		}
	default: // which only those learn who may search
		query.Fault = errs.Invalidf("The resource %.100s can't be searched here. TrainingJob, HyperParameterTuningJob, Endpoint and Model can.", in.Resource)
		if in.Resource == "" {
			query.Fault = errs.Invalidf("1 validation error detected: Value null at 'resource' failed to satisfy constraint: Member must not be null")
		}
		_, _, _, err = a.Serving.SearchModels(ctx, query)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}
