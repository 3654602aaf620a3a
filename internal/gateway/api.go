package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/function"
	"github.com/heliograph/heliograph/internal/route"
)

// api answers a request of path in the stage of an API.
func (g *Gateway) api(x *exchange, r *http.Request, api, stage, path string) {
	table := g.Routes.Table()
	if !table.Has(api) || stage != route.Stage {
		x.fail(errForbidden)
		return
	}
	rt := table.Lookup(api, path)
	if rt == nil {
		x.fail(errMissingToken)
		return
	}
	x.target = rt.Path
	if r.Method == http.MethodOptions {
		x.preflight(rt)
		return
	}
	if !rt.Allows(r.Method) {
		x.fail(errMissingToken)
		return
	}
	arn := g.Routes.ARN(rt, r.Method)
	if err := g.Authorizer.Authorize(r.Context(), actionInvoke, arn); err != nil {
		g.refuse(x, err)
		return
	}
	body, problem := readBody(x, r)
	if problem != nil {
		x.fail(*problem)
		return
	}
	event := body
	if rt.Integration == route.Proxy {
		event, problem = g.proxyEvent(x, r, rt, body)
	} else {
		event, problem = passthroughEvent(r.Header.Get("Content-Type"), body)
	}
	if problem != nil {
		x.fail(*problem)
		return
	}
	response, err := g.run(g.Service(r.Context(), arn), rt, event)
	if err == nil {
		if rt.Integration == route.Proxy {
			err = x.proxied(response)
		} else {
			err = x.passed(response)
		}
	}
	if err != nil {
		g.failed(x, r, rt, err)
	} else if x.status >= 500 {
		g.Logger.Warn("gateway: function answered with a failure", "request_id", x.request, "route", rt.Path, "function", rt.Function, "status", x.status)
	}
}

// preflight answers a browser that asks whether it may send the request.
func (x *exchange) preflight(rt *route.Route) {
	x.stamp()
	h := x.Header()
	h.Set("Access-Control-Allow-Methods", "OPTIONS,"+strings.Join(rt.Methods, ","))
	h.Set("Access-Control-Allow-Headers", "Content-Type,Authorization,X-Amz-Date,X-Amz-Security-Token,X-Amzn-Trace-Id,X-Api-Key")
	h.Set("Access-Control-Max-Age", "600")
	x.send(http.StatusOK, "application/json", nil)
}

// refuse answers a request that iam didn't allow, in the words that it said.
func (g *Gateway) refuse(x *exchange, err error) {
	if kind := errs.KindOf(err); kind != errs.Denied && kind != errs.Unauthenticated {
		g.Logger.Error("gateway: authorize", "request_id", x.request, "error", err)
		x.fail(errInternal)
		return
	}
	body, _ := json.Marshal(map[string]string{"Message": errs.MessageOf(err)}) // strings always encode
	x.fail(failure{http.StatusForbidden, "AccessDeniedException", string(body)})
}

// readBody reads the whole body of a request.
func readBody(x *exchange, r *http.Request) ([]byte, *failure) {
	if r.ContentLength > MaxBody {
		return nil, &errTooLong
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, &errMediaType
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.ResponseWriter, r.Body, MaxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &errTooLong
	}
	if err != nil {
		x.Header().Set("Connection", "close")
		return nil, &errIncomplete
	}
	x.bodyDeadline(time.Time{})
	return body, nil
}

// passthroughEvent is the event of a request whose function gets the JSON that
// the caller sent. Two content types that programs put on whatever they send
// (curl -d, and fetch with a string) are taken if JSON is what they come with.
func passthroughEvent(contentType string, body []byte) ([]byte, *failure) {
	media, lenient := "application/json", false
	if contentType != "" {
		parsed, _, err := mime.ParseMediaType(contentType)
		if err != nil {
			return nil, &errMediaType
		}
		media = parsed
	}
	switch {
	case media == "application/json" || strings.HasSuffix(media, "+json"):
	case media == "application/x-www-form-urlencoded" || media == "text/plain":
		lenient = true
	default:
		return nil, &errMediaType
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return []byte("{}"), nil
	}
	if json.Valid(body) {
		return body, nil
	}
	if lenient {
		return nil, &errMediaType
	}
	return nil, badJSON(body)
}

func badJSON(body []byte) *failure {
	var discard json.RawMessage
	what := "Unexpected end of input"
	if e, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &discard)); ok && e.Offset < int64(len(body)) {
		what = fmt.Sprintf("Unexpected character at byte %d", e.Offset)
	}
	return &failure{http.StatusBadRequest, "BadRequestException", fmt.Sprintf(`{"message":"Could not parse request body into json: %s"}`, what)}
}

var (
	errBusy    = errors.New("too many functions run already")
	errTimedUp = errors.New("the function did not answer in time")
)

// run runs the route's function. A function that doesn't stop at its deadline
// keeps its place among the running ones until it does.
func (g *Gateway) run(ctx context.Context, rt *route.Route, event []byte) ([]byte, error) {
	select {
	case g.running <- struct{}{}:
	default:
		return nil, errBusy
	}
	ctx, cancel := context.WithTimeoutCause(ctx, g.Timeout, errTimedUp)
	type outcome struct {
		response []byte
		err      error
	}
	done := make(chan outcome, 1)
	go func() {
		var out outcome
		defer func() {
			if fault := recover(); fault != nil {
				out = outcome{err: fmt.Errorf("panic in function %s: %v\n%s", rt.Function, fault, stack())}
			}
			<-g.running
			done <- out
			cancel()
		}()
		out.response, out.err = g.Functions.Invoke(ctx, rt.Function, function.Config(rt.Config), event)
	}()
	var out outcome
	select {
	case out = <-done:
	case <-ctx.Done():
		select {
		case out = <-done: // it was the end of the function that ended ctx
		default:
			out.err = context.Cause(ctx)
		}
	}
	if out.err != nil && errors.Is(context.Cause(ctx), errTimedUp) {
		return nil, errTimedUp
	}
	return out.response, out.err
}

// refused reports whether the function's policy doesn't let the route run it.
func refused(err error) bool {
	_, ok := errors.AsType[*function.Refusal](err)
	return ok
}

// failed answers for a function that did not, and logs why.
func (g *Gateway) failed(x *exchange, r *http.Request, rt *route.Route, err error) {
	switch {
	case errors.Is(err, errBusy):
		x.fail(errThrottled)
		return
	case r.Context().Err() != nil:
		panic(http.ErrAbortHandler) // the client is gone
	case errors.Is(err, errTimedUp):
		x.fail(errTimeout)
	case refused(err):
		x.fail(errNotPermitted)
	default:
		x.fail(errInternal)
	}
	g.Logger.Error("gateway: function failed", "request_id", x.request, "route", rt.Path, "function", rt.Function, "error", err)
}
