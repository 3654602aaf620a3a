package iam

import (
	"context"
	"sync/atomic"
	"time"
)

// RequestInfo is what is known of the request that an action belongs to, for
// conditions of policies and for the audit trail.
type RequestInfo struct {
	RequestID string
	SourceIP  string // address of the client, without a port
	UserAgent string
	Secure    bool      // came over TLS
	Time      time.Time // when it arrived
}

// request is the value in the context. What is decided on its way is counted, so
// that a call of which nothing was decided doesn't leave the trail without a line.
type request struct {
	info      RequestInfo
	operation string
	caller    string      // ARN of who sent it
	key       string      // access key id that signed it
	decided   atomic.Bool // there is an entry
	refused   atomic.Bool // there is an entry that says no
}

type requestKey struct{}

// requestContext is a context with its request, in one piece.
type requestContext struct {
	context.Context
	request request
}

func (c *requestContext) Value(key any) any {
	if key == (requestKey{}) {
		return &c.request
	}
	return c.Context.Value(key)
}

// WithRequest returns a context whose actions belong to the request.
func WithRequest(ctx context.Context, info RequestInfo) context.Context {
	return &requestContext{Context: ctx, request: request{info: info}}
}

// RequestOf returns what is known of the request that ctx belongs to, and
// whether it belongs to one: a job's context does not.
func RequestOf(ctx context.Context) (RequestInfo, bool) {
	r := requestOf(ctx)
	if r == nil {
		return RequestInfo{}, false
	}
	return r.info, true
}

// SetOperation names the operation that the request of ctx turned out to be,
// before anything is decided.
func SetOperation(ctx context.Context, operation string) {
	if r := requestOf(ctx); r != nil {
		r.operation = operation
	}
}

func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}
