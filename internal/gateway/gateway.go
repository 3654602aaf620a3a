// Package gateway is the public listener: it turns HTTP requests into events of
// functions, as API Gateway's REST APIs do, and serves sites from buckets, as
// S3's website hosting does.
//
// Every request is authorised for the anonymous principal before anything runs
// or is read, and what it runs for API Gateway's own. Bodies and the time to send one, response times and the number of
// functions that run at a time are bounded; a fault is logged once with the
// request's id, of which the caller learns nothing but the id. How long a client
// takes to send its headers or to receive is for the http.Server to bound.
package gateway

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/function"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/route"
)

// Authorizer decides whether ctx's principal may do action on resource.
type Authorizer interface {
	Authorize(ctx context.Context, action, resource string) error
}

// Routes is where the gateway looks up what a path does.
type Routes interface {
	Table() *route.Table
	ARN(r *route.Route, method string) string
}

// Functions runs functions by name. For a principal of ctx that may not run the
// function the error is a *function.Refusal.
type Functions interface {
	Invoke(ctx context.Context, name string, config function.Config, event []byte) ([]byte, error)
}

// Sites is where the gateway finds the buckets that are hosted as sites.
type Sites interface {
	Website(ctx context.Context, bucket string) (blob.Website, error)
	Open(ctx context.Context, bucket, key string) (blob.Object, error)
}

// Metrics counts what was answered. Target is a route's path or a site's bucket,
// so it has few values; it is "" where nothing matched.
type Metrics interface {
	ObserveRequest(target, method string, status int, took time.Duration)
}

// Auditor is told how requests ended that failed, or of which nothing was decided.
type Auditor interface {
	Ended(r *http.Request, code string) error
}

// Limits of API Gateway.
const (
	MaxBody = 10 << 20 // bytes of a request's body, and of a response
	Timeout = 29 * time.Second
)

// BodyTimeout is how long a client may take to send its body.
const BodyTimeout = 30 * time.Second

// Config is what a Gateway needs.
type Config struct {
	Routes     Routes
	Functions  Functions
	Sites      Sites
	Authorizer Authorizer
	// Anonymous returns ctx with the principal that unsigned requests act as.
	Anonymous func(ctx context.Context) context.Context
	// Service returns ctx with the principal that runs functions for the request
	// of the ARN source.
	Service func(ctx context.Context, source string) context.Context
	Metrics Metrics // may be nil
	Audit   Auditor // may be nil
	Logger  *slog.Logger

	Account     string        // account id that proxy events name
	RootSite    string        // bucket whose site answers where no route does, or ""
	BaseHost    string        // under which APIs and sites have host names; "": localhost
	Timeout     time.Duration // of a function; 0: Timeout
	BodyTimeout time.Duration // of a client that sends a body; 0: BodyTimeout
	Concurrency int           // functions that run at a time, others get 429; 0: 512
}

// Gateway is the http.Handler of the public listener.
type Gateway struct {
	Config
	running chan struct{} // holds one element for each function that runs
}

// New returns the handler for the public listener.
func New(config Config) *Gateway {
	if config.BaseHost == "" {
		config.BaseHost = "localhost"
	}
	if config.Timeout == 0 {
		config.Timeout = Timeout
	}
	if config.BodyTimeout == 0 {
		config.BodyTimeout = BodyTimeout
	}
	if config.Concurrency == 0 {
		config.Concurrency = 512
	}
	return &Gateway{Config: config, running: make(chan struct{}, config.Concurrency)}
}

func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	x := &exchange{ResponseWriter: w, ids: newIDs(r.Header.Get(headerTrace))}
	r = r.WithContext(g.Anonymous(iam.WithRequest(r.Context(), iam.RequestInfo{
		RequestID: x.request, SourceIP: sourceIP(r), UserAgent: r.UserAgent()[:min(200, len(r.UserAgent()))], Secure: r.TLS != nil, Time: began,
	})))
	defer func() {
		if fault := recover(); fault != nil {
			if fault == http.ErrAbortHandler {
				panic(fault)
			}
			g.Logger.Error("gateway: panic", "request_id", x.request, "path", r.URL.Path, "panic", fault, "stack", string(debug.Stack()))
			if x.status != 0 {
				panic(http.ErrAbortHandler) // the answer has begun: cut it, so that it doesn't look whole
			}
			x.fail(errInternal)
		}
		if g.Metrics != nil {
			g.Metrics.ObserveRequest(x.target, methodLabel(r.Method), x.status, time.Since(began))
		}
		g.audit(x, r)
	}()
	if r.ContentLength != 0 {
		// For refused requests too: the server takes in what is left of a body
		// before it answers.
		x.bodyDeadline(began.Add(g.BodyTimeout))
	}
	g.dispatch(x, r)
}

