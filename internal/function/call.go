package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// Answer is what came of a call.
type Answer struct {
	Payload []byte // JSON: the function's answer or, if it failed, errorMessage and errorType
	Failed  bool
	Log     string // what the run says of itself
}

// Call runs a function that is called by itself and not by a route, so that the
// event says what a route's configuration says: endpoint, k and answer. Without
// endpoint the only one in service is asked. request names the call in the log.
//
// An error means that the function didn't run.
func (s *Service) Call(ctx context.Context, function, request string, event []byte) (Answer, error) {
	if err := s.Callable(ctx, function, event); err != nil {
		return Answer{}, err
	}
	return s.run(ctx, function, request, event)
}

// Callable is Call without running the function.
func (s *Service) Callable(ctx context.Context, function string, event []byte) error {
	if err := s.authorize(ctx, actionInvoke, function); err != nil {
		return err
	}
	if len(event) > MaxPayload {
		return errs.New(errs.TooLarge, "RequestTooLargeException", "Request must be smaller than %d bytes for the InvokeFunction operation", MaxPayload)
	}
	if len(event) > 0 && !json.Valid(event) {
		return errs.New(errs.Invalid, "InvalidRequestContentException", "Could not parse request body into json: the payload is not JSON.")
	}
	return nil
}

var errTimedOut = errors.New("the function did not answer in time")

func (s *Service) run(ctx context.Context, function, request string, event []byte) (out Answer, err error) {
	select {
	case s.running <- struct{}{}:
		defer func() { <-s.running }()
	default:
		return out, errs.New(errs.Throttled, "TooManyRequestsException", "Rate Exceeded.")
	}
	if len(event) == 0 {
		event = []byte("{}")
	}
	began := time.Now()
	inner, cancel := context.WithTimeoutCause(ctx, Timeout, errTimedOut)
	defer cancel()
	out.Payload, err = s.safely(inner, function, event)
	if ctx.Err() != nil {
		return out, ctx.Err() // the client is gone
	}
	took := time.Since(began)
	if err == nil && len(out.Payload) > MaxPayload {
		err = errs.New(errs.TooLarge, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (%d bytes).", MaxPayload)
	}
	var log strings.Builder
	fmt.Fprintf(&log, "START RequestId: %s Version: $LATEST\n", request)
	if err != nil {
		s.log.ErrorContext(ctx, "function failed", "function", function, "request_id", request, "error", err)
		out.Failed, out.Payload = true, failure(inner, request, err)
		fmt.Fprintf(&log, "[ERROR] %s\n", out.Payload)
	}
	fmt.Fprintf(&log, "END RequestId: %s\nREPORT RequestId: %s\tDuration: %.2f ms\n", request, request, float64(took.Microseconds())/1000)
	out.Log = log.String()
	return out, nil
}

// safely is direct, where a function that panics is one that failed.
func (s *Service) safely(ctx context.Context, function string, event []byte) (payload []byte, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic in function %s: %v\n%s", function, fault, debug.Stack())
		}
	}()
	return s.direct(ctx, function, event)
}

// failure is the payload of a function that did not answer.
func failure(ctx context.Context, request string, err error) []byte {
	kind, message := errs.CodeOf(err), errs.MessageOf(err)
	if errors.Is(context.Cause(ctx), errTimedOut) {
		kind, message = "Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", request, Timeout.Seconds())
	} else if kind == "" {
		kind = "Runtime.Unknown"
	}
	return encode(struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}{message, kind})
}

// direct runs a function that finds its configuration in its event. What is wrong
// there is answered as what is wrong with the text is.
func (s *Service) direct(ctx context.Context, function string, data []byte) ([]byte, error) {
	return respond(data, func(event) ([]byte, error) {
		config, err := s.configOf(ctx, function, data)
		if err != nil {
			return nil, err
		}
		return s.Registry.Invoke(ctx, function, config, data)
	})
}

// configOf is the configuration that the event of a direct call has.
func (s *Service) configOf(ctx context.Context, function string, data []byte) (Config, error) {
	var in struct {
		Endpoint string `json:"endpoint"`
		K        int    `json:"k"`
		Answer   string `json:"answer"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return Config{}, errs.Wrap(err, errs.Invalid, "", `The event's members "endpoint" and "answer" are strings, and "k" is a whole number.`)
	}
	if in.Endpoint == "" && function != Triage {
		names, err := s.endpoints.InService(ctx, 4)
		switch {
		case err != nil:
			return Config{}, errs.Wrap(err, errs.Invalid, "", `The event names no endpoint, and which there are can't be told: %s Add a member "endpoint" to the event.`, errs.MessageOf(err))
		case len(names) == 0:
			return Config{}, errs.New(errs.Unavailable, "", "There is no endpoint in service that could be asked. Create one.")
		case len(names) > 1:
			return Config{}, errs.Invalidf(`The event names no endpoint, and there are several (%s). Add a member "endpoint" to the event.`, some(names, 3))
		}
		in.Endpoint = names[0]
	}
	return Config(in), nil
}

// some lists the first most names.
func some(names []string, most int) string {
	if len(names) > most {
		names = append(names[:most:most], "…")
	}
	return strings.Join(names, ", ")
}
