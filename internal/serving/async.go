package serving

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
)

// asyncDoc is what the record of an asynchronous request holds. The record goes
// when answer or failure has been put.
type asyncDoc struct {
	Endpoint         string
	Created          time.Time // of the endpoint: another of the same name is not asked
	Input            location
	ContentType      string `json:",omitempty"`
	CustomAttributes string `json:",omitempty"`
	InferenceID      string `json:",omitempty"`
	Output           location
	Failure          *location `json:",omitempty"`
	Role             string    `json:",omitempty"`
	Expires          time.Time
	Timeout          int // seconds
}

// InvokeAsync records a request whose answer is put where the output says. It is
// answered although the server is killed meanwhile. The errors are those of Invoke.
func (s *Service) InvokeAsync(ctx context.Context, in InvokeAsyncInput) (out InvokeAsyncOutput, err error) {
	l := s.table.lookup(in.Endpoint)
	if l == nil {
		return out, s.absent(ctx, "sagemaker:InvokeEndpointAsync", in.Endpoint)
	}
	if err := s.opt.Auth.Authorize(ctx, "sagemaker:InvokeEndpointAsync", l.arn); err != nil {
		return out, err
	}
	if err := in.check(); err != nil {
		return out, err
	}
	variants, _, err := s.variantFor(ctx, l, "")
	if err != nil {
		return out, err
	}
	if variants.async == nil {
		return out, invalid("Endpoint %s is not for asynchronous inference: its config has no AsyncInferenceConfig. Use InvokeEndpoint.", l.name)
	}
	id := newID()
	doc := asyncDoc{
		Endpoint: l.name, Created: l.created, Input: locationOf(in.InputLocation), ContentType: in.ContentType,
		CustomAttributes: in.CustomAttributes, InferenceID: in.InferenceID, Role: variants.role,
		Expires: time.Now().UTC().Add(seconds(in.TTL, defaultTTL*time.Second)),
		Timeout: int(seconds(in.Timeout, defaultTimeout*time.Second) / time.Second),
	}
	if doc.InferenceID == "" {
		doc.InferenceID = newID()
	}
	doc.Output, doc.Failure = variants.async.places(&in, id)
	if _, err := s.requests.Create(ctx, store.Record[asyncDoc]{Name: id, Status: "Pending", Doc: doc}); err != nil {
		return out, err
	}
	s.backlog.add(l, waiting{id, doc.Expires, time.Now()})
	out = InvokeAsyncOutput{InferenceID: doc.InferenceID, OutputLocation: doc.Output.String()}
	if doc.Failure != nil {
		out.FailureLocation = doc.Failure.String()
	}
	return out, nil
}

// answerAsync answers a request, or puts the reason why it can't be answered. If
// that could not be done now, it returns after which time to try again.
func (s *Service) answerAsync(ctx context.Context, l *live, id string) (again time.Duration) {
	r, err := s.requests.Get(ctx, id)
	if errs.Is(err, errs.NotFound) {
		return 0 // the endpoint was deleted
	} else if err != nil {
		return asyncRetry
	}
	doc, begun := &r.Doc, time.Now()
	acting, put := s.opt.Roles.Assume(ctx, s.role(doc.Role), l.arn)
	result := "expired"
	if put != nil {
		// There is nobody who could put an answer.
	} else if ctx = acting; time.Now().After(doc.Expires) {
		put = s.putFailure(ctx, doc, "The request waited for longer than its RequestTTLSeconds and was not answered.")
	} else {
		var answering error
		answering, put = s.tryAsync(ctx, l, doc)
		result = "ok"
		if answering != nil && put == nil {
			result = "failed"
			put = s.putFailure(ctx, doc, errs.MessageOf(answering))
		}
	}
	if put != nil {
		if ctx.Err() != nil {
			return asyncRetry
		}
		s.opt.Log.Error("the outcome of an asynchronous request could not be put", "endpoint", l.name, "request", id, "error", put)
		if kind := errs.KindOf(put); (kind == errs.Internal || kind == errs.Unavailable) && time.Now().Before(doc.Expires) {
			return asyncRetry
		}
		result = "failed" // for good: the bucket is gone, or the role may not write there
		s.journal.printf(l.name, "async", "The outcome of request %s (%s) could not be put: %s", id, doc.InferenceID, errs.MessageOf(put))
	}
	if !s.forgetRequest(ctx, id) {
		return asyncRetry
	}
	s.meters.async.Inc(l.name, result)
	s.meters.ledger.asyncDone(l.name, result, begun.Sub(r.Created), time.Since(r.Created))
	return 0
}

