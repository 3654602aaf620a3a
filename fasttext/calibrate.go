package fasttext

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"sync"
)

// A heldOut is an example to calibrate on.
type heldOut struct {
	text string
	gold []int32 // labels, without those that the model doesn't know
}

// scoredExample is what the loss of an example follows from.
type scoredExample struct {
	gold   []int32
	scores []float32 // of each label; of each question on the way to each gold label
}

// mostScores bounds the memory for scores: 128 MB.
const mostScores = 32 << 20

// Calibrate fits a calibration to texts with their labels, as the model has them; the texts should
// not have been trained on. Texts are read as Predict reads them. Those that the model knows
// nothing of, or that have no labels, are left out. Of more
// examples than 32 million scores are for, a random sample is taken, the same each time.
//
// One temperature is fitted by maximum likelihood (Platt, 1999; Guo et al., "On Calibration
// of Modern Neural Networks", 2017, section 4.2). Where a fit to four fifths of the examples shows that it does better
// on the others, isotonic regression goes on from there (Zadrozny and Elkan, 2002); with
// softmax, what comes of all labels is then divided by its sum. For one-vs-all and negative
// sampling also a threshold for each label that five examples or more have: the one of the highest F1, drawn
// towards that of all labels together if examples are few.
func (m *Model) Calibrate(ctx context.Context, examples iter.Seq2[string, []string]) (*Calibration, error) {
	if m.loss == nil {
		return nil, ErrNotSupervised
	}
	s := m.borrow()
	if s == nil {
		return nil, ErrClosed
	}
	defer m.giveBack(s)
	name, err := m.fingerprint()
	if err != nil {
		return nil, err
	}
	sample, err := m.sample(ctx, examples)
	if err != nil {
		return nil, err
	}
	scored := m.score(sample)
	c := &Calibration{Model: name, Examples: len(sample)}
	if c.CrossValidated, err = m.crossValidate(ctx, sample, scored); err != nil {
		return nil, err
	}
	known := slices.DeleteFunc(scored, func(x scoredExample) bool { return x.scores == nil })
	c.Temperature, c.LossBefore, c.LossAfter = m.fitTemperature(known)
	if math.IsNaN(c.LossBefore) || math.IsInf(c.LossBefore, 0) {
		return nil, errors.New("the model gives scores that are not numbers: train it again, with a lower learning rate")
	}
	calibrated, err := m.tempered(c.Temperature, nil)
	if err != nil {
		return nil, err
	}
	if v := c.CrossValidated; v != nil && v.isotonicIsBetter() {
		c.Isotonic = fitCurve(calibrated.judge(sample))
		if calibrated, err = m.tempered(c.Temperature, c.Isotonic); err != nil {
			return nil, err
		}
	}
	c.ErrorBefore, c.ErrorAfter = scoreOf(m.judgeBest(sample)).Error, scoreOf(calibrated.judgeBest(sample)).Error
	switch m.loss.(type) {
	case *negativeLoss, oneVsAllLoss:
		calibrated.fitThresholds(c, sample)
	}
	return c, ctx.Err()
}

// errNothingHeld means that there was nothing to calibrate on.
var errNothingHeld = errors.New("nothing to calibrate on: no text has both a label and words that the model knows")

func (m *Model) sample(ctx context.Context, examples iter.Seq2[string, []string]) ([]heldOut, error) {
	ids := make(map[string]int32, len(m.labels))
	for i, l := range m.labels {
		ids[l] = int32(i)
	}
	most := max(mostScores/len(m.labels), 1000)
	var sample []heldOut
	seen, r := 0, newRNG(0, 0)
	for text, labels := range examples {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(labels) == 0 || !m.knows(text) {
			continue
		}
		h := heldOut{text: text}
		for _, l := range labels {
			if id, ok := ids[l]; ok && !slices.Contains(h.gold, id) {
				h.gold = append(h.gold, id)
			}
		}
		// Vitter's algorithm R.
		if seen++; seen <= most {
			sample = append(sample, h)
		} else if i := r.intn(seen); i < most {
			sample[i] = h
		}
	}
	if !slices.ContainsFunc(sample, func(h heldOut) bool { return len(h.gold) > 0 }) {
		return nil, errNothingHeld
	}
	return sample, nil
}

// knows reports whether a text has rows.
func (m *Model) knows(text string) bool {
	s := m.pool.Get().(*scratch)
	defer m.pool.Put(s)
	s.line.all(m.dict, viewBytes(text))
	return len(s.line.rows) > 0
}

// score computes the scores of the examples; none of those without known labels.
func (m *Model) score(sample []heldOut) []scoredExample {
	scored := make([]scoredExample, len(sample))
	tree, _ := m.loss.(*huffmanLoss)
	ways := sync.OnceValue(func() *huffmanLoss {
		l, _ := newHuffmanLoss(m.dict.counts[m.dict.words:], true) // it was made before
		return l
	})
	inParallel(context.Background(), maxWorkers(), len(sample), 64, func(from, to int) {
		s := m.pool.Get().(*scratch) // Calibrate holds the matrices
		defer m.pool.Put(s)
		for i := from; i < to; i++ {
			if len(sample[i].gold) == 0 {
				continue
			}
			s.line.all(m.dict, viewBytes(sample[i].text))
			m.hide(s)
			x := scoredExample{gold: sample[i].gold}
			if tree != nil {
				x.scores = ways().margins(m.out, s.hidden, x.gold)
			} else {
				x.scores = make([]float32, len(m.labels))
				m.out.dots(x.scores, s.hidden)
			}
			scored[i] = x
		}
	})
	return scored
}

