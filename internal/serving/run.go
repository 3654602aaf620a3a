package serving

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/store"
)

const (
	lease       = 15 * time.Second // a killed worker's endpoint is taken over after this
	pollPause   = 5 * time.Second  // between looks for work that nobody announced
	maxWorkers  = 64               // endpoints being created or deleted at once
	retryPause  = time.Second      // before the first repetition of what failed in passing; doubled up to a minute
	maxAttempts = 4                // of a creation, if failures may pass
)

// errMoved ends a change of a record whose status is not what it was.
var errMoved = errors.New("the endpoint's status has changed")

// Run loads the endpoints that are in service, then creates, updates and deletes
// endpoints as they are asked for, until ctx ends. It returns an error only if
// it cannot begin.
func (s *Service) Run(ctx context.Context) error {
	inService, err := s.restore(ctx)
	if ctx.Err() != nil {
		return nil
	} else if err != nil {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { s.journal.run(ctx) })
	all.Go(func() { s.recorder.run(ctx) })
	all.Go(func() { s.runBacklog(ctx) })
	all.Go(func() {
		for _, r := range inService {
			all.Go(func() { s.revive(ctx, r) })
		}
		for _, r := range inService {
			select {
			case <-s.enter(r).loaded:
			case <-ctx.Done():
				return
			}
		}
		close(s.ready)
	})
	workers := make(chan struct{}, maxWorkers)
	for {
		r, ok, err := s.endpoints.Claim(ctx, s.owner, lease)
		if err != nil && ctx.Err() == nil {
			s.opt.Log.Error("looking for endpoints to create or delete", "error", err)
		}
		if ok {
			workers <- struct{}{}
			all.Go(func() {
				defer func() { <-workers }()
				s.work(ctx, r)
			})
			continue
		}
		select {
		case <-s.wake:
		case <-time.After(pollPause):
		case <-ctx.Done():
			return nil
		}
	}
}

// restore makes every endpoint on record known, clears the folder of models that
// none of them needs, and returns those in service.
func (s *Service) restore(ctx context.Context) (inService []store.Record[endpointDoc], err error) {
	wanted := map[string]bool{}
	for q := (store.Query{Order: store.ByName, Limit: 1000}); ; {
		page, next, err := s.endpoints.List(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("serving: list endpoints: %w", err)
		}
		for _, r := range page {
			l := s.enter(r)
			serves := []*deployment{&r.Doc.deployment}
			if u := r.Doc.Update; u != nil && u.Target != nil {
				serves = append(serves, u.Target)
			}
			for _, d := range serves {
				for _, v := range d.all() {
					wanted[v.Artifact.Digest] = true
					s.library.learn(v.Artifact)
				}
			}
			switch {
			case answering(r.Status):
				inService = append(inService, r)
			case r.Status != Creating:
				l.done()
			}
		}
		if q.Token = next; next == "" {
			break
		}
	}
	if err := s.restoreBacklog(ctx); err != nil {
		return nil, fmt.Errorf("serving: list asynchronous requests: %w", err)
	}
	if err := s.library.shelf.sweep(wanted); err != nil {
		s.opt.Log.Warn("unused models could not be removed", "error", err)
	}
	return inService, nil
}

// revive loads an endpoint that was in service when the server stopped. It goes
// on trying while that may help; else the endpoint fails.
func (s *Service) revive(ctx context.Context, r store.Record[endpointDoc]) {
	l := s.enter(r)
	defer l.done()
	for pause := retryPause; ; pause = min(2*pause, time.Minute) {
		d := r.Doc.clone()
		set, err := s.load(ctx, l, &d)
		if err == nil {
			if !l.serve(r.Status, set) {
				set.release() // an update was quicker
				return
			}
			s.backlog.notify()
			s.noteArtifacts(ctx, r, l, &d)
			return
		}
		failure, ok := errors.AsType[*loadError](err)
		if !ok || !answering(l.state.Load().status) {
			return // the server stops, or the endpoint goes
		}
		if !failure.passing {
			l.lost.Store(&failure.reason)
			_, err := s.endpoints.Update(ctx, r.Name, func(r *store.Record[endpointDoc]) error {
				if r.Status != InService || l.state.Load().choose() != nil {
					return errMoved
				}
				r.Status, r.Doc.FailureReason = Failed, failure.reason
				return nil
			})
			if err == nil {
				l.become(Failed)
			}
			return
		}
		l.done() // others are not to wait for this one
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		if now, err := s.endpoints.Get(ctx, r.Name); err == nil && now.Created.Equal(r.Created) {
			r = now // its weights, or what it serves, may have been changed meanwhile
		}
	}
}

