// Package lambda speaks AWS Lambda's API, REST-JSON under /2015-03-31/functions/,
// for the functions that are built in: it lists them, invokes them, and gives
// and takes away permissions to.
//
// It guarantees that a body over the limit is refused before it is read, and
// that an option it does not offer is refused and never ignored. Whether a
// caller may do what it asks, the service decides.
package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/function"
	"github.com/heliograph/heliograph/internal/iam"
)

// MaxBody bounds a body, in bytes. Whatever reads one in front of the handler
// should answer longer ones with ErrTooLarge.
const MaxBody = function.MaxPayload

// Prefix is what the paths of all operations begin with.
const Prefix = "/2015-03-31/functions"

// ErrTooLarge is Lambda's error for a longer body.
func ErrTooLarge() error {
	return errs.New(errs.TooLarge, "RequestTooLargeException", "Request must be smaller than %d bytes for the InvokeFunction operation", MaxBody)
}

// Functions is the service of functions; *function.Service is one.
type Functions interface {
	ARN(function string) string
	Names() []string
	List(ctx context.Context) ([]function.Description, error)
	Get(ctx context.Context, action, name string) (function.Description, error)

	Callable(ctx context.Context, name string, event []byte) error
	Call(ctx context.Context, name, request string, event []byte) (function.Answer, error)
	Enqueue(ctx context.Context, name, request string, event []byte) error

	Policy(ctx context.Context, name string) (document, revision string, err error)
	AddPermission(ctx context.Context, name string, p function.Permission, revision string) (string, error)
	RemovePermission(ctx context.Context, name, id, revision string) error
}

// New returns the handler of everything that is signed for Lambda. Requests come
// to it authenticated.
func New(to Functions, opt wire.Options) http.Handler {
	log := opt.Logger
	if log == nil {
		log = slog.Default()
	}
	return &handler{to, log}
}

type handler struct {
	to  Functions
	log *slog.Logger
}

// operation is what a method and a path stand for.
type operation struct {
	name, method, path, action string
	do                         func(*call) error
}

// operations are what is offered. In paths {name} is a function and {id} a
// statement of its policy.
var operations = []operation{
	{"ListFunctions", http.MethodGet, "/", "", (*call).list},
	{"GetFunction", http.MethodGet, "/{name}", "", (*call).get},
	{"GetFunctionConfiguration", http.MethodGet, "/{name}/configuration", "", (*call).getConfiguration},
	{"Invoke", http.MethodPost, "/{name}/invocations", "lambda:InvokeFunction", (*call).invoke},
	{"AddPermission", http.MethodPost, "/{name}/policy", "", (*call).addPermission},
	{"GetPolicy", http.MethodGet, "/{name}/policy", "", (*call).getPolicy},
	{"RemovePermission", http.MethodDelete, "/{name}/policy/{id}", "", (*call).removePermission},
}

// Operations lists what is offered, with the action of each.
func (h *handler) Operations() (all []iam.Declared) {
	for _, op := range operations {
		action := op.action
		if action == "" {
			action = "lambda:" + op.name
		}
		all = append(all, iam.Declared{Service: "lambda", Operation: op.name, Protocol: "rest-json", Method: op.method, Path: Prefix + op.path, Action: action})
	}
	return all
}

// call is one request on its way through an operation.
type call struct {
	*handler
	w        http.ResponseWriter
	r        *http.Request
	given    string // the function as it was named
	function string // its name
	id       string // of a statement
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{handler: h, w: w, r: r}
	if err := c.serve(); err != nil {
		c.fail(err)
	}
}

