// Package wire speaks AWS's protocols for the service packages beside it: it
// tells requests apart, checks who signed them, bounds and decodes bodies,
// encodes answers and errors, and counts.
//
// It guarantees that no handler behind a Router or Authenticate runs before the
// request's signature was verified, that every answer carries a request id, that
// a panic becomes one logged line and an internal error, and that text of
// internal errors goes to the log and never to the caller. Which operations
// exist and what they do is not known here.
package wire

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// DefaultMaxBody bounds the body of a control operation, in bytes.
const DefaultMaxBody = 2 << 20

// Options are shared by the protocol handlers. The zero value works.
type Options struct {
	// Service names the service to Observe; "" takes the target or version.
	Service string
	// Logger gets one line for each internal error and panic; nil: slog.Default().
	Logger *slog.Logger
	// Observe is told of each answered request. operation is one of the declared
	// ones or "unknown". Set it either here or on the Router in front.
	Observe func(service, operation string, status int, d time.Duration)
	// MaxBody bounds the body in bytes; 0: DefaultMaxBody.
	MaxBody int64
	// Shapes are the names of errors in the service's model, where they are not
	// their codes: JSON and CBOR send those of services that spoke Query once. nil: there are none.
	Shapes map[string]string

	// Attempts bounds how often a source may fail to prove who it is; nil doesn't.
	// Set it on the Router or on AuthOptions.
	Attempts *Attempts

	auditor Auditor // of the outermost handler; nil: none
}

func (o Options) maxBody() int64 {
	if o.MaxBody > 0 {
		return o.MaxBody
	}
	return DefaultMaxBody
}

func (o Options) logger() *slog.Logger {
	if o.Logger != nil {
		return o.Logger
	}
	return slog.Default()
}

type requestIDKey struct{}

// RequestID is the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// WithRequestID returns a context that carries a request id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// NewRequestID returns a fresh id, a random UUID.
func NewRequestID() string { return uuid.NewString() }

// identify gives the request an id, unless something in front already did, and
// puts it on the answer in the spellings that clients read.
func identify(w http.ResponseWriter, r *http.Request) *http.Request {
	id := RequestID(r.Context())
	if id == "" {
		id = NewRequestID()
		r = r.WithContext(iam.WithRequest(WithRequestID(r.Context(), id), iam.RequestInfo{
			RequestID: id, SourceIP: SourceIP(r), UserAgent: clip(r.UserAgent(), 200), Secure: r.TLS != nil, Time: time.Now(),
		}))
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", id)
	h.Set("X-Amz-Request-Id", id)
	return r
}

// SourceIP is the address of the client that sent r, without its port.
func SourceIP(r *http.Request) string {
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return addr.Addr().Unmap().WithZone("").String()
	}
	return r.RemoteAddr
}

// logError writes the whole chain of an internal error to the log, once: here,
// where the answer is made.
func logError(ctx context.Context, log *slog.Logger, operation string, err error) {
	if errs.KindOf(err) == errs.Internal {
		log.ErrorContext(ctx, "request failed", "operation", operation, "request_id", RequestID(ctx), "error", err)
	}
}

// unknownOperation is the error for a name that a service does not have.
func unknownOperation(name string) error {
	return errs.New(errs.Unsupported, "UnknownOperationException",
		"The requested operation %s is not offered by this server.", strings.ToValidUTF8(clip(name, 200), "?"))
}

// clip bounds text of the caller that is echoed in a message.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
