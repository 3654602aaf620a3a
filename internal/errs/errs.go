// Package errs is the one error type of the server: what kind of thing went
// wrong, a stable code, a sentence for the caller, and the cause for the log.
//
// Services return *Error values (or wrap them with %w); protocol packages turn
// Kind and Code into a status and body exactly once. An error of any other type
// is Internal: its text goes to the log and never to the caller.
package errs

import (
	"errors"
	"fmt"
)

// Kind says what class of failure an error is. Protocols map it to a status.
type Kind uint8

const (
	Internal        Kind = iota // a fault of the server; details stay in the log
	Invalid                     // the request is malformed or out of range
	NotFound                    // the named thing does not exist
	Conflict                    // the name is taken, or the state forbids the change
	Unauthenticated             // no valid credentials came with the request
	Denied                      // the principal may not do this
	TooLarge                    // a body, object or name is over its limit
	Throttled                   // too many requests; try later
	Unavailable                 // a needed part is not ready; try later
	Unsupported                 // known, but not offered here
	Precondition                // a condition the caller set does not hold
)

var kindNames = [...]string{
	Internal: "internal", Invalid: "invalid", NotFound: "not found", Conflict: "conflict",
	Unauthenticated: "unauthenticated", Denied: "denied", TooLarge: "too large", Throttled: "throttled",
	Unavailable: "unavailable", Unsupported: "unsupported", Precondition: "precondition failed",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is a failure that a caller may see.
type Error struct {
	Kind    Kind
	Code    string // stable, machine-readable, e.g. "NoSuchBucket"; empty means the protocol's default for Kind
	Message string // a sentence for the caller: what, where, what to do
	Err     error  // the cause, for the log; may be nil
}

// New returns an error whose message is shown to the caller.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap is New with a cause that is logged but not shown to the caller.
func Wrap(cause error, kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...), Err: cause}
}

// Invalidf is New for the most frequent case, an invalid request without a specific code.
func Invalidf(format string, args ...any) *Error { return New(Invalid, "", format, args...) }

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the outermost *Error in err's chain, Internal if
// there is none. KindOf(nil) is meaningless and returns Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is reports whether err's outermost *Error is of the given kind.
func Is(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}

// CodeOf returns the code of the outermost *Error in err's chain, or "".
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// MessageOf returns what may be shown to a caller: the message of the outermost
// *Error, and for internal or foreign errors a sentence that gives nothing away.
func MessageOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && (e.Kind != Internal || e.Message != "" && e.Err == nil) {
		return e.Message
	}
	return "We encountered an internal error. Please try again; the server's log has the cause under this request id."
}