// asyncRetry is the pause before a request is tried again whose outcome could not be put.
const asyncRetry = 5 * time.Second

func (s *Service) forgetRequest(ctx context.Context, id string) bool {
	_, err := s.requests.Delete(ctx, id, nil)
	if err != nil && !errs.Is(err, errs.NotFound) {
		if ctx.Err() == nil {
			s.opt.Log.Error("the record of an asynchronous request could not be removed", "request", id, "error", err)
		}
		return false
	}
	return true
}

func (s *Service) putFailure(ctx context.Context, doc *asyncDoc, text string) error {
	if doc.Failure == nil {
		return nil
	}
	return s.put(ctx, *doc.Failure, strings.NewReader(text), doc, "text/plain")
}

func (s *Service) put(ctx context.Context, at location, r io.Reader, doc *asyncDoc, contentType string) error {
	if err := s.opt.Auth.Authorize(ctx, "s3:PutObject", objectARN(at.Bucket, at.Key)); err != nil {
		return err
	}
	opt := blob.PutOptions{ContentType: contentType, Metadata: map[string]string{"inference-id": doc.InferenceID}}
	if doc.CustomAttributes != "" {
		opt.Metadata["custom-attributes"] = doc.CustomAttributes
	}
	_, err := s.opt.Objects.Put(ctx, at.Bucket, at.Key, r, opt)
	return err
}

// tryAsync runs the model over the input and puts the answer. It tells what is the
// request's fault, or the model's, from what keeps the answer from being put.
func (s *Service) tryAsync(ctx context.Context, l *live, doc *asyncDoc) (answering, put error) {
	_, v, err := s.variantFor(ctx, l, "")
	if err != nil {
		if ctx.Err() != nil || errs.Is(err, errs.Unavailable) {
			return nil, errs.Wrap(err, errs.Unavailable, "", "%s", errs.MessageOf(err))
		}
		return err, nil
	}
	start := time.Now()
	defer func() {
		if put == nil {
			v.meter.observe(answering, start, start) // answering is reading and putting, too
		}
	}()
	if err := s.opt.Auth.Authorize(ctx, "s3:GetObject", objectARN(doc.Input.Bucket, doc.Input.Key)); err != nil {
		return err, nil
	}
	object, err := s.opt.Objects.Open(ctx, doc.Input.Bucket, doc.Input.Key)
	switch {
	case errs.Is(err, errs.NotFound), errs.Is(err, errs.Invalid):
		return errs.Wrap(err, errs.Invalid, "ValidationError", "Could not download the input from %s: there is no such object.", doc.Input), nil
	case err != nil:
		return nil, err
	}
	defer object.Close()
	contentType := doc.ContentType
	if contentType == "" {
		contentType = object.Info().ContentType
	}
	running, cancel := context.WithTimeout(ctx, time.Duration(doc.Timeout)*time.Second)
	defer cancel()
	answer, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := s.answerStream(running, l, v, contentType, object, out)
		out.CloseWithError(err)
		done <- err
	}()
	put = s.put(ctx, doc.Output, answer, doc, contentType)
	answer.CloseWithError(errors.Join(errUnread, put)) // ends the answering if the put gave up
	if answering = <-done; answering != nil && !errors.Is(answering, errUnread) {
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errs.Is(answering, errs.Unavailable): // too many requests at once
			return nil, answering
		case running.Err() != nil:
			answering = s.modelError(l, v, &refusal{0, timedOut})
		}
		return answering, nil
	}
	return nil, put
}

var errUnread = errors.New("nobody reads the answer any more")