// noteArtifacts records what an endpoint was loaded from if it was not what the
// record says: the unpacked model had been lost, and the object was read again.
// Weights that were changed while it was loaded are put into force.
func (s *Service) noteArtifacts(ctx context.Context, r store.Record[endpointDoc], l *live, d *deployment) {
	now, err := s.endpoints.Get(ctx, r.Name)
	if err != nil || !now.Created.Equal(r.Created) || now.Doc.EndpointConfigName != d.EndpointConfigName {
		return
	}
	l.reweigh(&now.Doc.deployment)
	loaded, same := d.all(), true
	for i, v := range r.Doc.all() {
		same = same && v.Artifact == loaded[i].Artifact
	}
	if same {
		return
	}
	_, err = s.endpoints.Update(ctx, r.Name, func(r *store.Record[endpointDoc]) error {
		variants := r.Doc.all()
		if r.Doc.EndpointConfigName != d.EndpointConfigName || len(variants) != len(loaded) {
			return errMoved
		}
		for i, v := range variants {
			v.Artifact, v.Deployed = loaded[i].Artifact, loaded[i].Deployed
		}
		return nil
	})
	if err != nil && !errors.Is(err, errMoved) {
		s.opt.Log.Error("the endpoint's record could not be changed", "endpoint", r.Name, "error", err)
	}
}

// work does what the status of a claimed endpoint asks for.
func (s *Service) work(ctx context.Context, r store.Record[endpointDoc]) {
	loading, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.running.Enter(r.Name, cancel)()
	var beating sync.WaitGroup
	defer beating.Wait()
	beat, over := context.WithCancel(ctx)
	defer over()
	held := jobs.Lease{Kind: "change of an endpoint", Name: r.Name, Owner: s.owner, TTL: lease, Renew: s.endpoints.Renew, Log: s.opt.Log}
	beating.Go(func() { held.Keep(beat, cancel) })

	var err error
	switch r.Status {
	case Creating:
		err = s.deploy(ctx, loading, r)
	case Updating, RollingBack:
		err = s.update(ctx, loading, r)
	case Deleting:
		err = s.remove(ctx, r)
	default:
		err = s.settle(ctx, r.Name, r.Status, func(*endpointDoc) {})
	}
	if err == nil {
		return
	}
	if ctx.Err() == nil {
		s.opt.Log.Error("an endpoint could not be moved on and will be tried again", "endpoint", r.Name, "status", r.Status, "error", err)
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
		}
	}
	// Another worker, or this server when it starts again, goes on at once.
	release, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	_ = s.endpoints.Release(release, r.Name, s.owner)
	s.notify()
}

// interrupt ends the work on an endpoint.
func (s *Service) interrupt(name string) {
	if cancel, here := s.running.Get(name); here {
		cancel()
	}
}

// deploy brings a new endpoint into service, or into the state Failed.
func (s *Service) deploy(ctx, loading context.Context, r store.Record[endpointDoc]) error {
	l := s.enter(r)
	defer l.done()
	set, err := s.loadPatiently(loading, l, &r.Doc.deployment)
	if failure, ok := errors.AsType[*loadError](err); ok {
		err := s.settle(ctx, r.Name, Failed, func(doc *endpointDoc) { doc.FailureReason = failure.reason })
		if errors.Is(err, errMoved) {
			return s.remove(ctx, r)
		} else if err == nil {
			l.become(Failed)
		}
		return err
	} else if err != nil {
		if ctx.Err() == nil && l.state.Load().status == Deleting {
			return s.remove(ctx, r)
		}
		return err
	}
	// It answers before the record says so: who reads InService may invoke at once.
	if !l.serve(InService, set) {
		set.release()
		return s.remove(ctx, r)
	}
	err = s.settle(ctx, r.Name, InService, func(doc *endpointDoc) { doc.deployment = r.Doc.deployment })
	switch {
	case errors.Is(err, errMoved):
		l.become(Deleting)
		return s.remove(ctx, r)
	case err != nil:
		l.become(Creating)
	}
	return err
}

// loadPatiently is load, repeated while failures may pass.
func (s *Service) loadPatiently(ctx context.Context, l *live, d *deployment) (*variantSet, error) {
	for attempt, pause := 1, retryPause; ; attempt, pause = attempt+1, 2*pause {
		set, err := s.load(ctx, l, d)
		failure, ok := errors.AsType[*loadError](err)
		if !ok || !failure.passing || attempt == maxAttempts {
			return set, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// settle gives a claimed endpoint its new status; with that its work is done. An
// endpoint that is being deleted meanwhile is left as it is, with errMoved.
func (s *Service) settle(ctx context.Context, name, status string, change func(*endpointDoc)) error {
	_, err := s.endpoints.UpdateLeased(ctx, name, s.owner, func(r *store.Record[endpointDoc]) error {
		if r.Status == Deleting {
			return errMoved
		}
		change(&r.Doc)
		r.Status, r.Due = status, time.Time{}
		return nil
	})
	return err
}

// remove ends the deletion of an endpoint.
func (s *Service) remove(ctx context.Context, r store.Record[endpointDoc]) error {
	l := s.enter(r)
	l.become(Deleting)
	l.done()
	_, err := s.endpoints.Delete(ctx, r.Name, func(now store.Record[endpointDoc]) error {
		if now.Status != Deleting || !now.Created.Equal(r.Created) {
			return errMoved
		}
		return nil
	})
	if err != nil && !errs.Is(err, errs.NotFound) && !errors.Is(err, errMoved) {
		return err
	}
	s.table.remove(l)
	s.dropBacklog(ctx, l)
	s.meters.forget(r.Name, r.Doc.all())
	if u := r.Doc.Update; u != nil && u.Target != nil {
		s.meters.forget(r.Name, u.Target.all())
	}
	return nil
}
