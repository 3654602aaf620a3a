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
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"time"

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
	if id, ok := ctx.Value(requestIDKey{}).(*string); ok {
		return *id
	}
	return ""
}

// WithRequestID returns a context that carries a request id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, &id)
}

// NewRequestID returns a fresh id in the form of a random UUID. It is no secret.
func NewRequestID() string {
	var id [16]byte
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4 of RFC 9562
	var text [36]byte
	hex.Encode(text[:8], id[:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:], id[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// identify gives the request an id and a call, unless something in front already
// did, and puts the id on the answer in the spellings that clients read.
func identify(w http.ResponseWriter, r *http.Request, opt Options, now time.Time) (*http.Request, *call) {
	ctx := r.Context()
	id, c := RequestID(ctx), callOf(ctx)
	if id == "" {
		id = NewRequestID()
		ctx = iam.WithRequest(ctx, iam.RequestInfo{
			RequestID: id, SourceIP: SourceIP(r), UserAgent: clip(header(r, "User-Agent"), 200), Secure: r.TLS != nil, Time: now,
		})
	}
	if c == nil {
		with := &callContext{ctx, call{auditor: opt.auditor}, id}
		r, c = r.WithContext(with), &with.call
	}
	h, ids := w.Header(), []string{id}
	h["X-Amzn-Requestid"], h["X-Amz-Request-Id"] = ids, ids
	return r, c
}

// identified is identify for an answer that nothing counts.
func identified(w http.ResponseWriter, r *http.Request) *http.Request {
	r, _ = identify(w, r, Options{}, time.Now())
	return r
}

// header is r.Header.Get for a name that is in canonical form already.
func header(r *http.Request, name string) string {
	if values := r.Header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// SourceIP is the address of the client that sent r, without its port.
func SourceIP(r *http.Request) string {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	switch {
	case err != nil:
		return r.RemoteAddr
	case addr.Addr().Is4():
		return r.RemoteAddr[:strings.IndexByte(r.RemoteAddr, ':')]
	}
	return addr.Addr().Unmap().WithZone("").String()
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
