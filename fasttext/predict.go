package fasttext

import (
	"bytes"
	"context"
	"io"
	"unsafe"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// A Prediction is a label, with its prefix, and its probability.
type Prediction struct {
	Label string
	Prob  float32
}

// Predict appends the k most probable labels of a text, best first, without
// those whose probability is below threshold. k below 1 asks for all of them.
//
// The text is one example: its tokens are separated by spaces, tabs, newlines,
// carriage returns, vertical tabs, form feeds and NULs, and </s>, which ends it, is added, as it was
// for every line in training. Words should be written as they were there; see
// package dataset for the usual normalisation. A text without anything the model
// has a row for, a model of word vectors, and one with weights that are not numbers give no predictions.
//
// Probabilities are the original's, 0.00001 too high by its arithmetic, but never above 1;
// see WithCalibration for better ones.
func (m *Model) Predict(dst []Prediction, text string, k int, threshold float32) []Prediction {
	if m.loss == nil {
		return dst
	}
	s := m.borrow()
	if s == nil {
		return dst
	}
	defer m.giveBack(s)
	s.line.all(m.dict, viewBytes(text))
	for _, c := range m.rank(s, k, threshold) {
		dst = append(dst, Prediction{m.labels[c.label], m.prob(s, c)})
	}
	return dst
}

// rank returns the best labels of the rows in s.line.
func (m *Model) rank(s *scratch, k int, threshold float32) []candidate {
	if len(s.line.rows) == 0 {
		return nil
	}
	if k < 1 || k > len(m.labels) {
		k = len(m.labels)
	}
	m.hide(s)
	s.top.k, s.top.heap = k, s.top.heap[:0]
	if m.curve != nil {
		m.predictCurved(s, threshold)
	} else {
		m.loss.predict(s, m.out, threshold)
	}
	return s.top.sorted()
}

// broken reports whether rank found nothing because the model has weights that are not numbers.
func (m *Model) broken(s *scratch, found []candidate) bool {
	return len(found) == 0 && len(s.line.rows) > 0 && !finite(s.scores)
}

// hide sets s.hidden to what the output rows judge: the mean of the rows in s.line, in a
// calibrated model scaled.
func (m *Model) hide(s *scratch) {
	m.average(s.hidden, s.line.rows)
	if m.sharpness != 0 {
		kernel.Scale(s.hidden, m.sharpness)
	}
}

// PredictLines reads lines and hands the predictions for each, in order, to each;
// what it hands over is only valid during the call. Lines are those of the original
// command: one ends with a newline or with the token </s>, and the last one may end with
// the text. Probabilities are exactly the original's, so they may be 1.00001. It
// answers each line as soon as r delivers it.
func (m *Model) PredictLines(ctx context.Context, r io.Reader, k int, threshold float32, each func([]Prediction) error) error {
	if m.loss == nil {
		return ErrNotSupervised
	}
	type answers struct {
		all  []Prediction
		ends []int
	}
	return forBlocks(ctx, r, func(b block) (a answers, err error) {
		s := m.borrow()
		if s == nil {
			return a, ErrClosed
		}
		defer m.giveBack(s)
		defer recoverFault(&err)
		for text := b.text; len(text) > 0; {
			text = s.line.next(m.dict, text)
			found := m.rank(s, k, threshold)
			if m.broken(s, found) {
				return a, ErrNotNumbers
			}
			for _, c := range found {
				p := probOf(c.score)
				if m.sharpness != 0 {
					p = m.prob(s, c)
				}
				a.all = append(a.all, Prediction{m.labels[c.label], p})
			}
			a.ends = append(a.ends, len(a.all))
		}
		return a, nil
	}, func(a answers) error {
		start := 0
		for _, end := range a.ends {
			if err := each(a.all[start:end]); err != nil {
				return err
			}
			start = end
		}
		return nil
	})
}

// SentenceVectorLines reads lines and hands the vector of each, in order, to
// each; what it hands over is only valid during the call. Lines of a classifier are those
// of PredictLines.
func (m *Model) SentenceVectorLines(ctx context.Context, r io.Reader, each func([]float32) error) error {
	dim := m.args.Dim
	return forBlocks(ctx, r, func(b block) (all []float32, err error) {
		s := m.borrow()
		if s == nil {
			return nil, ErrClosed
		}
		defer m.giveBack(s)
		defer recoverFault(&err)
		for text := b.text; len(text) > 0; {
			if m.Supervised() {
				text = s.line.next(m.dict, text)
				m.average(s.hidden, s.line.rows)
				all = append(all, s.hidden...)
				continue
			}
			line, rest, _ := bytes.Cut(text, []byte("\n"))
			all, text = m.appendSentence(all, s, line), rest
		}
		return all, nil
	}, func(all []float32) error {
		for ; len(all) >= dim; all = all[dim:] {
			if err := each(all[:dim:dim]); err != nil {
				return err
			}
		}
		return nil
	})
}

// viewBytes returns the bytes of a string, which must not be changed.
func viewBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// viewString is b as a string, as long as b does not change.
func viewString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
