package serving

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// VariantWeight is what UpdateEndpointWeightsAndCapacities changes of a variant;
// members that are nil stay as they are.
type VariantWeight struct {
	VariantName            string
	DesiredWeight          *float64                `json:",omitempty"`
	DesiredInstanceCount   *int                    `json:",omitempty"`
	ServerlessUpdateConfig *ServerlessUpdateConfig `json:",omitempty"`
}

// ServerlessUpdateConfig changes a serverless variant.
type ServerlessUpdateConfig struct {
	MaxConcurrency         *int `json:",omitempty"`
	ProvisionedConcurrency *int `json:",omitempty"`
}

type weights []VariantWeight

// apply changes v as the entry of its name says, if there is one.
func (w weights) apply(v *ProductionVariant) {
	for _, d := range w {
		if !strings.EqualFold(d.VariantName, v.VariantName) {
			continue
		}
		if d.DesiredWeight != nil {
			v.InitialVariantWeight = d.DesiredWeight
		}
		if d.DesiredInstanceCount != nil {
			v.InitialInstanceCount = d.DesiredInstanceCount
		}
		if u := d.ServerlessUpdateConfig; u != nil {
			k := *v.ServerlessConfig
			if u.MaxConcurrency != nil {
				k.MaxConcurrency = u.MaxConcurrency
			}
			if u.ProvisionedConcurrency != nil {
				k.ProvisionedConcurrency = u.ProvisionedConcurrency
			}
			v.ServerlessConfig = &k
		}
	}
}

// UpdateEndpointWeightsAndCapacities records other weights, instance counts or
// concurrency of an endpoint's variants, which Run then puts into force without
// loading anything.
func (s *Service) UpdateEndpointWeightsAndCapacities(ctx context.Context, name string, desired []VariantWeight) (Endpoint, error) {
	if err := s.opt.Auth.Authorize(ctx, "sagemaker:UpdateEndpointWeightsAndCapacities", s.arn("endpoint", name)); err != nil {
		return Endpoint{}, err
	}
	var c constraints
	c.match(name, "endpointName", namePattern)
	if len(desired) == 0 {
		c.Add("[]", "desiredWeightsAndCapacities", "Member must have length greater than or equal to 1")
	}
	for i, d := range desired {
		at := fmt.Sprintf("desiredWeightsAndCapacities.%d.member.", i+1)
		c.match(d.VariantName, at+"variantName", namePattern)
		between(&c, d.DesiredWeight, at+"desiredWeight", 0, 1e9)
		between(&c, d.DesiredInstanceCount, at+"desiredInstanceCount", 0, 1<<30)
		if u := d.ServerlessUpdateConfig; u != nil {
			between(&c, u.MaxConcurrency, at+"serverlessUpdateConfig.maxConcurrency", 1, 200)
			between(&c, u.ProvisionedConcurrency, at+"serverlessUpdateConfig.provisionedConcurrency", 1, 200)
		}
	}
	if err := c.Err(); err != nil {
		return Endpoint{}, err
	}
	return s.startUpdate(ctx, name, func(_ context.Context, doc *endpointDoc) (*update, error) {
		next := doc.deployment.clone()
		for i, d := range desired {
			v := next.find(d.VariantName)
			switch {
			case v == nil:
				return nil, errs.Invalidf("The endpoint has no variant called %q.", d.VariantName)
			case v.ServerlessConfig == nil && d.ServerlessUpdateConfig != nil:
				return nil, errs.Invalidf("The variant %q is not serverless; ServerlessUpdateConfig does not apply to it.", v.VariantName)
			case v.ServerlessConfig != nil && d.DesiredInstanceCount != nil:
				return nil, errs.Invalidf("The variant %q is serverless; DesiredInstanceCount does not apply to it.", v.VariantName)
			}
			weights(desired[i : i+1]).apply(&v.ProductionVariant)
			if err := v.ServerlessConfig.check(v.VariantName); err != nil {
				return nil, err
			}
		}
		if err := next.checkTraffic(); err != nil {
			return nil, err
		}
		return &update{Weights: desired}, nil
	})
}

// reweigh puts other weights of the present variants into force.
func (s *Service) reweigh(ctx context.Context, l *live, r store.Record[endpointDoc]) error {
	next := r.Doc.deployment.clone()
	for _, v := range next.all() {
		r.Doc.Update.Weights.apply(&v.ProductionVariant)
	}
	l.reweigh(&next)
	err := s.settle(ctx, r.Name, InService, func(doc *endpointDoc) { doc.deployment, doc.Update = next, nil })
	if errors.Is(err, errMoved) {
		return s.remove(ctx, r)
	}
	return err
}
