package serving

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// InvokeInput is a request to an endpoint.
type InvokeInput struct {
	Endpoint    string
	Variant     string // the variant that must answer; "" leaves it to the weights
	ContentType string // of Body: application/json or application/jsonlines
	Accept      string // ignored: an answer has the type of its request
	Body        []byte // not kept, not changed

	InferenceID      string // the caller's, for data capture
	CustomAttributes string // likewise

	firstLine int // the number of Body's first line, if it is a part of a longer one; 0 means 1
	maxAnswer int // bytes; 0 means Options.MaxResponseBytes
}

// InvokeOutput is an endpoint's answer.
type InvokeOutput struct {
	ContentType string
	Variant     string // which answered
	Body        []byte // the caller's
}

const (
	restoreWait = 5 * time.Second // for an endpoint that is being loaded again
	checkEvery  = 32              // instances between two looks at the clock
)

// Invoke answers a request with an endpoint's model. Its errors have the codes
// of the SageMaker runtime: ValidationError (no such endpoint or variant, or not
// in service), ModelNotReadyException, ThrottlingException (a serverless
// variant's limit), ServiceUnavailable (too many requests at once); a request
// that the model itself refuses is a *ModelError.
func (s *Service) Invoke(ctx context.Context, in InvokeInput) (InvokeOutput, error) {
	l := s.table.lookup(in.Endpoint)
	if l == nil {
		return InvokeOutput{}, s.absent(ctx, "sagemaker:InvokeEndpoint", in.Endpoint)
	}
	if err := s.opt.Auth.Authorize(ctx, "sagemaker:InvokeEndpoint", l.arn); err != nil {
		return InvokeOutput{}, err
	}
	variants, v, err := s.variantFor(ctx, l, in.Variant)
	if err != nil {
		return InvokeOutput{}, err
	}
	if variants.async != nil {
		return InvokeOutput{}, invalid("Endpoint %s is for asynchronous inference. Use InvokeEndpointAsync.", l.name)
	}
	if len(in.Body) > MaxBody {
		return InvokeOutput{}, invalid("The body has %d bytes; at most %d are allowed.", len(in.Body), MaxBody)
	}
	start := time.Now()
	variants.shadow(s, l, in, start)
	v.meter.counted.underWay.Add(1)
	body, begun, err := s.invoke(ctx, l, v, in, start, start.Add(s.opt.Timeout))
	v.meter.counted.underWay.Add(-1)
	v.meter.observe(err, start, begun)
	if err != nil {
		return InvokeOutput{}, err
	}
	variants.capture.take(s.recorder, v.name, in, in.ContentType, body)
	return InvokeOutput{ContentType: in.ContentType, Variant: v.name, Body: body}, nil
}

// variantFor chooses who answers a request.
func (s *Service) variantFor(ctx context.Context, l *live, target string) (variants *variantSet, v *variant, err error) {
	st := l.state.Load()
	if variants = st.choose(); variants == nil {
		if st, err = s.awaitVariants(ctx, l); err != nil {
			return nil, nil, err
		}
		variants = st.choose()
	}
	if v = variants.pick(target); v == nil && st.next != nil {
		for _, variants = range []*variantSet{st.variants, st.next} { // an update renames variants
			if variants != nil && v == nil {
				v = variants.pick(target)
			}
		}
	}
	if v == nil {
		return nil, nil, invalid("Endpoint %s has no variant called %s; it has: %s.", l.name, clip(target), variants.names())
	}
	return variants, v, nil
}

// invoke computes the answer to a request that came at start, when its turn has
// come, and tells when it had; the zero time if it never did.
func (s *Service) invoke(ctx context.Context, l *live, v *variant, in InvokeInput, start, deadline time.Time) (body []byte, begun time.Time, err error) {
	if v.slots != nil {
		select {
		case v.slots <- struct{}{}:
			defer func() { <-v.slots }()
		default:
			return nil, begun, errs.New(errs.Throttled, "ThrottlingException",
				"Rate exceeded: variant %s of endpoint %s answers at most %d requests at once (MaxConcurrency).", v.name, l.name, cap(v.slots))
		}
	}
	select {
	case s.slots <- struct{}{}:
		begun = start
	default:
		if err := s.awaitTurn(ctx); err != nil {
			return nil, begun, err
		}
		begun = time.Now()
	}
	defer func() { <-s.slots }()
	defer func() {
		if p := recover(); p != nil {
			s.opt.Log.Error("panic while predicting", "endpoint", l.name, "variant", v.name, "panic", p, "stack", string(debug.Stack()))
			body, err = nil, errs.New(errs.Internal, "InternalFailure", "The model could not be run; the server's log has the cause.")
		}
	}()
	body, err = s.predict(ctx, v, in, deadline)
	if refusal, ok := err.(*refusal); ok {
		return nil, begun, s.modelError(l, v, refusal)
	}
	return body, begun, err
}

