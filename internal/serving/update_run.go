package serving

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

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

// ended is what an interrupted update comes to: the endpoint's removal if it is
// being deleted, else err.
func (s *Service) ended(ctx context.Context, l *live, r store.Record[endpointDoc], err error) error {
	if errors.Is(err, errMoved) || ctx.Err() == nil && l.state.Load().status == Deleting {
		return s.remove(ctx, r)
	}
	return err
}
