package training

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/heliograph/heliograph/internal/errs"
)

// failure is why a job failed, in words for its owner.
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
	errStopped    = errors.New("stopped by StopTrainingJob")
	errMaxRuntime = errors.New("MaxRuntimeInSeconds is over")
	errMaxWait    = errors.New("MaxWaitTimeInSeconds is over")
	errMaxPending = errors.New("MaxPendingTimeInSeconds is over")
	errLeaseLost  = errors.New("the lease was lost")
)

// ends are those of them that end a job as Stopped, with how that is told.
var ends = []struct {
	cause              error
	secondary, message string
}{
	{errStopped, Stopped, "Training job stopped"},
	{errMaxRuntime, MaxRuntimeExceeded, "Training job runtime exceeded MaxRuntimeInSeconds"},
	{errMaxWait, MaxWaitTimeExceeded, "Training job runtime and wait time exceeded MaxWaitTimeInSeconds"},
	{errMaxPending, Stopped, "Training job stopped, as it waited for capacity for longer than MaxPendingTimeInSeconds"},
}

// stopCause returns which of ends err is, or nil.
func stopCause(err error) error {
	for _, e := range ends {
		if errors.Is(err, e.cause) {
			return e.cause
		}
	}
	return nil
}

const maxFailureReason = 1024

// failureReason words err for DescribeTrainingJob. Causes that are not meant for
// callers stay in the log.
func failureReason(err error) string {
	var text string
	if f, ok := errors.AsType[*failure](err); ok {
		text = f.Error()
	} else if e, ok := errors.AsType[*errs.Error](err); ok && e.Kind != errs.Internal {
		class := "InternalServerError: "
		switch e.Kind {
		case errs.Invalid, errs.NotFound, errs.Denied, errs.Unauthenticated, errs.TooLarge, errs.Unsupported:
			class = "ClientError: "
		}
		text = class + e.Message
	} else if errors.Is(err, context.DeadlineExceeded) {
		text = "InternalServerError: A part of the server did not answer in time. Please create the job again."
	} else {
		text = "InternalServerError: We encountered an internal error. Please create the job again; the server's log has the cause under the job's name."
	}
	if len(text) <= maxFailureReason {
		return text
	}
	cut := maxFailureReason - len("…")
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
