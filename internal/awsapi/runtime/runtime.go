// Package runtime speaks the SageMaker Runtime API, REST-JSON under /endpoints/,
// over the service that answers invocations.
//
// It guarantees that bodies over the limit are refused before they are read, that
// an option it does not offer is refused and never ignored, and that every answer
// names the variant that gave it.
package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/serving"
)

// MaxBody bounds a body, in bytes. Whatever reads one in front of the handler
// should answer longer ones with ErrTooLarge.
const MaxBody = serving.MaxBody

// ErrTooLarge is the runtime's error for a longer body.
func ErrTooLarge() error {
	return errs.New(errs.TooLarge, "ValidationError",
		"1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length less than or equal to %d", serving.MaxBody)
}

// Invoker answers invocations; *serving.Service is one.
type Invoker interface {
	Invoke(ctx context.Context, in serving.InvokeInput) (serving.InvokeOutput, error)
	InvokeAsync(ctx context.Context, in serving.InvokeAsyncInput) (serving.InvokeAsyncOutput, error)
}

// New returns the handler of POST /endpoints/{name}/invocations and of
// .../async-invocations. Requests come to it authenticated.
func New(to Invoker, opt wire.Options) http.Handler {
	log := opt.Logger
	if log == nil {
		log = slog.Default()
	}
	return &handler{to, log}
}

type handler struct {
	to  Invoker
	log *slog.Logger
}

// operations are what is offered, by the last part of the path.
var operations = map[string]string{"invocations": "InvokeEndpoint", "async-invocations": "InvokeEndpointAsync"}

// Operations lists what is offered, with the action of each.
func (h *handler) Operations() (all []iam.Declared) {
	for path, name := range operations {
		all = append(all, iam.Declared{Service: "sagemaker", Operation: name, Protocol: "rest-json", Method: http.MethodPost,
			Path: "/endpoints/{name}/" + path, Action: "sagemaker:" + name})
	}
	return all
}

const prefix = "X-Amzn-Sagemaker-"

