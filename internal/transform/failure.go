package transform

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/heliograph/heliograph/internal/errs"
)

// failure is why an object or a job failed, in words for the job's owner.
type failure struct {
	class  string // ClientError, AlgorithmError or InternalServerError
	reason string
	cause  error // for the server's log; may be nil
}

func (f *failure) Error() string { return f.class + ": " + f.reason }

func (f *failure) Unwrap() error { return f.cause }

// clientFailure is a failure that the job's owner can mend.
func clientFailure(cause error, format string, args ...any) error {
	return &failure{class: "ClientError", reason: fmt.Sprintf(format, args...), cause: cause}
}

// Why a running job is to end early; the causes of its context.
var (
	errStopped   = errors.New("stopped by StopTransformJob")
	errLeaseLost = errors.New("the lease was lost")
)

// failureOf gives any error a class and words; causes that are not meant for
// callers stay in the log.
func failureOf(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Kind != errs.Internal {
		class := "InternalServerError"
		switch e.Kind {
		case errs.Invalid, errs.NotFound, errs.Denied, errs.Unauthenticated, errs.TooLarge, errs.Unsupported:
			class = "ClientError"
		}
		return &failure{class, e.Message, err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &failure{"InternalServerError", "A part of the server did not answer in time. Please create the job again.", err}
	}
	return &failure{"InternalServerError", "We encountered an internal error. Please create the job again; the server's log has the cause under the job's name.", err}
}

const maxFailureReason = 1024

func clipReason(text string) string {
	if len(text) <= maxFailureReason {
		return text
	}
	cut := maxFailureReason - len("…")
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// fullChain shows the cause that a failure keeps from its owner.
func fullChain(err error) string {
	text := err.Error()
	if f, ok := errors.AsType[*failure](err); ok && f.cause != nil {
		text += ": " + f.cause.Error()
	}
	return text
}
