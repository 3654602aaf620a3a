package fasttext

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// A Model is a trained classifier or a set of word vectors. It is safe for
// concurrent use.
type Model struct {
	args      Args
	dict      *dictionary
	mapped    *mapping // the file that the matrices lie in, or nil; see borrow
	in, out   matrix
	quantised bool // the input matrix is
	qout      bool // the output matrix too, if the input matrix is
	loss      objective
	labels    []string
	sharpness float32   // what a calibration multiplies scores by; 0 for none
	curve     curve     // of a calibration, or nil
	pool      sync.Pool // of *scratch

	unitVectors atomic.Pointer[unitVectors] // made when first needed
}

// scratch is what one prediction works in.
type scratch struct {
	line   lineReader
	hidden []float32
	scores []float32
	top    topK
	visits []visit

	panicking bool // what debug.SetPanicOnFault was before
}

// finish readies a model whose dictionary and matrices are in place, for use.
func (m *Model) finish(training bool) error {
	m.labels = m.dict.labelNames()
	m.pool.New = func() any {
		return &scratch{hidden: make([]float32, m.args.Dim), scores: make([]float32, len(m.labels))}
	}
	if m.args.Model != Supervised || len(m.labels) == 0 {
		return nil
	}
	var err error
	m.loss, err = newObjective(m.args, m.dict.counts[m.dict.words:], training)
	return err
}

func newObjective(a Args, counts []int64, training bool) (objective, error) {
	switch a.Loss {
	case HierarchicalSoftmax:
		return newHuffmanLoss(counts, training)
	case NegativeSampling:
		return newNegativeLoss(a.Neg, counts), nil
	case Softmax:
		return softmaxLoss{}, nil
	case OneVsAll:
		return oneVsAllLoss{}, nil
	}
	return nil, fmt.Errorf("unknown loss %d", a.Loss)
}

// Args returns the options the model was trained with; see Args for what a file carries.
func (m *Model) Args() Args { return m.args }

// Supervised reports whether the model is a classifier.
func (m *Model) Supervised() bool { return m.args.Model == Supervised }

// Quantised reports whether the model was compressed (.ftz).
func (m *Model) Quantised() bool { return m.quantised }

// Labels returns the labels with their prefix, most frequent first.
func (m *Model) Labels() []string { return slices.Clone(m.labels) }

// LabelCounts returns how often each of Labels stood in the training text.
func (m *Model) LabelCounts() []int64 { return m.dict.labelCounts() }

// Words returns how many words have a row.
func (m *Model) Words() int { return m.dict.words }

// Word returns word i, from 0 for the most frequent one, and how often it stood in the training text.
func (m *Model) Word(i int) (word string, count int64) {
	return string(m.dict.token(i)), m.dict.counts[i]
}

// Tokens returns how many tokens the training text had, labels and line ends among them.
func (m *Model) Tokens() int64 { return m.dict.tokens }

// WordVector appends the vector of a word, Dim values: the mean of its own row, if it is in
// the vocabulary, and those of its character n-grams, if the model has them;
// zeros if there is neither.
func (m *Model) WordVector(dst []float32, word string) []float32 {
	s := m.borrow()
	if s == nil {
		return append(dst, make([]float32, m.args.Dim)...)
	}
	defer m.giveBack(s)
	return append(dst, m.wordVector(s, []byte(word))...)
}

// wordVector leaves the vector in s.hidden.
func (m *Model) wordVector(s *scratch, word []byte) []float32 {
	d := m.dict
	id := d.find(word, hashWord(word))
	if int(id) >= d.words {
		id = -1 // a label: no row of its own
	}
	s.line.rows = d.appendWord(s.line.rows[:0], word, id, &s.line.tmp)
	m.average(s.hidden, s.line.rows)
	return s.hidden
}

// average sets dst to the mean of the rows, or to zeros.
func (m *Model) average(dst []float32, rows []int32) {
	if len(rows) == 0 {
		clear(dst)
		return
	}
	m.in.sum(dst, rows)
	kernel.Scale(dst, float32(1/float64(len(rows))))
}

// SentenceVector appends the vector of a text, Dim values. For a classifier it is the mean
// of all rows of the text as Predict reads it; for word vectors, the mean of the
// words' vectors, each scaled to length 1.
func (m *Model) SentenceVector(dst []float32, text string) []float32 {
	s := m.borrow()
	if s == nil {
		return append(dst, make([]float32, m.args.Dim)...)
	}
	defer m.giveBack(s)
	if m.Supervised() {
		s.line.all(m.dict, viewBytes(text))
		m.average(s.hidden, s.line.rows)
		return append(dst, s.hidden...)
	}
	return m.appendSentence(dst, s, viewBytes(text))
}

// appendSentence appends the mean of the words' vectors of length 1.
func (m *Model) appendSentence(dst []float32, s *scratch, text []byte) []float32 {
	from := len(dst)
	dst = append(dst, make([]float32, m.args.Dim)...)
	sum, n := dst[from:], 0
	for i := 0; i < len(text); {
		if sentenceSpace(text[i]) {
			i++
			continue
		}
		start := i
		for i < len(text) && !sentenceSpace(text[i]) {
			i++
		}
		v := m.wordVector(s, text[start:i])
		var norm float32
		for _, x := range v {
			norm += x * x
		}
		norm = float32(math.Sqrt(float64(norm)))
		if norm > 0 {
			kernel.Scale(v, float32(1/float64(norm)))
			kernel.Add(sum, v)
			n++
		}
	}
	if n > 0 {
		kernel.Scale(sum, float32(1/float64(n)))
	}
	return dst
}

// sentenceSpace is what separates words for sentence vectors: unlike in training, not NUL.
func sentenceSpace(c byte) bool { return c != 0 && kernel.Space[c] }