// notOffered are headers that would change what is answered.
var notOffered = []struct{ header, why string }{
	{prefix + "Target-Model", "The endpoint serves one model per variant: multi-model endpoints are not offered. Name a variant with TargetVariant."},
	{prefix + "Target-Container-Hostname", "The endpoint has one container per variant: TargetContainerHostname cannot be chosen."},
	{prefix + "Inference-Component", "Inference components are not offered. Name a variant with TargetVariant."},
	{prefix + "Session-Id", "Stateful sessions are not offered."},
	{prefix + "Enable-Explanations", "Explanations are not offered: the endpoint has no ExplainerConfig."},
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, operation, err := endpointOf(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	wire.SetOperation(r.Context(), operation)
	if operation == "InvokeEndpointAsync" {
		h.invokeAsync(w, r, name)
		return
	}
	for _, n := range notOffered {
		if header(r, n.header) != "" {
			h.fail(w, r, invalid("%s", n.why))
			return
		}
	}
	body, err := readBody(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	out, err := h.to.Invoke(r.Context(), serving.InvokeInput{
		Endpoint:    name,
		Variant:     header(r, prefix+"Target-Variant"),
		ContentType: header(r, "Content-Type"),
		Accept:      header(r, "Accept"),
		Body:        body,

		InferenceID:      header(r, prefix+"Inference-Id"),
		CustomAttributes: header(r, prefix+"Custom-Attributes"),
	})
	if err != nil {
		h.fail(w, r, err)
		return
	}
	says, values := w.Header(), []string{out.ContentType, out.Variant}
	says["Content-Type"], says["X-Amzn-Invoked-Production-Variant"] = values[:1:1], values[1:]
	if len(out.Body) > countedByServer {
		says["Content-Length"] = []string{strconv.Itoa(len(out.Body))}
	}
	w.Write(out.Body)
}

// countedByServer is how long an answer may be of which net/http finds out the
// length by itself. With eight headers and no more, the map of them stays small.
const countedByServer = 2048

// header is r.Header.Get for a name that is in canonical form already.
func header(r *http.Request, name string) string {
	if values := r.Header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// invokeAsync is InvokeEndpointAsync: the body lies in an object already.
func (h *handler) invokeAsync(w http.ResponseWriter, r *http.Request, name string) {
	in := serving.InvokeAsyncInput{
		Endpoint:         name,
		InputLocation:    r.Header.Get(prefix + "Inputlocation"),
		ContentType:      r.Header.Get(prefix + "Content-Type"),
		Accept:           r.Header.Get(prefix + "Accept"),
		CustomAttributes: r.Header.Get(prefix + "Custom-Attributes"),
		InferenceID:      r.Header.Get(prefix + "Inference-Id"),
		OutputExtension:  r.Header.Get(prefix + "S3outputpathextension"),
		Filename:         r.Header.Get(prefix + "Filename"),
	}
	var err error
	if in.TTL, err = number(r, "Requestttlseconds"); err == nil {
		in.Timeout, err = number(r, "Invocationtimeoutseconds")
	}
	var out serving.InvokeAsyncOutput
	if err == nil {
		out, err = h.to.InvokeAsync(r.Context(), in)
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	body, err := json.Marshal(struct{ InferenceId string }{out.InferenceID})
	if err != nil {
		h.fail(w, r, err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set(prefix+"Outputlocation", out.OutputLocation)
	if out.FailureLocation != "" {
		header.Set(prefix+"Failurelocation", out.FailureLocation)
	}
	w.WriteHeader(http.StatusAccepted)
	w.Write(body)
}

// number reads a header, nil if it is not there.
func number(r *http.Request, name string) (*int, error) {
	text := r.Header.Get(prefix + name)
	if text == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, invalid("The header %s%s must be a number of seconds.", prefix, name)
	}
	return &n, nil
}

// endpointOf reads the endpoint's name from the path, and the operation, if it
// is offered.
func endpointOf(r *http.Request) (name, operation string, err error) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/endpoints/")
	name, last, _ := strings.Cut(rest, "/")
	operation, known := operations[last]
	switch {
	case !ok:
	case known && r.Method == http.MethodPost:
		return name, operation, nil
	case known:
		return "", "", errs.New(errs.Unsupported, "UnknownOperationException", "Endpoints are invoked with POST.")
	case last == "invocations-response-stream", last == "invocations-bidirectional-stream":
		return "", "", invalid("Streamed answers are not offered: the model of endpoint %q answers at once. Use InvokeEndpoint.", name)
	}
	return "", "", errs.New(errs.Unsupported, "UnknownOperationException", "There is no such operation. Endpoints are invoked with POST /endpoints/{name}/invocations.")
}

func readBody(r *http.Request) ([]byte, error) {
	if read, ok := r.Body.(*iam.Body); ok && len(read.Whole()) <= serving.MaxBody {
		return read.Whole(), nil
	}
	if r.ContentLength > serving.MaxBody {
		return nil, ErrTooLarge()
	}
	if r.ContentLength < 0 {
		body, err := io.ReadAll(io.LimitReader(r.Body, serving.MaxBody+1))
		if len(body) > serving.MaxBody {
			return nil, ErrTooLarge()
		}
		return body, broken(err)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, broken(err)
}

// broken words an unfinished body; errors of those in front stay as they are.
func broken(err error) error {
	if _, ok := errors.AsType[*errs.Error](err); ok || err == nil {
		return err
	}
	return errs.Wrap(err, errs.Invalid, "ValidationError", "The request body ended before it was complete.")
}

func invalid(format string, args ...any) error {
	return errs.New(errs.Invalid, "ValidationError", format, args...)
}

// modelErrorBody is what clients of the runtime read of a refusal by the model.
type modelErrorBody struct {
	ErrorCode          string
	LogStreamArn       string
	Message            string
	OriginalMessage    string
	OriginalStatusCode int
}

type errorBody struct{ Message string }

func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := errors.AsType[*serving.ModelError](err); ok {
		wire.WriteRESTJSONError(w, r, "ModelError", http.StatusFailedDependency, modelErrorBody{
			ErrorCode:          e.ErrorCode,
			LogStreamArn:       e.LogStreamArn,
			Message:            e.Fault.Message,
			OriginalMessage:    e.OriginalMessage,
			OriginalStatusCode: e.OriginalStatusCode,
		})
		return
	}
	code, status := wire.DefaultCode(errs.KindOf(err))
	switch errs.KindOf(err) {
	case errs.Invalid:
		code = "ValidationError"
	case errs.Unauthenticated, errs.Denied:
		status = http.StatusForbidden
	case errs.Throttled:
		status = http.StatusTooManyRequests
	case errs.Internal:
		if r.Context().Err() != nil { // the client is gone; nobody reads this
			code, status = "ServiceUnavailable", http.StatusServiceUnavailable
			break
		}
		h.log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "request_id", wire.RequestID(r.Context()), "error", err)
	}
	if c := errs.CodeOf(err); c != "" {
		code = c
	}
	if code == "ModelNotReadyException" {
		status = http.StatusTooManyRequests
	}
	wire.WriteRESTJSONError(w, r, code, status, errorBody{errs.MessageOf(err)})
}
