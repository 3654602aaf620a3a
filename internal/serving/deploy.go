package serving

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A loadError says why an endpoint could not be brought into service.
type loadError struct {
	reason  string // for FailureReason
	passing bool   // trying again may help
	err     error
}

func (e *loadError) Error() string { return e.reason }
func (e *loadError) Unwrap() error { return e.err }

// maxReason is the length of FailureReason that clients accept.
const maxReason = 1024

// load brings the models of all variants into memory and notes in d what they
// came from. If one fails, all are let go.
func (s *Service) load(ctx context.Context, l *live, d *deployment) (*variantSet, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wanted := d.all()
	variants := make([]*variant, len(wanted))
	failures := make([]error, len(wanted))
	var wait sync.WaitGroup
	for i := range wanted {
		wait.Go(func() {
			if variants[i], failures[i] = s.loadVariant(ctx, l, wanted[i]); failures[i] != nil {
				cancel() // the others need not finish
			}
		})
	}
	wait.Wait()
	if err := firstFailure(failures); err != nil {
		for _, v := range variants {
			if v != nil {
				v.hold.release()
			}
		}
		return nil, err
	}
	set := &variantSet{variants: variants[:len(d.Variants)], shadows: variants[len(d.Variants):]}
	set.weigh(d)
	set.capture, set.async, set.asyncLimit, set.role = newCapture(l, s.role(d.Role), d), d.Async, d.asyncLimit(), d.Role
	return set, nil
}

// firstFailure prefers a failure with a reason to those that it caused by
// cancelling the others.
func firstFailure(failures []error) (first error) {
	for _, err := range failures {
		if _, ok := errors.AsType[*loadError](err); ok {
			return err
		} else if err != nil {
			first = err
		}
	}
	return first
}

func (s *Service) loadVariant(ctx context.Context, l *live, d *deployedVariant) (*variant, error) {
	start, stream := time.Now(), d.VariantName+"/"+s.opt.Instance
	// Whether the role may read the model is asked when it is deployed. An endpoint in
	// service is loaded again whatever became of its role.
	var err error
	if d.Artifact.Digest == "" {
		err = s.mayRead(ctx, d.Role, d.Artifact.location, l.arn)
	}
	var h *hold
	if err == nil {
		h, err = s.library.acquire(ctx, d.Artifact)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		text, passing := reason(d.Artifact.location, err)
		s.journal.printf(l.name, stream, "%s", text)
		s.opt.Log.Error("model could not be loaded", "endpoint", l.name, "variant", d.VariantName, "model_data", d.Artifact.location.String(), "error", err)
		text = "Production variant " + d.VariantName + ": " + text
		return nil, &loadError{text[:min(len(text), maxReason)], passing, err}
	}
	d.Artifact, d.Deployed = h.artifact, time.Now().UTC()
	v := &variant{
		name:   d.VariantName,
		stream: stream,
		model:  h.model,
		labels: len(h.model.Labels()),
		hold:   h,
		meter:  s.meters.of(l.name, d.VariantName),
	}
	if k := d.ServerlessConfig; k != nil {
		v.slots = make(chan struct{}, *k.MaxConcurrency)
	}
	what := fmt.Sprintf("%d labels", v.labels)
	if !h.model.Supervised() {
		what = "word vectors"
	}
	s.journal.printf(l.name, stream, "Loaded %s: %s, %d words, %d dimensions, %d bytes, in %.3f s.",
		d.Artifact.location, what, h.model.Words(), h.model.Args().Dim, h.artifact.ModelBytes, time.Since(start).Seconds())
	return v, nil
}
