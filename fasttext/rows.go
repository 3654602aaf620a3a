package fasttext

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// An Example is a text and its labels.
type Example struct {
	Text   string
	Labels []string // with the prefix of Args.Label or without; no white space in them
}

// TrainRows is Train for examples that a program has or makes, instead of a text in the
// original's form. They are read once, to their end; an error that comes with one ends
// training.
//
// White space of all kinds, line ends among it, only separates words. Words that Args.Label
// marks as labels, and </s>, are left out of a text, as Predict leaves them out.
func TrainRows(ctx context.Context, rows iter.Seq2[Example, error], opt TrainOptions) (*Model, error) {
	next, stop := iter.Pull2(rows)
	defer stop()
	r := &rowReader{next: next, prefix: opt.Label}
	m, err := Train(ctx, r, opt)
	if r.err != nil && r.err != io.EOF {
		return nil, fmt.Errorf("example %d: %w", r.read, r.err)
	}
	return m, err
}

// A rowReader words examples as lines.
type rowReader struct {
	next   func() (Example, error, bool)
	prefix string
	read   int // examples
	line   []byte
	rest   []byte // of line
	err    error
}

func (r *rowReader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.rest) == 0 && !r.fill() {
			if n > 0 {
				return n, nil
			}
			return 0, r.err
		}
		m := copy(p[n:], r.rest)
		r.rest = r.rest[m:]
		n += m
	}
	return n, nil
}

// fill words the next example; false at the end.
func (r *rowReader) fill() bool {
	if r.err != nil {
		return false
	}
	e, err, more := r.next()
	if !more {
		r.err = io.EOF
		return false
	}
	r.read++
	if err == nil {
		err = r.word(e)
	}
	r.err, r.rest = err, r.line
	return err == nil
}

func (r *rowReader) word(e Example) error {
	r.line = r.line[:0]
	for _, l := range e.Labels {
		name := strings.TrimPrefix(l, r.prefix)
		if name == "" || strings.IndexFunc(name, func(c rune) bool { return c < 0x80 && kernel.Space[c] }) >= 0 {
			return fmt.Errorf("the label %q is empty or has white space in it: want one word", l)
		}
		r.line = append(append(append(r.line, r.prefix...), name...), ' ')
	}
	for i, text := 0, e.Text; i < len(text); {
		if kernel.Space[text[i]] {
			i++
			continue
		}
		start := i
		for i < len(text) && !kernel.Space[text[i]] {
			i++
		}
		if word := text[start:i]; word != eos && !strings.HasPrefix(word, r.prefix) {
			r.line = append(append(r.line, word...), ' ')
		}
	}
	r.line = append(r.line, '\n')
	return nil
}
