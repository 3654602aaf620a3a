package serving

import (
	"context"
	"encoding/json"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// The states of an endpoint.
const (
	Creating  = "Creating"  // its models are being loaded
	InService = "InService" // it answers
	Failed    = "Failed"    // see FailureReason; it can only be deleted
	Deleting  = "Deleting"  // it no longer answers
)

// Endpoint is a name under which the variants of an endpoint config answer.
type Endpoint struct {
	EndpointName       string
	EndpointConfigName string
	DeploymentConfig   json.RawMessage // as sent to CreateEndpoint
	Tags               []Tag

	ARN            string // filled in by the service, as is what follows
	EndpointStatus string
	FailureReason  string // at most 1,024 characters; "" unless EndpointStatus is Failed
	Variants       []EndpointVariant
	Created        time.Time
	Updated        time.Time
}

// EndpointVariant is a production variant as it serves. Before the endpoint was
// in service for the first time, Deployed is zero.
type EndpointVariant struct {
	VariantName      string
	ModelName        string
	Image            string
	ModelData        string // address of the artifact
	ModelBytes       int64  // size of the model in it
	Deployed         time.Time
	Weight           float64
	InstanceCount    *int
	ServerlessConfig *ServerlessConfig
}

// endpointDoc is what the record of an endpoint holds. It repeats what it needs
// of config and models, which may be deleted while the endpoint goes on.
type endpointDoc struct {
	EndpointConfigName string
	DeploymentConfig   json.RawMessage `json:",omitempty"`
	FailureReason      string          `json:",omitempty"`
	Variants           []deployedVariant
	Tags               []Tag `json:",omitempty"`
}

type deployedVariant struct {
	ProductionVariant
	Image    string
	Artifact artifact
	Deployed time.Time `json:",omitzero"`
}

// CreateEndpoint records an endpoint, which Run then brings into service.
func (s *Service) CreateEndpoint(ctx context.Context, e Endpoint) (Endpoint, error) {
	if err := s.opt.Auth.Authorize(ctx, "sagemaker:CreateEndpoint", s.arn("endpoint", e.EndpointName)); err != nil {
		return e, err
	}
	var c constraints
	c.match(e.EndpointName, "endpointName", namePattern)
	c.match(e.EndpointConfigName, "endpointConfigName", namePattern)
	c.tags(e.Tags)
	if err := c.err(); err != nil {
		return e, err
	}
	doc := endpointDoc{EndpointConfigName: e.EndpointConfigName, DeploymentConfig: e.DeploymentConfig, Tags: e.Tags}
	var r store.Record[endpointDoc]
	err := s.opt.DB.Tx(ctx, func(ctx context.Context) (err error) {
		if doc.Variants, err = s.resolve(ctx, e.EndpointConfigName); err != nil {
			return err
		}
		r, err = s.endpoints.Create(ctx, store.Record[endpointDoc]{Name: e.EndpointName, Status: Creating, Due: time.Now(), Doc: doc})
		return err
	})
	if errs.Is(err, errs.Conflict) {
		return e, errs.Wrap(err, errs.Conflict, "ValidationException", "Cannot create already existing endpoint %q.", s.arn("endpoint", e.EndpointName))
	} else if err != nil {
		return e, err
	}
	s.enter(r)
	s.notify()
	return s.endpoint(r), nil
}

// resolve looks up what a config's variants serve.
func (s *Service) resolve(ctx context.Context, config string) ([]deployedVariant, error) {
	r, err := s.configs.Get(ctx, config)
	if err != nil {
		return nil, s.missing(err, "endpoint-config", "endpoint configuration", config)
	}
	variants := make([]deployedVariant, len(r.Doc.ProductionVariants))
	for i, v := range r.Doc.ProductionVariants {
		m, err := s.models.Get(ctx, v.ModelName)
		if err != nil {
			return nil, s.missing(err, "model", "model", v.ModelName)
		}
		container := m.Doc.container()
		variants[i] = deployedVariant{ProductionVariant: v, Image: container.Image, Artifact: artifact{location: container.location()}}
	}
	return variants, nil
}

// DescribeEndpoint returns an endpoint in its present state.
func (s *Service) DescribeEndpoint(ctx context.Context, name string) (Endpoint, error) {
	if err := s.authorizeName(ctx, "sagemaker:DescribeEndpoint", "endpoint", name, "endpointName", namePattern); err != nil {
		return Endpoint{}, err
	}
	r, err := s.endpoints.Get(ctx, name)
	return s.endpoint(r), s.missing(err, "endpoint", "endpoint", name)
}

// ListEndpoints returns a page of endpoints and the token of the next page.
func (s *Service) ListEndpoints(ctx context.Context, q store.Query) ([]Endpoint, string, error) {
	return list(ctx, s, "sagemaker:ListEndpoints", s.endpoints, q, s.endpoint)
}

// DeleteEndpoint takes an endpoint out of service at once; its record goes soon
// after. Invocations that are being answered still are. An endpoint may be
// deleted in any state.
func (s *Service) DeleteEndpoint(ctx context.Context, name string) error {
	if err := s.authorizeName(ctx, "sagemaker:DeleteEndpoint", "endpoint", name, "endpointName", namePattern); err != nil {
		return err
	}
	r, err := s.endpoints.Update(ctx, name, func(r *store.Record[endpointDoc]) error {
		r.Status, r.Due = Deleting, time.Now()
		return nil
	})
	if err != nil {
		return s.missing(err, "endpoint", "endpoint", name)
	}
	s.enter(r).become(Deleting, nil)
	s.interrupt(name)
	s.notify()
	return nil
}

// enter returns the endpoint as invocations see it, known from now on.
func (s *Service) enter(r store.Record[endpointDoc]) *live {
	return s.table.put(r.Name, r.Created, func() *live {
		return newLive(r.Name, s.arn("endpoint", r.Name), r.Created, r.Status)
	})
}

func (s *Service) endpoint(r store.Record[endpointDoc]) Endpoint {
	e := Endpoint{
		EndpointName:       r.Name,
		EndpointConfigName: r.Doc.EndpointConfigName,
		DeploymentConfig:   r.Doc.DeploymentConfig,
		Tags:               r.Doc.Tags,
		ARN:                s.arn("endpoint", r.Name),
		EndpointStatus:     r.Status,
		FailureReason:      r.Doc.FailureReason,
		Created:            r.Created,
		Updated:            r.Updated,
	}
	for _, v := range r.Doc.Variants {
		e.Variants = append(e.Variants, EndpointVariant{
			VariantName:      v.VariantName,
			ModelName:        v.ModelName,
			Image:            v.Image,
			ModelData:        v.Artifact.location.String(),
			ModelBytes:       v.Artifact.ModelBytes,
			Deployed:         v.Deployed,
			Weight:           v.weight(),
			InstanceCount:    v.InitialInstanceCount,
			ServerlessConfig: v.ServerlessConfig,
		})
	}
	return e
}