func (c *call) serve() error {
	op := c.route()
	if op == nil {
		return errs.New(errs.Unsupported, "UnknownOperationException",
			"%.20s %.200s is no operation that this server offers. Its functions are built in and can't be created, changed or deleted: %s. "+
				"There are ListFunctions, GetFunction, GetFunctionConfiguration, Invoke, AddPermission, GetPolicy and RemovePermission.",
			c.r.Method, strings.ToValidUTF8(c.r.URL.Path, "?"), strings.Join(c.to.Names(), ", "))
	}
	wire.SetOperation(c.r.Context(), op.name)
	if op.path == "/" {
		return op.do(c)
	}
	target, err := parseName(c.given)
	if err != nil {
		return err
	}
	if c.function, err = target.in(c.to.ARN("")); err != nil {
		return err
	}
	qualifier := c.r.URL.Query().Get("Qualifier")
	if target.qualifier != "" && qualifier != "" && target.qualifier != qualifier {
		return parameter("The derived qualifier from the function name does not match the specified qualifier.")
	}
	if target.qualifier != "" {
		qualifier = target.qualifier
	}
	if qualifier != "" && qualifier != "$LATEST" {
		c.function += ":" + qualifier // there is no such function, which is for those to know who may ask
	}
	return op.do(c)
}

// route finds the operation of the request, and what its path names; nil if
// there is none.
func (c *call) route() *operation {
	rest, ok := strings.CutPrefix(c.r.URL.Path, Prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return nil
	}
	shape := "/"
	if parts := strings.Split(strings.Trim(rest, "/"), "/"); parts[0] != "" {
		c.given, shape = parts[0], "/{name}"
		if len(parts) > 1 {
			shape += "/" + parts[1]
		}
		if len(parts) > 2 {
			c.id, shape = parts[2], shape+"/{id}"
		}
		if len(parts) > 3 {
			return nil
		}
	}
	for i := range operations {
		if op := &operations[i]; op.method == c.r.Method && op.path == shape {
			return op
		}
	}
	return nil
}

// body reads the whole body; errors of those in front stay as they are.
func (c *call) body() ([]byte, error) {
	if c.r.ContentLength > MaxBody {
		return nil, ErrTooLarge()
	}
	body, err := io.ReadAll(io.LimitReader(c.r.Body, MaxBody+1))
	switch _, known := errors.AsType[*errs.Error](err); {
	case err != nil && !known:
		return nil, errs.Wrap(err, errs.Invalid, "InvalidRequestContentException", "The request body ended before it was complete.")
	case err != nil:
		return nil, err
	case len(body) > MaxBody:
		return nil, ErrTooLarge()
	}
	return body, nil
}

func (c *call) answer(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the client may be gone
	return nil
}

func parameter(format string, args ...any) error {
	return errs.New(errs.Invalid, "InvalidParameterValueException", format, args...)
}

// statuses are those of errors by their kind.
var statuses = map[errs.Kind]int{
	errs.Invalid: http.StatusBadRequest, errs.NotFound: http.StatusNotFound, errs.Conflict: http.StatusConflict,
	errs.Precondition: http.StatusPreconditionFailed, errs.TooLarge: http.StatusRequestEntityTooLarge, errs.Throttled: http.StatusTooManyRequests,
	errs.Denied: http.StatusForbidden, errs.Unauthenticated: http.StatusForbidden, errs.Unsupported: http.StatusNotFound,
	errs.Unavailable: http.StatusServiceUnavailable,
}

func (c *call) fail(err error) {
	status, code, who := statuses[errs.KindOf(err)], errs.CodeOf(err), "User"
	if code == "" {
		code, _ = wire.DefaultCode(errs.KindOf(err))
	}
	if status == 0 {
		status = http.StatusInternalServerError
		if c.r.Context().Err() != nil { // the client is gone; nobody reads this
			status = http.StatusServiceUnavailable
		} else {
			c.log.ErrorContext(c.r.Context(), "request failed", "path", c.r.URL.Path, "request_id", wire.RequestID(c.r.Context()), "error", err)
		}
	}
	if status >= 500 {
		code, who = "ServiceException", "Service"
	}
	message := errs.MessageOf(err)
	wire.WriteRESTJSONError(c.w, c.r, code, status, struct {
		Type    string
		Message string
		Again   string `json:"message"` // as some errors' member is called
	}{who, message, message})
}
