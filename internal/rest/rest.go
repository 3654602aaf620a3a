// Package rest is the native REST API under /api/v1, for what AWS has no API of
// ours for: routes, and facts of the server.
//
// Operations are declared once, with their types, and the OpenAPI document and
// the documentation are made of the declaration. Members that an operation
// doesn't know are rejected. Errors are problem documents (RFC 9457). The package
// authorises through the services it calls and expects that somebody before it
// has authenticated the request.
package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/route"
)

// Prefix is the path that every operation is under. The documentation and the
// OpenAPI document, which anybody may read, are beside it, at DocsPath and
// OpenAPIPath.
const (
	Prefix      = "/api/v1"
	DocsPath    = "/api/docs"
	OpenAPIPath = "/api/openapi.json"
)

// Authorizer decides whether ctx's principal may do action on resource.
type Authorizer interface {
	Authorize(ctx context.Context, action, resource string) error
}

// Routes is the service that keeps routes.
type Routes interface {
	Put(ctx context.Context, r route.Route) (route.Route, error)
	Get(ctx context.Context, path string) (route.Route, error)
	List(ctx context.Context) ([]route.Route, error)
	Delete(ctx context.Context, path string) (route.Route, error)
}

// Info is what the server says of itself.
type Info struct {
	Version   string    `json:"version" doc:"Version of the server"`
	Region    string    `json:"region" doc:"AWS region that it answers as"`
	Account   string    `json:"account" doc:"AWS account that it answers as, 12 digits"`
	Listeners Listeners `json:"listeners"`
}

// Listeners are the addresses that the server listens at.
type Listeners struct {
	Public  string `json:"public" doc:"Base URL of routes and sites" example:"http://127.0.0.1:8080"`
	Control string `json:"control" doc:"Base URL of the AWS and REST APIs" example:"http://127.0.0.1:9000"`
}

// Options is what the API needs.
type Options struct {
	Routes     Routes
	Authorizer Authorizer
	Info       func() Info                            // asked for each answer, since listeners may be bound late
	RequestID  func(ctx context.Context) string       // names the request in the log; may be nil
	SetError   func(ctx context.Context, code string) // names the error for the audit trail; may be nil
	Audit      Audit                                  // nil: there is no audit trail
	Keyring    Keyring                                // nil: there is none
	Logger     *slog.Logger
}

// api is the operations with what they call.
type api struct{ Options }

// New returns the handler of everything under /api/.
func New(opt Options) http.Handler {
	mux := http.NewServeMux()
	a := &api{opt}
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			Info: &huma.Info{
				Title:       "Heliograph REST API",
				Version:     opt.Info().Version,
				Description: "What the AWS-compatible APIs have no place for. Requests are signed with AWS Signature Version 4 for the service name heliograph.",
			},
			Components: &huma.Components{SecuritySchemes: map[string]*huma.SecurityScheme{
				"sigv4": {Type: "apiKey", In: "header", Name: "Authorization", Description: "AWS Signature Version 4, service name heliograph"},
			}},
			Security: []map[string][]string{{"sigv4": {}}},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
	h := humago.New(mux, config)
	a.routes(h)
	a.info(h)
	a.audit(h)
	a.keyring(h)
	spec, err := json.MarshalIndent(h.OpenAPI(), "", "  ")
	if err != nil {
		panic(fmt.Sprintf("rest: encode the OpenAPI document: %v", err)) // of our own declarations: a test would show it
	}
	docs := document(h.OpenAPI())
	mux.HandleFunc("GET "+OpenAPIPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(spec)
	})
	mux.HandleFunc("GET "+DocsPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		_, _ = w.Write(docs)
	})
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, problem(errs.New(errs.NotFound, "UnknownOperation",
			"There is no operation %s %.200s. The operations are listed at %s.", r.Method, r.URL.Path, DocsPath)))
	})
	return &handler{a.guard(mux), h.OpenAPI()}
}

// handler is the API with what it declares.
type handler struct {
	http.Handler
	spec *huma.OpenAPI
}

// actionExtension is where the OpenAPI document has an operation's permission.
const actionExtension = "x-iam-action"

// also declares the actions that an operation asks for besides its own.
func also(actions ...string) map[string]any { return map[string]any{alsoExtension: actions} }

const alsoExtension = "x-iam-also"

// Operations lists what is offered, with the action of each.
func (h *handler) Operations() []iam.Declared {
	all := []iam.Declared{
		{Service: "heliograph", Operation: "Docs", Protocol: "http", Method: http.MethodGet, Path: DocsPath, Anonymous: true},
		{Service: "heliograph", Operation: "OpenAPI", Protocol: "http", Method: http.MethodGet, Path: OpenAPIPath, Anonymous: true},
	}
	for path, item := range h.spec.Paths {
		for _, op := range operationsOf(item) {
			action, _ := op.Extensions[actionExtension].(string)
			also, _ := op.Extensions[alsoExtension].([]string)
			all = append(all, iam.Declared{Service: "heliograph", Scope: "heliograph", Operation: op.OperationID, Protocol: "rest", Method: op.Method, Path: path, Action: action, Also: also})
		}
	}
	return all
}

// guard recovers panics, and sets what every answer has.
func (a *api) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		defer func() {
			if fault := recover(); fault != nil {
				if fault == http.ErrAbortHandler {
					panic(fault)
				}
				a.Logger.Error("rest: panic", "request_id", a.requestID(r.Context()), "path", r.URL.Path, "panic", fault, "stack", string(debug.Stack()))
				writeProblem(w, problem(fmt.Errorf("panic: %v", fault)))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (a *api) requestID(ctx context.Context) string {
	if a.RequestID == nil {
		return ""
	}
	return a.RequestID(ctx)
}

// operation declares one operation. Its errors become problems, and those that
// are nobody's but the server's are logged.
//
// action is the permission that it needs; the service that it calls asks for it.
func operation[In, Out any](a *api, h huma.API, action string, op huma.Operation, fn func(context.Context, *In) (*Out, error)) {
	if op.Extensions == nil {
		op.Extensions = map[string]any{}
	}
	op.Extensions[actionExtension] = action
	huma.Register(h, op, func(ctx context.Context, in *In) (*Out, error) {
		iam.SetOperation(ctx, op.OperationID)
		out, err := fn(ctx, in)
		if err == nil {
			return out, nil
		}
		if errs.KindOf(err) == errs.Internal {
			a.Logger.Error("rest: "+op.OperationID, "request_id", a.requestID(ctx), "error", err)
		}
		if a.SetError != nil {
			a.SetError(ctx, errs.CodeOf(err))
		}
		return nil, problem(err)
	})
}

func (a *api) info(h huma.API) {
	operation(a, h, "heliograph:GetInfo", huma.Operation{
		OperationID: "GetInfo", Method: http.MethodGet, Path: Prefix + "/info", Tags: []string{"Server"},
		Summary: "Tell version, region, account and listeners",
		Errors:  []int{401, 403},
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body Info }, error) {
		info := a.Info()
		if err := a.Authorizer.Authorize(ctx, "heliograph:GetInfo", fmt.Sprintf("arn:aws:heliograph:%s:%s:server", info.Region, info.Account)); err != nil {
			return nil, err
		}
		return &struct{ Body Info }{info}, nil
	})
}
