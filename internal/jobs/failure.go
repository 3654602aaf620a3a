package jobs

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/heliograph/heliograph/internal/errs"
)

// A Failure is why a job, or a part of it, failed, in words for its owner.
type Failure struct {
	Class  string // ClientError, AlgorithmError or InternalServerError
	Reason string
	Cause  error // for the server's log; may be nil
}

func (f *Failure) Error() string { return f.Class + ": " + f.Reason }

func (f *Failure) Unwrap() error { return f.Cause }

// ClientFailure is a Failure that the job's owner can mend.
func ClientFailure(cause error, format string, args ...any) error {
	return &Failure{Class: "ClientError", Reason: fmt.Sprintf(format, args...), Cause: cause}
}

// FailureOf gives any error a class and words. Causes that are not meant for
// callers stay in the log.
func FailureOf(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Kind != errs.Internal {
		class := "InternalServerError"
		switch e.Kind {
		case errs.Invalid, errs.NotFound, errs.Denied, errs.Unauthenticated, errs.TooLarge, errs.Unsupported:
			class = "ClientError"
		}
		return &Failure{class, e.Message, err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Failure{"InternalServerError", "A part of the server did not answer in time. Please create the job again.", err}
	}
	return &Failure{"InternalServerError", "We encountered an internal error. Please create the job again; the server's log has the cause under the job's name.", err}
}

// maxReason is the longest FailureReason of AWS, in bytes.
const maxReason = 1024

// FailureReason words err for a Describe call.
func FailureReason(err error) string {
	text := FailureOf(err).Error()
	if len(text) <= maxReason {
		return text
	}
	cut := maxReason - len("…")
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// FullChain words err for the log, with the cause that a Failure keeps from its owner.
func FullChain(err error) string {
	text := err.Error()
	if f, ok := errors.AsType[*Failure](err); ok && f.Cause != nil {
		text += ": " + f.Cause.Error()
	}
	return text
}
