// Package dataset reads, checks, splits and writes labelled text, the input of
// a text classifier, and holds the starter set of customer requests.
//
// Four shapes of file are one to its users: lines with `__label__` tokens
// (fastText, BlazingText), CSV with a header line, JSON Lines (augmented
// manifests among them), and each of these compressed with gzip.
//
//	r, err := dataset.Open("requests.csv.gz", dataset.ReadOptions{})
//	if err != nil { … }
//	defer r.Close()
//	for row, err := range r.Rows() { … }
//
// Guarantees: a file is read as a stream, and memory is bounded by
// ReadOptions.MaxLine whatever the file holds; an error names the file and the
// line and says what to do; [Normalize] is the one normalisation of raw text, so
// that a model sees the same tokens in training and in use; [Split] and [Folds]
// give the same parts for the same rows and seed on every machine.
//
// The package doesn't train and doesn't fetch: it reads what an io.Reader gives.
package dataset

import (
	"errors"
	"fmt"
	"iter"
)

// Row is one labelled text.
type Row struct {
	// Labels are the row's labels without prefix, in the file's order, none
	// twice. Rows with equal labels may share the slice: don't change it.
	Labels []string
	// Text is the text as the file has it, valid UTF-8 (see Replaced) and not
	// normalised. In a file of `__label__` lines it is the line without its labels.
	Text string
	// Line is the line of the file on which the row begins, from 1; 0 if the row
	// comes from elsewhere.
	Line int
	// Replaced says that the row held bytes that aren't UTF-8 and now has
	// U+FFFD in their place.
	Replaced bool
}

// Source is what rows come from: a *Reader or a Slice.
type Source interface {
	// Rows yields each row once. A yielded error stands in the place of a row; a
	// loop that goes on gets the next row, unless the stream itself is broken.
	Rows() iter.Seq2[Row, error]
}

// Slice is a Source of rows in memory.
type Slice []Row

// Rows yields the rows of s.
func (s Slice) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, row := range s {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// ReadAll returns all rows of src, or the first error.
func ReadAll(src Source) ([]Row, error) {
	var rows []Row
	for row, err := range src.Rows() {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// What an *Error can be about, for errors.Is.
var (
	ErrEmpty     = errors.New("the file is empty")
	ErrTooLong   = errors.New("the line is too long")
	ErrMalformed = errors.New("the row is malformed")
	ErrColumn    = errors.New("no such column")
	ErrEncoding  = errors.New("not UTF-8 text")
	ErrTruncated = errors.New("the file ends too early")
)

// Error is a fault in a file: where it is, what it is and what to do.
type Error struct {
	Name string // of the file, as given to Open or NewReader
	Line int    // from 1; 0 if the whole file is meant
	Msg  string
	Err  error // one of the Err… values above, or the cause

	final bool // no further row can be read, whatever Err is
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", e.Name, e.Line, e.Msg)
	}
	return fmt.Sprintf("%s: %s", e.Name, e.Msg)
}

func (e *Error) Unwrap() error { return e.Err }
