package serving

import (
	"context"

	"github.com/heliograph/heliograph/internal/search"
	"github.com/heliograph/heliograph/internal/store"
)

// SearchEndpoints returns a page of the endpoints that satisfy the query, the token
// of the next page, "" if there is none, and how many satisfy it in all.
func (s *Service) SearchEndpoints(ctx context.Context, q search.Query) ([]Endpoint, string, int, error) {
	resource := search.Resource[endpointDoc]{
		Records: s.endpoints, What: "An endpoint", Name: "EndpointName", Status: "EndpointStatus", Terms: []string{"Tags"},
		Properties: []string{"EndpointName", "EndpointConfigName", "EndpointStatus", "FailureReason", "CreationTime", "LastModifiedTime", "ProductionVariants", "ShadowProductionVariants", "Tags"},
		Members: func(property string) []string {
			switch property {
			case "ProductionVariants":
				return []string{"Variants"}
			case "ShadowProductionVariants":
				return []string{"Shadows"}
			}
			return nil
		},
		Values: func(doc *endpointDoc, first, rest string) ([]search.Value, bool) {
			switch first {
			case "ProductionVariants":
				return search.At(doc.Variants, rest), true
			case "ShadowProductionVariants":
				return search.At(doc.Shadows, rest), true
			case "Tags":
				return search.TagValues(doc.Tags, rest), true
			}
			return nil, false
		},
	}
	return searchAll(ctx, s, resource, q, s.endpoint)
}

// SearchModels is SearchEndpoints for models. Their properties can have the name
// of the member in front under which answers have them, Model.
func (s *Service) SearchModels(ctx context.Context, q search.Query) ([]Model, string, int, error) {
	resource := search.Resource[Model]{
		Records: s.models, What: "A model", Name: "ModelName", Terms: []string{"Tags"}, Prefix: "Model.",
		Properties: []string{"ModelName", "ExecutionRoleArn", "PrimaryContainer", "Containers", "EnableNetworkIsolation", "CreationTime", "LastModifiedTime", "Tags"},
		Values: func(doc *Model, first, rest string) ([]search.Value, bool) {
			if first == "Tags" {
				return search.TagValues(doc.Tags, rest), true
			}
			return nil, false
		},
	}
	return searchAll(ctx, s, resource, q, s.model)
}

func searchAll[T, V any](ctx context.Context, s *Service, r search.Resource[T], q search.Query, view func(store.Record[T]) V) (page []V, next string, hits int, err error) {
	if err := s.opt.Auth.Authorize(ctx, "sagemaker:Search", "*"); err != nil {
		return nil, "", 0, err
	}
	records, next, hits, err := r.Search(ctx, q)
	for _, record := range records {
		page = append(page, view(record))
	}
	return page, next, hits, err
}

// RecordTerms are what searches find an endpoint by without looking at it.
func (d endpointDoc) RecordTerms() []store.Term { return search.TagTerms(d.Tags) }

// RecordTerms are what searches find a model by without looking at it.
func (m Model) RecordTerms() []store.Term { return search.TagTerms(m.Tags) }
