package wire

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// Verifier proves who sent a request; *iam.Service is one. It may replace the
// body by one that can still be read.
type Verifier interface {
	Verify(r *http.Request) (iam.Result, error)
}

// AuthOptions say what Authenticate expects.
type AuthOptions struct {
	Options
	// Service is the scope service that signatures must name, e.g. "heliograph".
	Service string
	// Enrich adds to the context of a verified request; nil adds nothing but the principal.
	Enrich func(ctx context.Context, res iam.Result) context.Context
	// Otherwise authenticates requests without a signature, such as those with a
	// session cookie: it returns the principal, or false to refuse. nil refuses.
	Otherwise func(r *http.Request) (iam.Principal, bool)
	// WriteError answers refusals as the service does; required.
	WriteError func(w http.ResponseWriter, r *http.Request, err error)
}

// Authenticate puts the signature check in front of one service, e.g. the REST
// API. next runs only for verified requests, with the principal in its context.
func Authenticate(v Verifier, next http.Handler, opt AuthOptions) http.Handler {
	opt.Options.Service = opt.Service
	opt.auditor, _ = v.(Auditor)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, opt.Options, func(w http.ResponseWriter, r *http.Request) {
			setService(r.Context(), opt.Service)
			limitBody(r, opt.maxBody(), nil)
			res, err := verify(v, r, opt.Service)
			if errs.CodeOf(err) == iam.CodeMissingToken && opt.Otherwise != nil {
				if p, ok := opt.Otherwise(r); ok {
					res, err = iam.Result{Principal: p, Service: opt.Service}, nil
				}
			}
			if err != nil {
				err = refused(r, opt.Options, opt.Service, err)
				SetError(r.Context(), errs.CodeOf(err))
				opt.WriteError(w, r, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(enrich(r.Context(), res, opt.Enrich)))
		}, opt.WriteError)
	})
}

func enrich(ctx context.Context, res iam.Result, more func(context.Context, iam.Result) context.Context) context.Context {
	ctx = iam.WithPrincipal(ctx, res.Principal)
	if more != nil {
		ctx = more(ctx, res)
	}
	return ctx
}

// verify checks the signature and that it was made for service, if one is given.
func verify(v Verifier, r *http.Request, service string) (iam.Result, error) {
	res, err := v.Verify(r)
	if err == nil && service != "" && res.Service != service {
		cause := &iam.ScopeError{Part: "service", Got: res.Service, Want: service}
		err = errs.Wrap(cause, errs.Unauthenticated, iam.CodeScope, "Credential should be scoped to correct service: '%s'.", service)
	}
	return res, err
}

// refused puts a refusal in the log and in the audit trail. It returns the error
// to answer, which is another one if the trail couldn't be written.
func refused(r *http.Request, opt Options, service string, err error) error {
	if opt.Attempts != nil && errs.Is(err, errs.Unauthenticated) && !opt.Attempts.failed(r) {
		err = errAttempts()
	} else {
		logRefusal(r, opt.logger(), service, err)
	}
	if opt.auditor == nil {
		return err
	}
	if fault := opt.auditor.Refused(r, err); fault != nil {
		logRefusal(r, opt.logger(), service, fault)
		return fault
	}
	return err
}

// logRefusal tells operators why calls fail; the message holds no secret.
func logRefusal(r *http.Request, log *slog.Logger, service string, err error) {
	ctx := r.Context()
	if errs.KindOf(err) == errs.Internal {
		logError(ctx, log, service, err)
		return
	}
	log.InfoContext(ctx, "request refused", "service", service, "code", errs.CodeOf(err), "message", errs.MessageOf(err),
		"method", clip(r.Method, 20), "path", clip(r.URL.Path, 200), "remote", r.RemoteAddr, "request_id", RequestID(ctx))
}

// limitBody makes reading more than limit bytes of the body the error err, or
// one that names the limit if that is nil. The error comes on the first read if the length is announced.
func limitBody(r *http.Request, limit int64, err error) {
	if err == nil {
		err = tooLarge(limit)
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &limitedBody{ReadCloser: r.Body, left: limit, err: err, over: r.ContentLength > limit}
	}
}

type limitedBody struct {
	io.ReadCloser
	left int64
	over bool
	err  error
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.over {
		return 0, b.err
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		b.over = true
		return int(b.left), b.err
	}
	b.left -= int64(n)
	return n, err
}

// writeRESTError is the general form of REST-JSON errors for requests that
// don't reach their service.
func writeRESTError(w http.ResponseWriter, r *http.Request, err error) {
	code, status := jsonCode(err)
	switch errs.KindOf(err) {
	case errs.Unauthenticated, errs.Denied:
		status = http.StatusForbidden
		if a := authCodes[errs.CodeOf(err)]; a.queryStatus != 0 {
			status = a.queryStatus
		}
	case errs.NotFound:
		status = http.StatusNotFound
	case errs.Throttled:
		status = http.StatusTooManyRequests
	}
	WriteRESTJSONError(w, r, code, status, struct {
		Message string `json:"message"`
	}{mismatchDetail(err)})
}

// mismatchDetail is the message of err and, for a signature that doesn't match,
// what was signed here: AWS's JSON services say it too, and it is how people
// find the proxy that changed their request.
func mismatchDetail(err error) string {
	message := jsonMessage(err)
	if m, ok := errors.AsType[*iam.MismatchError](err); ok && len(m.CanonicalRequest) < 8192 {
		if m.CanonicalRequest != "" {
			message += "\n\nThe Canonical String for this request should have been\n'" + m.CanonicalRequest + "'"
		}
		message += "\n\nThe String-to-Sign should have been\n'" + m.StringToSign + "'\n"
	}
	return message
}
