package training

import (
	"errors"
)

// Why a running job is to end early; the causes of its context.
var (
	errStopped    = errors.New("stopped by StopTrainingJob")
	errMaxRuntime = errors.New("MaxRuntimeInSeconds is over")
	errMaxWait    = errors.New("MaxWaitTimeInSeconds is over")
	errMaxPending = errors.New("MaxPendingTimeInSeconds is over")
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