// margins returns the score of each right answer on the ways to the labels.
func (l *huffmanLoss) margins(out matrix, hidden []float32, labels []int32) (margins []float32) {
	for _, label := range labels {
		start := 0
		if label > 0 {
			start = l.pathEnds[label-1]
		}
		for i := start; i < l.pathEnds[label]; i++ {
			x := out.dot(int(l.path[i]), hidden)
			if !l.yes[i] {
				x = -x
			}
			margins = append(margins, x)
		}
	}
	return margins
}

// meanLoss returns the mean negative log-likelihood with all scores times sharpness.
func (m *Model) meanLoss(scored []scoredExample, sharpness float64) float64 {
	losses := make([]float64, len(scored))
	inParallel(context.Background(), maxWorkers(), len(scored), 256, func(from, to int) {
		for i := from; i < to; i++ {
			x := scored[i]
			switch m.loss.(type) {
			case softmaxLoss:
				losses[i] = softmaxNLL(x, sharpness)
			case *huffmanLoss:
				for _, margin := range x.scores {
					losses[i] -= logSigmoid(float64(margin) * sharpness)
				}
				losses[i] /= float64(len(x.gold))
			default:
				for label, score := range x.scores {
					margin := float64(score) * sharpness
					if !slices.Contains(x.gold, int32(label)) {
						margin = -margin
					}
					losses[i] -= logSigmoid(margin)
				}
			}
		}
	})
	var sum float64
	for _, l := range losses {
		sum += l
	}
	return sum / float64(len(losses))
}

func softmaxNLL(x scoredExample, sharpness float64) float64 {
	highest := float64(slices.Max(x.scores))
	var sum, gold float64
	for _, score := range x.scores {
		sum += math.Exp((float64(score) - highest) * sharpness)
	}
	for _, label := range x.gold {
		gold += (float64(x.scores[label]) - highest) * sharpness
	}
	return math.Log(sum) - gold/float64(len(x.gold))
}

// A judged is the probability of a label for an example, and whether the example has it.
type judged struct {
	prob float32
	gold bool
}

const (
	// fewestForThreshold is how many examples a label needs for a threshold of its own.
	fewestForThreshold = 5
	// shrinkage is how many examples the threshold of all labels is worth against a label's own. Without
	// it, those of rare labels follow chance: on the cooking questions (736 tags, fitted on one
	// half of the validation set, measured on the other) F1 was 0.302, with it 0.395.
	shrinkage = 20
	// mostJudged bounds what the threshold of all labels is fitted on; frequent labels come first.
	mostJudged = 4 << 20
)

// fitThresholds finds the threshold of each label with the highest F1, and the one for all labels
// together, towards which it draws the others.
func (m *Model) fitThresholds(c *Calibration, sample []heldOut) {
	probs := make([][]float32, len(sample))
	m.eachHeld(sample, 64, func(s *scratch, part []heldOut, from int) {
		for i, h := range part {
			s.line.all(m.dict, viewBytes(h.text))
			m.hide(s)
			m.probabilities(s)
			probs[from+i] = slices.Clone(s.scores)
		}
	})
	c.Thresholds, c.DefaultThreshold = map[string]float32{}, 0.5
	var all []judged
	column, have := make([]judged, len(sample)), map[string]int{}
	for label, name := range m.labels {
		for i, h := range sample {
			column[i] = judged{probs[i][label], slices.Contains(h.gold, int32(label))}
			if column[i].gold {
				have[name]++
			}
		}
		if len(all) < mostJudged {
			all = append(all, column...)
		}
		if have[name] >= fewestForThreshold {
			c.Thresholds[name] = bestThreshold(column)
		}
	}
	if slices.ContainsFunc(all, func(j judged) bool { return j.gold }) {
		c.DefaultThreshold = bestThreshold(all)
	}
	for name, threshold := range c.Thresholds {
		own := float32(have[name]) / float32(have[name]+shrinkage)
		c.Thresholds[name] = own*threshold + (1-own)*c.DefaultThreshold
	}
}

// bestThreshold returns the threshold with the highest F1, half way to the next lower probability. It
// orders all.
func bestThreshold(all []judged) float32 {
	slices.SortFunc(all, func(a, b judged) int { return cmp.Compare(b.prob, a.prob) })
	gold := 0
	for _, j := range all {
		if j.gold {
			gold++
		}
	}
	best, threshold, correct := -1.0, float32(0.5), 0
	for i, j := range all {
		if j.gold {
			correct++
		}
		next := float32(0)
		if i+1 < len(all) {
			next = all[i+1].prob
		}
		if next == j.prob && i+1 < len(all) {
			continue
		}
		if f1 := 2 * float64(correct) / float64(i+1+gold); f1 > best {
			best, threshold = f1, (j.prob+next)/2
		}
	}
	return threshold
}
