package wire

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// call is what becomes known of a request on its way through the handlers.
type call struct {
	service, operation string
	code               string // of the error that was answered, or ""
	auditor            Auditor
}

// Auditor is told of calls of which no service decides; *iam.Service is one. A
// Verifier that is an Auditor too is told.
type Auditor interface {
	// Refused records a request that err keeps out. If that fails, so does the call.
	Refused(r *http.Request, err error) error
	// Opened records, before it runs, a call that needs no permission.
	Opened(ctx context.Context, action string) error
	// Ended records the end of a call that failed, or of which nothing was decided.
	Ended(r *http.Request, code string) error
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// callContext is a context with its call and the id of its request, in one piece.
type callContext struct {
	context.Context
	call call
	id   string
}

func (c *callContext) Value(key any) any {
	switch key {
	case callKey{}:
		return &c.call
	case requestIDKey{}:
		return &c.id
	}
	return c.Context.Value(key)
}

// SetOperation names the operation that a request turned out to be, for
// counting. Handlers of REST protocols call it; op must come from a fixed set.
func SetOperation(ctx context.Context, op string) {
	if c := callOf(ctx); c != nil {
		c.operation = op
	}
	iam.SetOperation(ctx, op)
}

// SetError names the error that the request is answered with, for the audit
// trail. Handlers that word errors themselves call it.
func SetError(ctx context.Context, code string) {
	if c := callOf(ctx); c != nil {
		c.code = code
	}
}

// opened records a call that needs no permission.
func opened(ctx context.Context, p permission, service, name string) error {
	if c := callOf(ctx); c != nil && p.open && c.auditor != nil {
		return c.auditor.Opened(ctx, service+":"+name)
	}
	return nil
}

// ended tells the auditor of a call's end. The answer is out, so that an entry
// can't be written changes nothing but the log.
func ended(r *http.Request, log *slog.Logger, c *call, status int) {
	code := c.code
	if status < 400 {
		code = ""
	} else if code == "" {
		code = strconv.Itoa(status)
	}
	if err := c.auditor.Ended(r, code); err != nil {
		log.ErrorContext(r.Context(), "the end of a request could not be recorded in the audit trail",
			"request_id", RequestID(r.Context()), "error", err)
	}
}

func setService(ctx context.Context, service string) {
	if c := callOf(ctx); c != nil && c.service == "" {
		c.service = service
	}
}

// serve runs fn with a request id, counts the answer, and turns a panic into an
// internal error written by fail.
func serve(w http.ResponseWriter, r *http.Request, opt Options,
	fn func(w http.ResponseWriter, r *http.Request), fail func(w http.ResponseWriter, r *http.Request, err error)) {
	start, rec := time.Now(), &recorder{ResponseWriter: w}
	r, c := identify(w, r, opt, start)
	defer func() {
		p := recover()
		if p != nil && p != http.ErrAbortHandler {
			opt.logger().ErrorContext(r.Context(), "panic", "operation", c.operation, "request_id", RequestID(r.Context()),
				"panic", p, slog.String("stack", string(debug.Stack())))
			if !rec.wrote {
				fail(rec, r, errs.New(errs.Internal, "", ""))
				p = nil
			} else {
				p = http.ErrAbortHandler // the client must not take half an answer for a whole one
			}
		}
		if opt.Observe != nil {
			op := c.operation
			if op == "" {
				op = "unknown"
			}
			opt.Observe(c.service, op, rec.code(), time.Since(start))
		}
		if opt.auditor != nil {
			ended(r, opt.logger(), c, rec.code())
		}
		if p != nil {
			panic(p)
		}
	}()
	fn(rec, r)
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (w *recorder) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

func (w *recorder) WriteHeader(status int) {
	if status >= 200 && !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(p)
}

// ReadFrom keeps the server's way of sending a file without copying it.
func (w *recorder) ReadFrom(r io.Reader) (int64, error) {
	w.wrote = true
	return io.Copy(w.ResponseWriter, r)
}

func (w *recorder) Flush() {
	w.wrote = true
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.wrote = true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// readBody returns the whole body, or an error that says which limit it is over.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	var body []byte
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		var n int
		n, err = io.ReadFull(r.Body, body)
		body = body[:n]
	} else {
		body, err = io.ReadAll(io.LimitReader(r.Body, limit+1))
	}
	if int64(len(body)) > limit {
		return nil, tooLarge(limit)
	}
	if err != nil {
		if _, ok := err.(*errs.Error); ok {
			return nil, err
		}
		return nil, errs.Wrap(err, errs.Invalid, "IncompleteBody", "The request body ended after %d bytes, before it was complete.", len(body))
	}
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") { // SDKs compress long bodies of some operations
		return inflate(body, limit)
	}
	return body, nil
}

func inflate(body []byte, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(z, limit+1))
	}
	switch {
	case err != nil:
		return nil, errs.Wrap(err, errs.Invalid, "SerializationException", "The Content-Encoding is gzip, but the body can't be read so.")
	case int64(len(text)) > limit:
		return nil, tooLarge(limit)
	}
	return text, nil
}

func tooLarge(limit int64) error {
	return errs.New(errs.TooLarge, "", "The request body is longer than the %d bytes that are allowed here.", limit)
}
