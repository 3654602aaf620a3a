// Package trainer is the process that trains one model, and the conversation
// between it and the server that started it.
//
// The two speak in frames over the process's standard input and output: the
// server gives a Task and the text that the process asks for; the process gives
// log lines, what it has measured, and the archive of the model. Nothing else
// passes between them. A text that doesn't fit into memory is in a temporary file without a
// name, so a process that ends at any point leaves nothing behind. It ends by itself when its standard input does, which is
// when the server ends. Each frame's length is checked before memory is taken for it.
package trainer

import (
	"fmt"

	"github.com/heliograph/heliograph/fasttext"
)

// Verb is the first argument of a program that calls Main.
const Verb = "training-process"

// The modes of BlazingText.
const (
	Supervised    = "supervised"
	CBOW          = "cbow"
	Skipgram      = "skipgram"
	BatchSkipgram = "batch_skipgram"
)

// The recipes of supervised mode.
const (
	Original = "fasttext" // BlazingText's algorithm
	Linear   = "linear"   // fasttext.TrainRecipe: of Args, only Label, Seed and Thread count
)

// Task is what a process is to do.
type Task struct {
	Mode   string
	Recipe string // of supervised mode
	Args   fasttext.Args

	EarlyStopping bool // supervised, with a channel validation
	MinEpochs     int  // of early stopping: the first epoch that is looked at
	Patience      int  // of early stopping: epochs without a better one before it stops
	EveryEpoch    bool // supervised: measure the validation channel after each epoch and report it
	Evaluation    bool // word vectors: compare them with people's scores of the channel evaluation

	Channels    []Channel
	Plain       bool  // the archive is a tar file that is not compressed
	MemoryBytes int64 // what the matrices may take
}

// Channel is an input that the server can read out.
type Channel struct {
	Name  string
	Files []string // the paths that its objects have in log lines, in order
}

// The channels.
const (
	Train      = "train"
	Validation = "validation"
	Evaluation = "evaluation" // word pairs with people's scores, a file each
)

// Metric is something measured, under its SageMaker name.
type Metric struct {
	Name  string
	Value float64
}

// Epoch is what was measured after an epoch.
type Epoch struct {
	Number  int // from 1
	Metrics []Metric
}

// Failure is why a training failed, in words for the job's owner.
type Failure struct {
	Class  string // ClientError, AlgorithmError or InternalServerError
	Reason string
	Cause  string // for the server's log; may be empty
}

func (f *Failure) Error() string { return f.Class + ": " + f.Reason }

// clientFailure is a failure that the job's owner can mend.
func clientFailure(cause error, format string, args ...any) error {
	f := &Failure{Class: "ClientError", Reason: fmt.Sprintf(format, args...)}
	if cause != nil {
		f.Cause = cause.Error()
	}
	return f
}

// byteSize is for messages.
func byteSize(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}
