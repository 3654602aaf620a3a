package serving

import (
	"context"
	"fmt"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// update is a change of an endpoint under way: to another deployment, or of the
// weights of the present one.
type update struct {
	Target  *deployment       `json:",omitempty"`
	Config  *DeploymentConfig `json:",omitempty"`
	Started time.Time
	Loaded  bool      `json:",omitempty"` // the models of Target were loaded
	Step    int       `json:",omitempty"` // of the plan: the share that Target answers now
	Since   time.Time `json:",omitzero"`  // when that step began

	Weights weights `json:",omitempty"`
}

// stage is the status of the variants that are being deployed.
func (u *update) stage() string {
	switch steps := u.Config.plan(u.Target.instances()).shares; {
	case !u.Loaded:
		return "Creating"
	case u.Step < len(steps)-1:
		return "ActivatingTraffic"
	}
	return "Baking"
}

// UpdateInput is a request for an endpoint to serve another config.
type UpdateInput struct {
	EndpointName                     string
	EndpointConfigName               string
	RetainAllVariantProperties       bool // weights, instance counts and data capture stay as they are
	ExcludeRetainedVariantProperties []VariantProperty
	DeploymentConfig                 *DeploymentConfig
	RetainDeploymentConfig           bool // use that of the last deployment
}

// VariantProperty names a property of variants.
type VariantProperty struct{ VariantPropertyType string }

// UpdateEndpoint records that an endpoint is to serve another config, which Run
// then brings into service while the endpoint goes on answering. If that fails,
// the endpoint stays what it was, in service, with a FailureReason.
func (s *Service) UpdateEndpoint(ctx context.Context, in UpdateInput) (Endpoint, error) {
	if err := s.opt.Auth.Authorize(ctx, "sagemaker:UpdateEndpoint", s.arn("endpoint", in.EndpointName)); err != nil {
		return Endpoint{}, err
	}
	var c constraints
	c.match(in.EndpointName, "endpointName", namePattern)
	c.match(in.EndpointConfigName, "endpointConfigName", namePattern)
	excluded := map[string]bool{}
	if len(in.ExcludeRetainedVariantProperties) > 3 {
		c.Add(len(in.ExcludeRetainedVariantProperties), "excludeRetainedVariantProperties", "Member must have length less than or equal to 3")
	}
	for i, p := range in.ExcludeRetainedVariantProperties {
		c.Enum(p.VariantPropertyType, fmt.Sprintf("excludeRetainedVariantProperties.%d.member.variantPropertyType", i+1),
			"DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig")
		excluded[p.VariantPropertyType] = true
	}
	in.DeploymentConfig.check(&c)
	if err := c.Err(); err != nil {
		return Endpoint{}, err
	}
	if err := s.checkRollout(ctx, in.DeploymentConfig); err != nil {
		return Endpoint{}, err
	}
	return s.startUpdate(ctx, in.EndpointName, func(ctx context.Context, doc *endpointDoc) (*update, error) {
		target, err := s.resolve(ctx, in.EndpointConfigName)
		if err != nil {
			return nil, err
		}
		if in.RetainAllVariantProperties {
			doc.retain(&target, excluded)
			if err := target.checkTraffic(); err != nil {
				return nil, err
			}
		}
		if in.RetainDeploymentConfig && in.DeploymentConfig == nil {
			in.DeploymentConfig = doc.DeploymentConfig
			if err := s.checkRollout(ctx, in.DeploymentConfig); err != nil {
				return nil, err
			}
		}
		return &update{Target: &target, Config: in.DeploymentConfig}, nil
	})
}

// startUpdate records an update of an endpoint in service.
func (s *Service) startUpdate(ctx context.Context, name string, plan func(context.Context, *endpointDoc) (*update, error)) (Endpoint, error) {
	var r store.Record[endpointDoc]
	var refused error
	err := s.opt.DB.Tx(ctx, func(ctx context.Context) (err error) {
		r, err = s.endpoints.Update(ctx, name, func(r *store.Record[endpointDoc]) error {
			switch r.Status {
			case InService, UpdateRollbackFailed:
			case Failed:
				return errs.Invalidf("Cannot update endpoint %q: it is Failed. Delete it and create it again.", s.arn("endpoint", name))
			default:
				return errs.Invalidf("Cannot update in-progress endpoint %q.", s.arn("endpoint", name))
			}
			var u *update
			if u, refused = plan(ctx, &r.Doc); refused != nil {
				return refused
			}
			u.Started = time.Now().UTC()
			r.Status, r.Due, r.Doc.Update, r.Doc.FailureReason = Updating, time.Now(), u, ""
			return nil
		})
		return err
	})
	switch {
	case refused != nil:
		return Endpoint{}, refused
	case err != nil:
		return Endpoint{}, s.missing(err, "endpoint", "endpoint", name)
	}
	s.notify()
	return s.endpoint(r), nil
}
