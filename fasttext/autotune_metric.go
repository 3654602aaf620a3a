package fasttext

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A Metric is what Autotune maximises on the validation text. The zero Metric is f1. All
// are values from 0 to 1.
type Metric struct {
	kind  metricKind
	at    float64 // the recall or precision asked for, from 0 to 1
	label string  // with its prefix; empty for all labels together
}

type metricKind int

const (
	f1Metric metricKind = iota
	precisionAtRecall
	recallAtPrecision
)

var metricNames = [...]string{
	f1Metric: "f1", precisionAtRecall: "precisionAtRecall", recallAtPrecision: "recallAtPrecision",
}

// ParseMetric returns the metric that the original command's -autotune-metric names:
//
//	f1                          F1 over all labels together
//	f1:LABEL                    F1 of one label
//	precisionAtRecall:30        best precision with a recall of at least 30 percent
//	precisionAtRecall:30:LABEL  the same for one label
//	recallAtPrecision:30        best recall with a precision of at least 30 percent
//	recallAtPrecision:30:LABEL  the same for one label
//
// Labels are written with their prefix.
func ParseMetric(s string) (Metric, error) {
	name, rest, more := strings.Cut(s, ":")
	kind := metricKind(slices.Index(metricNames[:], name))
	if kind < 0 {
		return Metric{}, fmt.Errorf("unknown metric %q: want f1, f1:LABEL, precisionAtRecall:PERCENT[:LABEL] or recallAtPrecision:PERCENT[:LABEL]", s)
	}
	m := Metric{kind: kind}
	if kind != f1Metric {
		var number string
		number, rest, more = strings.Cut(rest, ":")
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil || !(percent >= 0 && percent <= 100) {
			return Metric{}, fmt.Errorf("metric %q: %q is not a percentage: want a number from 0 to 100 behind %s and the colon", s, number, name)
		}
		m.at = percent / 100
	}
	if more && rest == "" {
		return Metric{}, fmt.Errorf("metric %q: the label after the last colon is missing", s)
	}
	m.label = rest
	return m, nil
}

// String returns the form that ParseMetric takes.
func (m Metric) String() string {
	s := metricNames[m.kind]
	if m.kind != f1Metric {
		s += ":" + strconv.FormatFloat(100*m.at, 'f', -1, 64)
	}
	if m.label != "" {
		s += ":" + m.label
	}
	return s
}

// An outcome is one prediction for one example.
type outcome struct {
	score float32
	right bool
}

// A tally counts what a metric needs.
type tally struct {
	metric                   Metric
	label                    int32 // that the metric is about, or -1 for all
	gold, predicted, correct int64
	outcomes                 []outcome // for the metrics that look at a curve
}

func (t *tally) add(gold []int32, found []candidate) {
	for _, g := range gold {
		if t.label < 0 || g == t.label {
			t.gold++
		}
	}
	for _, c := range found {
		if t.label >= 0 && c.label != t.label {
			continue
		}
		right := slices.Contains(gold, c.label)
		t.predicted++
		if right {
			t.correct++
		}
		if t.metric.kind != f1Metric {
			t.outcomes = append(t.outcomes, outcome{c.score, right})
		}
	}
}

// value returns the metric; 0 where it is undefined.
func (t *tally) value() float64 {
	if t.metric.kind == f1Metric {
		return 2 * float64(t.correct) / float64(max(t.predicted+t.gold, 1))
	}
	if t.gold == 0 {
		return 0
	}
	// Each threshold at which predictions are accepted gives a precision and a recall.
	slices.SortFunc(t.outcomes, func(a, b outcome) int { return cmp.Compare(b.score, a.score) })
	best := 0.0
	if t.metric.kind == precisionAtRecall && t.metric.at == 0 {
		best = 1 // nothing accepted, nothing wrong
	}
	right := 0
	for i, o := range t.outcomes {
		if o.right {
			right++
		}
		if i+1 < len(t.outcomes) && t.outcomes[i+1].score == o.score {
			continue
		}
		precision, recall := float64(right)/float64(i+1), float64(right)/float64(t.gold)
		switch {
		case t.metric.kind == precisionAtRecall && recall >= t.metric.at:
			best = max(best, precision)
		case t.metric.kind == recallAtPrecision && precision >= t.metric.at:
			best = max(best, recall)
		}
	}
	return best
}

func newTally(metric Metric, m *Model) *tally {
	t := &tally{metric: metric, label: -1}
	if metric.label != "" {
		t.label = int32(slices.Index(m.labels, metric.label))
	}
	return t
}

// Measure returns a metric of the model over labelled text, with k predictions for each
// line; k below 1 is all. Lines are those of Test. It is 0 where it is undefined.
func (m *Model) Measure(ctx context.Context, r io.Reader, metric Metric, k int) (float64, error) {
	if !m.Supervised() {
		return 0, ErrNotSupervised
	}
	if metric.label != "" && !slices.Contains(m.labels, metric.label) {
		return 0, fmt.Errorf("metric %v: the model has no label %s", metric, metric.label)
	}
	total := newTally(metric, m)
	err := forBlocks(ctx, r, func(b block) (*tally, error) {
		s := m.pool.Get().(*scratch)
		defer m.pool.Put(s)
		part := newTally(metric, m)
		for text := b.text; len(text) > 0; {
			text = s.line.next(m.dict, text)
			if len(s.line.labels) > 0 && len(s.line.rows) > 0 {
				part.add(s.line.labels, m.rank(s, k, 0))
			}
		}
		return part, nil
	}, func(part *tally) error {
		total.gold += part.gold
		total.predicted += part.predicted
		total.correct += part.correct
		total.outcomes = append(total.outcomes, part.outcomes...)
		return nil
	})
	return total.value(), err
}

// measure returns the metric over the held-out examples, with k predictions for each.
func (t *trainer) measure(metric Metric, k int) (float64, error) {
	count := newTally(metric, t.model)
	s := t.model.pool.Get().(*scratch)
	defer t.model.pool.Put(s)
	plain := *t.expander
	plain.classes = nil
	var in input
	err := t.held.each(context.Background(), func(units []uint16) {
		plain.expand(units, &in)
		s.line.rows = append(s.line.rows[:0], in.rows...)
		count.add(in.labels, t.model.rank(s, k, 0))
	})
	return count.value(), err
}
