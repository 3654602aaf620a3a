package app

import (
	"context"
	"net/http"
	"strings"

	"github.com/heliograph/heliograph/internal/awsapi/cloudwatch"
	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
	"github.com/heliograph/heliograph/internal/awsapi/lambda"
	"github.com/heliograph/heliograph/internal/awsapi/logs"
	"github.com/heliograph/heliograph/internal/awsapi/runtime"
	"github.com/heliograph/heliograph/internal/awsapi/s3"
	"github.com/heliograph/heliograph/internal/awsapi/sagemaker"
	"github.com/heliograph/heliograph/internal/awsapi/sts"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/rest"
)

// restService is the scope that signatures on the REST API name.
const restService = "heliograph"

// s3Hosts are the names under which a host in front, as in bucket.localhost,
// names a bucket.
var s3Hosts = []string{"localhost"}

// controlHandler is the control listener. What is signed for an AWS service is
// that service's, whatever its path; so a bucket may be called "api" or
// "metrics". The rest is told apart by path.
func (a *App) controlHandler() http.Handler {
	aws := a.awsHandler()
	mux := http.NewServeMux()
	for _, p := range a.plain() {
		mux.Handle("GET "+p.path, p.handler)
	}
	mux.Handle("/api/", a.restHandler())
	mux.Handle("/", aws)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if service := iam.ScopeService(r); service != "" && service != restService || len(r.Header["X-Amz-Target"]) > 0 {
			aws.ServeHTTP(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "//") { // a key of S3 may begin so; the mux would redirect
			aws.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// plain are the paths that anybody may fetch.
func (a *App) plain() []plain {
	return []plain{
		{"/healthz", "Health", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, http.StatusOK, "alive") })},
		{"/readyz", "Readiness", http.HandlerFunc(a.ready)},
		{"/metrics", "Metrics", a.metrics.Handler()},
	}
}

type plain struct {
	path, name string
	handler    http.Handler
}

func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	if err := a.db.Ping(r.Context()); err != nil {
		a.log.Error("not ready: the database does not answer", "error", err)
		answer(w, http.StatusServiceUnavailable, "the database does not answer")
	} else if a.audit != nil && a.audit.Err() != nil {
		answer(w, http.StatusServiceUnavailable, "the audit trail can't be written")
	} else if !a.serving.Ready() {
		answer(w, http.StatusServiceUnavailable, "endpoints are still loading their models")
	} else {
		answer(w, http.StatusOK, "ready")
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write([]byte(text + "\n"))
}

// apiRequests counts what the AWS APIs and the REST API answered.
func (a *App) apiRequests() *calls {
	return &calls{requests: requests{
		a.metrics.Counter("heliograph_api_requests_total", "Requests of the AWS APIs and the REST API.", "service", "operation", "status"),
		a.metrics.Histogram("heliograph_api_request_seconds", "Time to answer a request of the AWS APIs and the REST API.", latencies, "service"),
	}}
}

func (a *App) awsHandler() http.Handler {
	opt := wire.Options{Logger: a.log}
	watch := cloudwatch.New(a.monitor, opt)
	return wire.NewRouter(wire.RouterOptions{
		Options:  wire.Options{Logger: a.log, Observe: a.apiRequests().ObserveCall, Attempts: a.attempts},
		Verifier: a.iam,
		JSON: map[string]http.Handler{
			cloudwatch.Scope + "/" + cloudwatch.Target: watch.JSON,
			"sagemaker/SageMaker":                      sagemaker.New(sagemaker.Services{Training: a.training, Tuning: a.tuning, Transform: a.transform, Serving: a.serving, Tags: a.tags}, opt),
			"logs/Logs_20140328":                       logs.New(logs.Options{Store: a.db, Authorizer: a.iam, Region: a.cfg.Region, AccountID: a.cfg.AccountID, Wire: opt}),
		},
		CBOR: map[string]http.Handler{cloudwatch.Scope + "/" + cloudwatch.Target: watch.CBOR},
		Query: map[string]http.Handler{
			cloudwatch.Scope + "/" + cloudwatch.Version: watch.Query,
			"sts/2011-06-15": sts.New(a.iam, opt),
			"iam/2010-05-08": iamapi.New(a.iam, opt),
		},
		REST: map[string]wire.REST{
			"sagemaker": {Handler: runtime.New(a.serving, opt), Path: "/endpoints/", MaxBody: runtime.MaxBody, TooLarge: runtime.ErrTooLarge()},
			"lambda": {Handler: lambda.New(a.functions, opt), Path: lambda.Prefix, Methods: []string{http.MethodGet, http.MethodPost, http.MethodDelete},
				MaxBody: lambda.MaxBody, TooLarge: lambda.ErrTooLarge()},
		},
		Unsigned: a.iam.UnsignedPrincipal,
		S3:       s3.New(a.blobs, s3.Options{Authorize: a.iam.Authorize, Logger: a.log, Region: a.cfg.Region, AccountID: a.cfg.AccountID, Hosts: s3Hosts}),
		Home:     http.RedirectHandler(rest.DocsPath, http.StatusFound),
		Enrich: func(ctx context.Context, res iam.Result) context.Context {
			if res.Chunks == nil {
				return ctx
			}
			return s3.WithChunkVerifier(ctx, res.Chunks)
		},
	})
}

// restAPI is the REST API without the check of signatures.
func (a *App) restAPI() http.Handler {
	opt := rest.Options{
		Routes: a.routes, Authorizer: a.iam, Keyring: a.iam, RequestID: wire.RequestID, SetError: wire.SetError, Logger: a.log,
		Info: func() rest.Info {
			info := rest.Info{Version: a.version, Region: a.cfg.Region, Account: a.cfg.AccountID}
			if a.control != nil {
				info.Listeners = rest.Listeners{Public: a.PublicURL(), Control: a.ControlURL()}
			}
			return info
		},
	}
	if a.audit != nil {
		opt.Audit = a.audit
	}
	return rest.New(opt)
}

// restHandler is the REST API: signed, but for its documentation.
func (a *App) restHandler() http.Handler {
	api := a.restAPI()
	signed := wire.Authenticate(a.iam, api, wire.AuthOptions{
		Options: wire.Options{Logger: a.log, Observe: a.apiRequests().ObserveCall, Attempts: a.attempts}, Service: restService, WriteError: rest.WriteError,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, rest.Prefix+"/") {
			signed.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}
