package fasttext

import (
	"cmp"
	"context"
	"io"
	"math"
	"slices"
)

// Metrics is how well a model predicts the labels of a text.
type Metrics struct {
	K        int   // how many labels were asked for, for each example
	Examples int64 // lines with known labels and with words
	Skipped  int64 // lines without, which count for nothing
	// Labels has the counts of each label of the model, in its order.
	Labels []LabelMetrics

	confusion map[[2]int32]int64
}

// LabelMetrics is how well one label is predicted.
type LabelMetrics struct {
	Label     string
	Gold      int64 // examples that have it
	Predicted int64 // examples that it was predicted for
	Correct   int64 // both
}

// Precision returns the share of the predictions that are right; NaN if there are none.
func (l LabelMetrics) Precision() float64 { return share(l.Correct, l.Predicted) }

// Recall returns the share of the examples with the label that got it; NaN if there are none.
func (l LabelMetrics) Recall() float64 { return share(l.Correct, l.Gold) }

// F1 returns the harmonic mean of precision and recall; NaN if there is neither.
func (l LabelMetrics) F1() float64 { return share(2*l.Correct, l.Predicted+l.Gold) }

func share(a, b int64) float64 {
	if b == 0 {
		return math.NaN() // and not the negative one that the division gives
	}
	return float64(a) / float64(b)
}

func (m *Metrics) total() (t LabelMetrics) {
	for _, l := range m.Labels {
		t.Gold += l.Gold
		t.Predicted += l.Predicted
		t.Correct += l.Correct
	}
	return t
}

// Precision returns precision at K: the share of all predictions that are right.
func (m *Metrics) Precision() float64 { return m.total().Precision() }

// Recall returns recall at K: the share of all the examples' labels that were predicted.
func (m *Metrics) Recall() float64 { return m.total().Recall() }

// F1 returns the harmonic mean of Precision and Recall, over all labels together
// (micro-averaged).
func (m *Metrics) F1() float64 { return m.total().F1() }

// MacroF1 returns the mean of F1 over the labels that examples have or got; NaN if there are none.
func (m *Metrics) MacroF1() float64 {
	var sum float64
	n := 0
	for _, l := range m.Labels {
		if f := l.F1(); !math.IsNaN(f) {
			sum += f
			n++
		}
	}
	return sum / float64(n)
}

// Confusion is how often the best prediction for examples with one label was another,
// or the same.
type Confusion struct {
	Gold, Predicted string
	Count           int64
}

// Confusions returns the cells of the confusion matrix that are not zero, the highest first. An
// example with several labels counts for each of them; one whose predictions are
// all below the threshold, for none.
func (m *Metrics) Confusions() []Confusion {
	keys := make([][2]int32, 0, len(m.confusion))
	for k := range m.confusion {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]int32) int {
		return cmp.Or(cmp.Compare(m.confusion[b], m.confusion[a]), cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	cells := make([]Confusion, len(keys))
	for i, k := range keys {
		cells[i] = Confusion{m.Labels[k[0]].Label, m.Labels[k[1]].Label, m.confusion[k]}
	}
	return cells
}

// ConfusionAt returns one cell of the confusion matrix, by the labels' places in Labels.
func (m *Metrics) ConfusionAt(gold, predicted int) int64 {
	return m.confusion[[2]int32{int32(gold), int32(predicted)}]
}

// Test predicts k labels for each line of labelled text, without those whose
// probability is below threshold, and counts how many are right. k below 1 asks for all. Lines
// and predictions are those of PredictLines. Labels that the model does not know
// are left out.
func (m *Model) Test(ctx context.Context, r io.Reader, k int, threshold float32) (*Metrics, error) {
	if !m.Supervised() {
		return nil, ErrNotSupervised
	}
	total := m.newMetrics(k)
	err := forBlocks(ctx, r, func(b block) (part *Metrics, err error) {
		s := m.borrow()
		if s == nil {
			return nil, ErrClosed
		}
		defer m.giveBack(s)
		defer recoverFault(&err)
		part = m.newMetrics(k)
		for text := b.text; len(text) > 0; {
			text = s.line.next(m.dict, text)
			if len(s.line.labels) == 0 || len(s.line.rows) == 0 {
				part.Skipped++
				continue
			}
			found := m.rank(s, k, threshold)
			if m.broken(s, found) {
				return nil, ErrNotNumbers
			}
			part.count(s.line.labels, found)
		}
		return part, nil
	}, func(part *Metrics) error {
		total.add(part)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return total, nil
}

func (m *Model) newMetrics(k int) *Metrics {
	s := &Metrics{K: k, Labels: make([]LabelMetrics, len(m.labels)), confusion: map[[2]int32]int64{}}
	for i, l := range m.labels {
		s.Labels[i].Label = l
	}
	return s
}

func (m *Metrics) count(gold []int32, found []candidate) {
	m.Examples++
	for _, g := range gold {
		m.Labels[g].Gold++
		if len(found) > 0 {
			m.confusion[[2]int32{g, found[0].label}]++
		}
	}
	for _, c := range found {
		m.Labels[c.label].Predicted++
		if slices.Contains(gold, c.label) {
			m.Labels[c.label].Correct++
		}
	}
}

func (m *Metrics) add(part *Metrics) {
	m.Examples += part.Examples
	m.Skipped += part.Skipped
	for i, l := range part.Labels {
		m.Labels[i].Gold += l.Gold
		m.Labels[i].Predicted += l.Predicted
		m.Labels[i].Correct += l.Correct
	}
	for k, n := range part.confusion {
		m.confusion[k] += n
	}
}
