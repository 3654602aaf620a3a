package fasttext

import (
	"errors"
	"fmt"
)

var (
	// ErrEmpty means that no words were left to learn from: the text is empty, or
	// -minCount leaves every word out.
	ErrEmpty = errors.New("no words to learn from: the text is empty, or -minCount is too high for it")

	// ErrNoLabels means that no line of the text carries a label next to words.
	ErrNoLabels = errors.New("no labelled lines: each line needs words and at least one token that starts with the label prefix (-label), and -minCountLabel must not leave all labels out")

	// ErrDiverged means that a weight stopped being a number. The remedy is a lower learning rate.
	ErrDiverged = errors.New("training diverged (a weight is not a number any more): lower -lr")

	// ErrNotNumbers means that a model that was opened, and not read, turned out to have weights that are
	// not numbers.
	ErrNotNumbers = errors.New("the model has weights that are not numbers: train it again, with a lower learning rate")

	// ErrClosed means that a model from Open was used after its Close.
	ErrClosed = errors.New("the model is closed")

	// ErrNotSupervised means that a classifier was asked for and the model holds word vectors.
	ErrNotSupervised = errors.New("the model holds word vectors: it has no labels to predict")
)

// A FormatError says where a model or vectors file is not what it should be.
type FormatError struct {
	Offset int64  // bytes from the start of the file
	What   string // what was wrong
	Err    error  // the cause, such as io.ErrUnexpectedEOF; may be nil
}

func (e *FormatError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("not a fastText model: at byte %d: %s: %v", e.Offset, e.What, e.Err)
	}
	return fmt.Sprintf("not a fastText model: at byte %d: %s", e.Offset, e.What)
}

func (e *FormatError) Unwrap() error { return e.Err }
