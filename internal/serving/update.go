package serving

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
		c.add(len(in.ExcludeRetainedVariantProperties), "excludeRetainedVariantProperties", "Member must have length less than or equal to 3")
	}
	for i, p := range in.ExcludeRetainedVariantProperties {
		oneOf(&c, p.VariantPropertyType, fmt.Sprintf("excludeRetainedVariantProperties.%d.member.variantPropertyType", i+1),
			"DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig")
		excluded[p.VariantPropertyType] = true
	}
	in.DeploymentConfig.check(&c)
	if err := c.err(); err != nil {
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
		c.add("[]", "desiredWeightsAndCapacities", "Member must have length greater than or equal to 1")
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
	if err := c.err(); err != nil {
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

// update brings an endpoint to what its update asks for, or back.
func (s *Service) update(ctx, loading context.Context, r store.Record[endpointDoc]) error {
	l := s.enter(r)
	select {
	case <-l.loaded: // after a restart, what was served before comes first
	case <-loading.Done():
		return s.ended(ctx, l, r, loading.Err())
	}
	u := r.Doc.Update
	switch {
	case u == nil:
		return s.settle(ctx, r.Name, InService, func(*endpointDoc) {})
	case r.Status == RollingBack:
		return s.rollBack(ctx, l, r, r.Doc.FailureReason)
	case u.Target == nil:
		return s.reweigh(ctx, l, r)
	}
	target := u.Target.clone()
	next, err := s.loadPatiently(loading, l, &target)
	if failure, ok := errors.AsType[*loadError](err); ok {
		return s.rollBack(ctx, l, r, failure.reason)
	} else if err != nil {
		return s.ended(ctx, l, r, err)
	}
	if !l.shift(next, 0) { // from now on it is the endpoint's to let go of
		next.release()
		return s.remove(ctx, r)
	}
	u.Target, u.Loaded = &target, true
	why, err := s.rollOut(ctx, loading, l, r.Name, u, next)
	switch {
	case err != nil:
		return s.ended(ctx, l, r, err)
	case why != "":
		return s.rollBack(ctx, l, r, why)
	}
	err = s.settle(ctx, r.Name, InService, func(doc *endpointDoc) {
		doc.deployment, doc.DeploymentConfig, doc.Update = target, u.Config, nil
	})
	if errors.Is(err, errMoved) {
		return s.remove(ctx, r)
	} else if err != nil {
		return err
	}
	l.promote()
	s.backlog.notify()
	l.lost.Store(nil)
	s.meters.forget(r.Name, gone(&r.Doc.deployment, &target))
	return nil
}

// gone returns the variants of before that are not in after.
func gone(before, after *deployment) (variants []*deployedVariant) {
	for _, v := range before.all() {
		if after.find(v.VariantName) == nil {
			variants = append(variants, v)
		}
	}
	return variants
}

// rollOut moves the traffic over to next as planned. It returns why the update
// must be rolled back, or "".
func (s *Service) rollOut(ctx, loading context.Context, l *live, name string, u *update, next *variantSet) (why string, err error) {
	p := u.Config.plan(u.Target.instances())
	deadline := u.Started.Add(p.limit)
	for ; u.Step < len(p.shares); u.Step, u.Since = u.Step+1, (time.Time{}) {
		if why, err := s.alarmed(loading, u.Config); why != "" || err != nil {
			return why, err
		}
		if !l.shift(next, p.shares[u.Step]) {
			return "", errMoved
		}
		if u.Since.IsZero() {
			u.Since = time.Now().UTC()
		}
		wait := p.wait
		if u.Step == len(p.shares)-1 {
			wait += p.linger
		}
		if wait == 0 && len(p.shares) == 1 && len(u.Config.alarms()) == 0 {
			continue
		}
		_, err := s.endpoints.UpdateLeased(ctx, name, s.owner, func(r *store.Record[endpointDoc]) error {
			if r.Status != Updating {
				return errMoved
			}
			r.Doc.Update = u
			return nil
		})
		if err != nil {
			return "", err
		}
		if why, err := s.bake(loading, u.Config, u.Since.Add(wait), deadline); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

// bake waits, and watches alarms and clock meanwhile.
func (s *Service) bake(ctx context.Context, config *DeploymentConfig, until, deadline time.Time) (why string, err error) {
	for {
		if why, err = s.alarmed(ctx, config); why != "" || err != nil {
			return why, err
		}
		now := time.Now()
		switch {
		case !now.Before(until):
			return "", nil
		case now.After(deadline):
			return "The update took longer than MaximumExecutionTimeoutInSeconds.", nil
		}
		pause := min(until.Sub(now), max(deadline.Sub(now), time.Millisecond))
		if len(config.alarms()) > 0 {
			pause = min(pause, s.opt.AlarmPause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return "", ctx.Err()
		}
	}
}

// alarmed says which of the alarms has gone off, "" if none.
func (s *Service) alarmed(ctx context.Context, config *DeploymentConfig) (string, error) {
	for _, name := range config.alarms() {
		if s.opt.Alarms == nil {
			return fmt.Sprintf("The alarm %s cannot be watched: this server has no alarms.", name), nil
		}
		state, err := s.opt.Alarms.AlarmState(ctx, name)
		switch {
		case errs.Is(err, errs.NotFound):
			return fmt.Sprintf("The alarm %s does not exist any more.", name), nil
		case err != nil && ctx.Err() != nil:
			return "", ctx.Err()
		case err != nil:
			s.opt.Log.Error("the state of an alarm could not be read", "alarm", name, "error", err)
		case state == AlarmInAlarm:
			return fmt.Sprintf("The alarm %s went off.", name), nil
		}
	}
	return "", nil
}

// rollBack ends an update that failed: what served before answers alone again.
func (s *Service) rollBack(ctx context.Context, l *live, r store.Record[endpointDoc], why string) error {
	if r.Status != RollingBack {
		why = "The update to endpoint configuration " + r.Doc.Update.Target.EndpointConfigName + " was rolled back. " + why
		why = why[:min(len(why), maxReason)]
		_, err := s.endpoints.UpdateLeased(ctx, r.Name, s.owner, func(r *store.Record[endpointDoc]) error {
			if r.Status == Deleting {
				return errMoved
			}
			r.Status, r.Doc.FailureReason = RollingBack, why
			return nil
		})
		if errors.Is(err, errMoved) {
			return s.remove(ctx, r)
		} else if err != nil {
			return err
		}
		s.opt.Log.Warn("an endpoint's update was rolled back", "endpoint", r.Name, "reason", why)
	}
	status := InService
	if lost := l.lost.Load(); lost != nil {
		status, why = UpdateRollbackFailed, why+" And what it served before cannot be loaded again: "+*lost
		why = why[:min(len(why), maxReason)]
	}
	l.retreat(status)
	err := s.settle(ctx, r.Name, status, func(doc *endpointDoc) { doc.Update, doc.FailureReason = nil, why })
	if errors.Is(err, errMoved) {
		return s.remove(ctx, r)
	}
	return err
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

// ended is what an interrupted update comes to: the endpoint's removal if it is
// being deleted, else err.
func (s *Service) ended(ctx context.Context, l *live, r store.Record[endpointDoc], err error) error {
	if errors.Is(err, errMoved) || ctx.Err() == nil && l.state.Load().status == Deleting {
		return s.remove(ctx, r)
	}
	return err
}

// instances is how many instances the production variants ask for.
func (d *deployment) instances() (n int) {
	for _, v := range d.Variants {
		if v.InitialInstanceCount != nil {
			n += *v.InitialInstanceCount
		}
	}
	return n
}