// audit records how the request ended, where what was decided doesn't say it.
func (g *Gateway) audit(x *exchange, r *http.Request) {
	if g.Audit == nil {
		return
	}
	code := x.code
	if x.status < 400 {
		code = ""
	} else if code == "" {
		code = strconv.Itoa(x.status)
	}
	if err := g.Audit.Ended(r, code); err != nil {
		g.Logger.Error("gateway: the end of a request could not be recorded in the audit trail", "request_id", x.request, "error", err)
	}
}

// Operations lists what the listener answers, with the action of each. What is
// in a path may be in the host's name as well.
func (g *Gateway) Operations() []iam.Declared {
	api := iam.Declared{Service: "execute-api", Operation: "Invoke", Protocol: "http", Listener: "public", Method: "ANY", Action: actionInvoke, Anonymous: true}
	stage, site := api, iam.Declared{Service: "s3", Operation: "WebsiteGetObject", Protocol: "http", Listener: "public", Method: http.MethodGet,
		Path: "/" + siteSegment + "/{bucket}/{key...}", Action: actionSite, Anonymous: true}
	api.Path, stage.Path = "/{path...}", "/"+apiSegment+"/{api}/{stage}/{path...}"
	return []iam.Declared{api, stage, site}
}

// The actions that requests are authorised as, and the first segments of paths
// that stand for a host's name.
const (
	actionInvoke = "execute-api:Invoke"
	actionSite   = "s3:GetObject"
	apiSegment   = "_api"
	siteSegment  = "_site"
)

// dispatch tells by host and path whose request it is.
func (g *Gateway) dispatch(x *exchange, r *http.Request) {
	host := hostname(r.Host)
	if bucket, ok := strings.CutSuffix(host, ".s3-website."+g.BaseHost); ok {
		g.site(x, r, bucket, r.URL.Path)
		return
	}
	if api, ok := strings.CutSuffix(host, ".execute-api."+g.BaseHost); ok {
		stage, path := cutSegment(r.URL.Path)
		g.api(x, r, api, stage, path)
		return
	}
	switch first, rest := cutSegment(r.URL.Path); first {
	case siteSegment:
		bucket, path := cutSegment(rest)
		g.site(x, r, bucket, path)
	case apiSegment:
		api, rest := cutSegment(rest)
		stage, path := cutSegment(rest)
		g.api(x, r, api, stage, path)
	default:
		if g.Routes.Table().Lookup(route.DefaultAPI, r.URL.Path) == nil && g.rootSite(x, r) {
			return
		}
		g.api(x, r, route.DefaultAPI, route.Stage, r.URL.Path)
	}
}

// sourceIP is the address of the client without its port.
func sourceIP(r *http.Request) string {
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return addr.Addr().Unmap().WithZone("").String()
	}
	return r.RemoteAddr
}

// hostname is the host of a Host header in lower case, without port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// cutSegment splits "/first/rest" into "first" and "/rest"; rest is "" if
// nothing, not even a slash, follows first.
func cutSegment(path string) (first, rest string) {
	path = strings.TrimPrefix(path, "/")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// methodLabel keeps made-up methods out of the metrics.
func methodLabel(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return method
	}
	return "other"
}

// exchange is one request's answer on its way out, with what logs and metrics
// say of it.
type exchange struct {
	http.ResponseWriter
	ids
	target string
	code   string // of the error that is answered, or ""
	status int    // 0 until the answer has begun
}

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	return x.ResponseWriter.Write(p)
}

// bodyDeadline bounds how long reading the request's body may take. Not every
// writer has a connection to set a deadline on.
func (x *exchange) bodyDeadline(at time.Time) {
	_ = http.NewResponseController(x.ResponseWriter).SetReadDeadline(at)
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }
