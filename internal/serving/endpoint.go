package serving

import (
	"context"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// The states of an endpoint.
const (
	Creating             = "Creating"             // its models are being loaded
	InService            = "InService"            // it answers
	Updating             = "Updating"             // it answers, and changes to another config or other weights
	RollingBack          = "RollingBack"          // it answers, and goes back to what it was before an update
	UpdateRollbackFailed = "UpdateRollbackFailed" // neither what an update asked for nor what was before can be loaded
	Failed               = "Failed"               // see FailureReason; it can only be deleted
	Deleting             = "Deleting"             // it no longer answers
)

// answering reports whether an endpoint of that status answers once it is loaded.
func answering(status string) bool {
	return status == InService || status == Updating || status == RollingBack
}

// Endpoint is a name under which the variants of an endpoint config answer.
type Endpoint struct {
	EndpointName       string
	EndpointConfigName string
	DeploymentConfig   *DeploymentConfig // of the creation, or of the last update
	Tags               []Tag

	ARN                  string // filled in by the service, as is what follows
	EndpointStatus       string
	FailureReason        string // at most 1,024 characters; of the creation, or of an update that was rolled back
	Variants             []EndpointVariant
	ShadowVariants       []EndpointVariant
	DataCaptureConfig    *DataCaptureConfig
	AsyncInferenceConfig *AsyncInferenceConfig
	Pending              *PendingDeployment // what an update under way leads to, else nil
	Created              time.Time
	Updated              time.Time
}

// PendingDeployment is what an endpoint is being updated to.
type PendingDeployment struct {
	EndpointConfigName string
	Variants           []EndpointVariant
	ShadowVariants     []EndpointVariant
	Started            time.Time
}

// EndpointVariant is a production variant as it serves. Before its model was
// loaded for the first time, Deployed is zero.
type EndpointVariant struct {
	ProductionVariant // with the present weight, instance count and concurrency
	Image             string
	ModelData         string // address of the artifact
	ModelBytes        int64  // size of the model in it
	Deployed          time.Time
	Desired           ProductionVariant // what a change of weights under way leads to
	Status            string            // of a variant that is being deployed: Creating, ActivatingTraffic or Baking
}

// endpointDoc is what the record of an endpoint holds.
type endpointDoc struct {
	deployment
	DeploymentConfig *DeploymentConfig `json:",omitempty"`
	FailureReason    string            `json:",omitempty"`
	Update           *update           `json:",omitempty"` // under way
	Tags             []Tag             `json:",omitempty"`
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
	e.DeploymentConfig.check(&c)
	if err := c.Err(); err != nil {
		return e, err
	}
	if err := s.checkRollout(ctx, e.DeploymentConfig); err != nil {
		return e, err
	}
	doc := endpointDoc{DeploymentConfig: e.DeploymentConfig, Tags: e.Tags}
	var r store.Record[endpointDoc]
	err := s.opt.DB.Tx(ctx, func(ctx context.Context) (err error) {
		if doc.deployment, err = s.resolve(ctx, e.EndpointConfigName); err != nil {
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

// DescribeEndpoint returns an endpoint in its present state.
func (s *Service) DescribeEndpoint(ctx context.Context, name string) (Endpoint, error) {
	if err := s.authorizeName(ctx, "sagemaker:DescribeEndpoint", "endpoint", name, "endpointName", namePattern); err != nil {
		return Endpoint{}, err
	}
	r, err := s.endpoints.Get(ctx, name)
	return s.endpoint(r), s.missing(err, "endpoint", "endpoint", name)
}

// ListEndpoints returns a page of endpoints, with the members of their
// documents that q names, and the token of the next page.
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
	s.enter(r).become(Deleting)
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
		EndpointName:         r.Name,
		EndpointConfigName:   r.Doc.EndpointConfigName,
		DeploymentConfig:     r.Doc.DeploymentConfig,
		Tags:                 r.Doc.Tags,
		ARN:                  s.arn("endpoint", r.Name),
		EndpointStatus:       r.Status,
		FailureReason:        r.Doc.FailureReason,
		DataCaptureConfig:    r.Doc.Capture,
		AsyncInferenceConfig: r.Doc.Async,
		Created:              r.Created,
		Updated:              r.Updated,
	}
	e.Variants, e.ShadowVariants = views(r.Doc.Variants), views(r.Doc.Shadows)
	if u := r.Doc.Update; u != nil && u.Target != nil {
		e.Pending = &PendingDeployment{
			EndpointConfigName: u.Target.EndpointConfigName,
			Variants:           views(u.Target.Variants),
			ShadowVariants:     views(u.Target.Shadows),
			Started:            u.Started,
		}
		for _, variants := range [][]EndpointVariant{e.Pending.Variants, e.Pending.ShadowVariants} {
			for i := range variants {
				variants[i].Status = u.stage()
			}
		}
	} else if u != nil {
		for _, variants := range [][]EndpointVariant{e.Variants, e.ShadowVariants} {
			for i := range variants {
				u.Weights.apply(&variants[i].Desired)
			}
		}
	}
	return e
}

func views(variants []deployedVariant) []EndpointVariant {
	var all []EndpointVariant
	for _, v := range variants {
		all = append(all, EndpointVariant{
			ProductionVariant: v.ProductionVariant,
			Image:             v.Image,
			ModelData:         v.Artifact.location.String(),
			ModelBytes:        v.Artifact.ModelBytes,
			Deployed:          v.Deployed,
			Desired:           v.ProductionVariant,
		})
	}
	return all
}
