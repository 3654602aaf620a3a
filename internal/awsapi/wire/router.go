package wire

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// RouterOptions are the services behind one address.
type RouterOptions struct {
	// Options: the Logger, Observe and MaxBody (for unknown services) of all of them.
	Options
	// Verifier checks every request before any handler but Home sees it; required.
	Verifier Verifier
	// JSON are AWS JSON services by "scope service/target", e.g. "sagemaker/SageMaker".
	JSON map[string]http.Handler
	// Query are Query services by "scope service/version", e.g. "sts/2011-06-15".
	Query map[string]http.Handler
	// CBOR are Smithy RPC v2 CBOR services by "scope service/name", e.g. "monitoring/GraniteServiceVersion20100801".
	CBOR map[string]http.Handler
	// REST are REST-JSON services by scope service, e.g. the runtime under "sagemaker".
	REST map[string]REST
	// S3 gets what is left; required.
	S3 http.Handler
	// Unsigned is who sends requests to S3 without a signature; nil refuses them.
	Unsigned func() iam.Principal
	// Home gets unsigned GET / from browsers; nil leaves those to S3.
	Home http.Handler
	// Enrich adds to the context of a verified request; nil adds nothing but the principal.
	Enrich func(ctx context.Context, res iam.Result) context.Context
}

// REST is a REST-JSON service.
type REST struct {
	Handler http.Handler
	Path    string   // unsigned requests under this path get this service's form of error, e.g. "/endpoints/"
	Methods []string // that those requests have; nil: POST
	MaxBody int64    // bytes; 0: DefaultMaxBody
	// TooLarge is the service's own error for a body over MaxBody; nil: a general one.
	TooLarge error
}

// NewRouter returns the handler that tells AWS requests apart by X-Amz-Target and
// Smithy-Protocol, then by the service of the credential scope, last S3, and verifies their
// signatures. A request is never given to a service other than the one it was
// signed for.
func NewRouter(opt RouterOptions) http.Handler {
	opt.auditor, _ = opt.Verifier.(Auditor)
	r := &router{opt: opt, json: map[string]route{}, cbor: map[string]route{}, query: map[string]route{}, rest: map[string]route{}}
	for key, h := range opt.JSON {
		service, target, ok := strings.Cut(key, "/")
		if !ok {
			panic("wire: the key of a JSON service must be service/target: " + key)
		}
		version := "1.1"
		if j, ok := h.(*jsonHandler); ok {
			version = j.version
		}
		r.json[target] = route{service: service, handler: h, maxBody: limitOf(h), fail: jsonFailure(version)}
	}
	for key, h := range opt.CBOR {
		service, name, ok := strings.Cut(key, "/")
		if !ok {
			panic("wire: the key of a CBOR service must be service/name: " + key)
		}
		r.cbor[name] = route{service: service, handler: h, maxBody: limitOf(h), fail: WriteCBORError}
	}
	for key, h := range opt.Query {
		service, _, ok := strings.Cut(key, "/")
		if !ok {
			panic("wire: the key of a Query service must be service/version: " + key)
		}
		xmlns := ""
		if q, ok := h.(*queryHandler); ok {
			xmlns = q.xmlns
		}
		r.query[service] = route{service: service, handler: h, maxBody: limitOf(h), fail: queryFailure(xmlns)}
	}
	for service, rest := range opt.REST {
		limit := Options{MaxBody: rest.MaxBody}.maxBody()
		r.rest[service] = route{service: service, handler: rest.Handler, maxBody: limit, tooLarge: rest.TooLarge, fail: writeRESTError}
	}
	return r
}

type router struct {
	opt         RouterOptions
	json, cbor  map[string]route // by target, by name
	query, rest map[string]route // by service
}

// route is where a request goes: the service its signature must name, "" for
// any, and the form of its errors. maxBody 0 leaves the bound to the handler.
type route struct {
	service  string
	handler  http.Handler
	maxBody  int64
	tooLarge error // nil: a general one
	unsigned bool  // may come without a signature, if Unsigned says who sends it
	fail     func(w http.ResponseWriter, r *http.Request, err error)
}

