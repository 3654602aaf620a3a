package s3

import (
	"encoding/xml"
	"io"
	"net/http"
	"time"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
)

func invalid(code, format string, args ...any) error {
	return errs.New(errs.Invalid, code, format, args...)
}

func invalidArgument(name, value, why string) error {
	return errs.New(errs.Invalid, "InvalidArgument", "Invalid Argument: %s is %q; %s.", name, value, why)
}

func notImplemented(format string, args ...any) error {
	return errs.New(errs.Unsupported, "NotImplemented", "A header or parameter you provided implies functionality that is not implemented. "+format, args...)
}

func denied(message string) error { return errs.New(errs.Denied, "AccessDenied", "%s", message) }

func methodNotAllowed() error {
	return errs.New(errs.Unsupported, "MethodNotAllowed", "The specified method is not allowed against this resource.")
}

func malformedXML(why string) error {
	return errs.New(errs.Invalid, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema: %s.", why)
}

func noSuchVersion() error {
	return errs.New(errs.NotFound, "NoSuchVersion", `The version ID specified in the request does not match an existing version; buckets here are not versioned, the only version is "null".`)
}

func preconditionFailed(which string) error {
	return errs.New(errs.Precondition, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold: %s.", which)
}

// statusOfCode lists the codes whose status their kind does not tell.
var statusOfCode = map[string]int{
	"MissingContentLength": http.StatusLengthRequired,
	"InvalidRange":         http.StatusRequestedRangeNotSatisfiable,
	"InvalidPartNumber":    http.StatusRequestedRangeNotSatisfiable,
	"MethodNotAllowed":     http.StatusMethodNotAllowed,
	"InsufficientStorage":  http.StatusInsufficientStorage,
	"RequestTimeout":       http.StatusBadRequest,
}

// ofKind is the status of a kind and the code for errors without one.
var ofKind = map[errs.Kind]struct {
	status int
	code   string
}{
	errs.Internal:        {http.StatusInternalServerError, "InternalError"},
	errs.Invalid:         {http.StatusBadRequest, "InvalidRequest"},
	errs.NotFound:        {http.StatusNotFound, "NoSuchKey"},
	errs.Conflict:        {http.StatusConflict, "OperationAborted"},
	errs.Unauthenticated: {http.StatusForbidden, "AccessDenied"},
	errs.Denied:          {http.StatusForbidden, "AccessDenied"},
	errs.TooLarge:        {http.StatusBadRequest, "EntityTooLarge"},
	errs.Throttled:       {http.StatusServiceUnavailable, "SlowDown"},
	errs.Unavailable:     {http.StatusServiceUnavailable, "ServiceUnavailable"},
	errs.Unsupported:     {http.StatusNotImplemented, "NotImplemented"},
	errs.Precondition:    {http.StatusPreconditionFailed, "PreconditionFailed"},
}

// explain returns an error's code, status and sentence in S3. Refusals have names
// of their own outside S3; here all are AccessDenied, but for the signature of a
// chunk that a body met on its way in.
func explain(err error) (code string, status int, message string) {
	kind, code := errs.KindOf(err), errs.CodeOf(err)
	status, message = ofKind[kind].status, errs.MessageOf(err)
	if code == "" || kind == errs.Internal || kind == errs.Denied || kind == errs.Unauthenticated && code != "SignatureDoesNotMatch" {
		return ofKind[kind].code, status, message
	}
	if s, ok := statusOfCode[code]; ok {
		status = s
	}
	return code, status, message
}

// errorXML is the body of an error.
type errorXML struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Bucket    string `xml:"BucketName,omitempty"`
	Key       string `xml:",omitempty"`
	Resource  string
	RequestID string `xml:"RequestId"`
	HostID    string `xml:"HostId"`
}

// fail answers with err, or, where an answer is under way, cuts it off.
func (c *call) fail(err error) {
	c.log(err)
	if c.began {
		panic(http.ErrAbortHandler) // the client must not take half an answer for a whole one
	}
	code, status, _ := explain(err)
	wire.SetError(c.ctx, code)
	if c.r.Method == http.MethodHead {
		c.w.Header().Set("Content-Type", "application/xml")
		c.w.WriteHeader(status)
		return
	}
	if status == http.StatusInternalServerError || status == http.StatusInsufficientStorage {
		c.takeRest()
	}
	c.writeXML(status, c.errorBody(err))
}

// Bounds on what takeRest reads.
const (
	restBytes = 256 << 20
	restTime  = 15 * time.Second
)

// takeRest reads a body that the disk had no room for. Clients send all of it
// before they look for an answer; without that, they would see a broken
// connection in its place, and try again.
func (c *call) takeRest() {
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(restTime)) // the server lifts it with the next request
	_, _ = io.CopyN(io.Discard, c.r.Body, restBytes)
}

// log writes what the operator has to know of err.
func (c *call) log(err error) {
	if code, status, _ := explain(err); status == http.StatusInternalServerError || code == "InsufficientStorage" {
		c.opt.Logger.ErrorContext(c.ctx, "request failed", "service", "s3", "operation", c.operation,
			"request_id", wire.RequestID(c.ctx), "error", err)
	}
}

func (c *call) errorBody(err error) errorXML {
	code, _, message := explain(err)
	id := wire.RequestID(c.ctx)
	return errorXML{Code: code, Message: message, Bucket: c.bucket, Key: c.key, Resource: c.r.URL.Path, RequestID: id, HostID: id}
}
