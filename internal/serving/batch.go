package serving

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// BatchModel is a model in memory for work on whole files, apart from any
// endpoint. It shares the memory with the endpoints of the same artifact.
type BatchModel struct {
	variant *variant
	hold    *hold
}

// BatchInput is a part of a file.
type BatchInput struct {
	ContentType string // application/json, application/jsonlines, or text/plain with a text on each line
	Body        []byte // not kept, not changed
	FirstLine   int    // of Body in its file, from 1, for messages
	MaxAnswer   int    // bytes
	Timeout     time.Duration
}

// BatchSource returns the address of the artifact of the model of that name,
// and the role that may read it. It asks nobody: that is for the caller.
func (s *Service) BatchSource(ctx context.Context, name string) (address, role string, err error) {
	r, err := s.models.Get(ctx, name)
	if err != nil {
		return "", "", s.missing(err, "model", "model", name)
	}
	return r.Doc.container().location().String(), s.role(r.Doc.ExecutionRoleArn), nil
}

// OpenBatch loads the model in the artifact at an address that BatchSource gave.
// Failures that may pass are tried again a few times. The caller closes it.
func (s *Service) OpenBatch(ctx context.Context, address string) (*BatchModel, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(address, "s3://"), "/")
	at := location{bucket, key}
	// Until then the folder of unpacked models is swept.
	if err := s.WaitReady(ctx); err != nil {
		return nil, err
	}
	for attempt, pause := 1, retryPause; ; attempt, pause = attempt+1, 2*pause {
		h, err := s.library.acquire(ctx, artifact{location: at})
		if err == nil {
			return &BatchModel{&variant{model: h.model, labels: len(h.model.Labels())}, h}, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		text, passing := reason(at, err)
		if !passing {
			return nil, errs.Wrap(err, errs.Invalid, "", "%s", text)
		}
		if attempt == maxAttempts {
			return nil, errs.Wrap(err, errs.Unavailable, "", "%s", text)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Close lets go of the model.
func (m *BatchModel) Close() { m.hold.release() }

// Predict answers as an endpoint would, and a text/plain body as the JSON Lines
// of its texts. What the model refuses is a *ModelError with its status and message;
// status 413 means that the answer would be longer than MaxAnswer.
func (m *BatchModel) Predict(ctx context.Context, in BatchInput) (body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			body, err = nil, fmt.Errorf("panic while predicting: %v\n%s", p, debug.Stack())
		}
	}()
	req := requests.Get().(*request)
	defer req.recycle()
	req.first = in.FirstLine
	if strings.EqualFold(mediaType(in.ContentType), "text/plain") {
		err = req.readText(string(in.Body))
	} else {
		err = req.read(in.ContentType, string(in.Body))
	}
	if err == nil {
		body, err = m.variant.answer(ctx, req, in.MaxAnswer, time.Now().Add(in.Timeout))
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return nil, &ModelError{Fault: errs.New(errs.Invalid, "ModelError", "%s", r.message), OriginalStatusCode: r.status, OriginalMessage: r.message}
	}
	return body, err
}

// readText takes each line for a text.
func (r *request) readText(body string) error {
	r.lines, r.k = true, 1
	if err := checkUTF8(body); err != nil {
		return err
	}
	for body != "" {
		line, rest, _ := strings.Cut(body, "\n")
		r.texts, r.ks, body = append(r.texts, strings.TrimSuffix(line, "\r")), append(r.ks, 1), rest
	}
	return nil
}