// awaitTurn waits for one of the slots; their number keeps memory and latency
// bounded when more requests come than can be answered.
func (s *Service) awaitTurn(ctx context.Context) error {
	if s.waiting.Add(1) > int64(s.opt.Queue) {
		s.waiting.Add(-1)
		return errs.New(errs.Unavailable, "ServiceUnavailable", "The server has too many requests waiting; try again.")
	}
	defer s.waiting.Add(-1)
	timer := time.NewTimer(s.opt.Timeout)
	defer timer.Stop()
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return errs.New(errs.Unavailable, "ServiceUnavailable", "The server was too busy to answer in %v; try again.", s.opt.Timeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitVariants waits a little if the endpoint was in service before the server
// started again, and says why it cannot answer else.
func (s *Service) awaitVariants(ctx context.Context, l *live) (*state, error) {
	if st := l.state.Load(); answering(st.status) && st.choose() == nil {
		timer := time.NewTimer(restoreWait)
		defer timer.Stop()
		select {
		case <-l.loaded:
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch st := l.state.Load(); {
	case st.choose() != nil:
		return st, nil
	case answering(st.status):
		return nil, errs.New(errs.Unavailable, "ModelNotReadyException", "The model of endpoint %s is being loaded; try again.", l.name)
	default:
		return nil, invalid("Endpoint %s of account %s is not in service: its status is %s.", l.name, s.opt.Account, st.status)
	}
}

// absent is the answer for an endpoint that is not known.
func (s *Service) absent(ctx context.Context, action, name string) error {
	if err := s.opt.Auth.Authorize(ctx, action, s.arn("endpoint", name)); err != nil {
		return err
	}
	var c constraints
	c.match(name, "endpointName", namePattern)
	if err := c.Err(); err != nil {
		return errs.New(errs.Invalid, "ValidationError", "%s", errs.MessageOf(err))
	}
	if !s.Ready() { // it may be on record, and just not read from there yet
		return errs.New(errs.Unavailable, "ModelNotReadyException", "The server is starting; try again.")
	}
	return errs.New(errs.NotFound, "ValidationError", "Endpoint %s of account %s not found.", name, s.opt.Account)
}

// invalid is a request's own fault, in the runtime's code for it.
func invalid(format string, args ...any) error {
	return errs.New(errs.Invalid, "ValidationError", format, args...)
}

func clip(text string) string {
	if len(text) > 100 {
		text = text[:100] + "..."
	}
	return strings.ToValidUTF8(text, "?")
}

// A ModelError is a request that reached the model and was refused there. Its
// errs kind is Invalid and its code ModelError.
type ModelError struct {
	Fault              *errs.Error
	OriginalStatusCode int    // 400, 413, 415 or 500, what the model's own server would have answered; 0: it took too long
	OriginalMessage    string // in its words
	LogStreamArn       string
	ErrorCode          string // CLIENT_ERROR_FROM_MODEL or INTERNAL_FAILURE_FROM_MODEL
}

func (e *ModelError) Error() string { return e.Fault.Message }

// Unwrap lets errs see kind, code and message.
func (e *ModelError) Unwrap() error { return e.Fault }

// A refusal is what the model's own server would answer to a request.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// modelError words a refusal as the SageMaker runtime passes it on.
func (s *Service) modelError(l *live, v *variant, r *refusal) error {
	if l.errors.Allow() {
		more := ""
		if n := l.unlogged.Swap(0); n > 0 {
			more = fmt.Sprintf(" (%d others before it were not logged)", n)
		}
		s.journal.printf(l.name, v.stream, "Refused a request (%d): %s%s", r.status, r.message, more)
	} else {
		l.unlogged.Add(1)
	}
	kind, code := "client error", "CLIENT_ERROR_FROM_MODEL"
	if r.status >= 500 || r.status == 0 {
		kind, code = "server error", "INTERNAL_FAILURE_FROM_MODEL"
	}
	region, group := s.opt.Region, logGroup(l.name)
	return &ModelError{
		Fault: errs.New(errs.Invalid, "ModelError",
			"Received %s (%d) from primary with message \"%s\". See https://%s.console.aws.amazon.com/cloudwatch/home?region=%s#logEventViewer:group=%s in account %s for more information.",
			kind, r.status, r.message, region, region, group, s.opt.Account),
		OriginalStatusCode: r.status,
		OriginalMessage:    r.message,
		LogStreamArn:       "arn:aws:logs:" + region + ":" + s.opt.Account + ":log-group:" + group,
		ErrorCode:          code,
	}
}