func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rt.opt.Home != nil && isBrowserAtRoot(r) {
		rt.opt.Home.ServeHTTP(w, r)
		return
	}
	to := rt.route(r)
	serve(w, r, rt.opt.Options, func(w http.ResponseWriter, r *http.Request) {
		setService(r.Context(), to.service)
		if to.maxBody > 0 {
			limitBody(r, to.maxBody, to.tooLarge)
		}
		res, err := verify(rt.opt.Verifier, r, to.service)
		if errs.CodeOf(err) == iam.CodeMissingToken && to.unsigned && rt.opt.Unsigned != nil {
			res, err = iam.Result{Principal: rt.opt.Unsigned(), Service: to.service}, nil
		}
		if err != nil {
			to.fail(w, r, refused(r, rt.opt.Options, to.service, err))
			return
		}
		to.handler.ServeHTTP(w, r.WithContext(enrich(r.Context(), res, rt.opt.Enrich)))
	}, to.fail)
}

// route decides by what the request says about itself; verify holds it to that.
func (rt *router) route(r *http.Request) route {
	if target := header(r, "X-Amz-Target"); target != "" {
		name := target
		if i := strings.LastIndexByte(target, '.'); i >= 0 {
			name = target[:i]
		}
		if to, ok := rt.json[name]; ok {
			return to
		}
		return rt.unknown(jsonFailure("1.1"), unknownOperation(target))
	}
	if name, _, ok := cborOperation(r); ok {
		if to, ok := rt.cbor[name]; ok {
			return to
		}
		return rt.unknown(WriteCBORError, unknownService(name))
	}
	service := iam.ScopeService(r)
	if to, ok := rt.query[service]; ok {
		return to
	}
	if to, ok := rt.rest[service]; ok {
		return to
	}
	switch {
	case service == "s3":
		return rt.s3()
	case isForm(r):
		return rt.unknown(queryFailure(""), unknownService(service))
	case service != "":
		return rt.unknown(writeRESTError, unknownService(service))
	}
	for name, rest := range rt.opt.REST {
		if rest.Path != "" && strings.HasPrefix(r.URL.Path, rest.Path) && rest.takes(r.Method) {
			return rt.rest[name]
		}
	}
	return rt.s3()
}

// takes reports whether unsigned requests of the method may be the service's.
func (rest *REST) takes(method string) bool {
	if rest.Methods == nil {
		return method == http.MethodPost
	}
	return slices.Contains(rest.Methods, method)
}

func (rt *router) s3() route {
	return route{service: "s3", handler: rt.opt.S3, fail: writeS3Error, unsigned: true}
}

// unknown answers err, but only to those who have signed.
func (rt *router) unknown(fail func(http.ResponseWriter, *http.Request, error), err error) route {
	return route{maxBody: rt.opt.maxBody(), fail: fail,
		handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fail(w, r, err) })}
}

func unknownService(name string) error {
	return errs.New(errs.Unsupported, "UnknownOperationException", "The service %q is not offered by this server.", clip(name, 64))
}

func jsonFailure(version string) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) { WriteJSONError(w, r, version, err) }
}

func queryFailure(xmlns string) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) { WriteQueryError(w, r, xmlns, err) }
}

func limitOf(h http.Handler) int64 {
	switch h := h.(type) {
	case *jsonHandler:
		return h.opt.maxBody()
	case *queryHandler:
		return h.opt.maxBody()
	case *cborHandler:
		return h.opt.maxBody()
	}
	return DefaultMaxBody
}

// isForm reports whether the request looks like the Query protocol's.
func isForm(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == "/" &&
		strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "application/x-www-form-urlencoded") ||
		r.URL.Path == "/" && strings.HasPrefix(r.URL.RawQuery, "Action=")
}

func isBrowserAtRoot(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path == "/" && r.URL.RawQuery == "" &&
		header(r, "Authorization") == "" && strings.Contains(header(r, "Accept"), "text/html")
}
