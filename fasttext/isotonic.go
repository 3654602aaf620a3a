package fasttext

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"sync"
)

// A curve is a map of probabilities to better ones that never falls. It has points, each a probability before and
// after, and is linear between them, from (0, 0) on, and level after the last one.
type curve [][2]float32

const (
	// sameOrder is the part of the probability before that is in the one after: where a curve is
	// level, labels still keep their order.
	sameOrder = 1e-3
	// leastJudged is the probability below which pairs are not fitted to: most labels of most texts are
	// there, and right about as seldom as they say.
	leastJudged = 1e-3
	mostCurve   = 100_000
)

func (c curve) validate() error {
	if len(c) > mostCurve {
		return errors.New("isotonic has too many points")
	}
	before := [2]float32{}
	for i, p := range c {
		if !(p[0] >= 0 && p[0] <= 1 && p[1] >= before[1] && p[1] <= 1) || i > 0 && !(p[0] > before[0]) {
			return errors.New("isotonic does not rise from 0 to 1")
		}
		before = p
	}
	return nil
}

// at returns what a probability becomes.
func (c curve) at(p float32) float32 {
	i, _ := slices.BinarySearchFunc(c, p, func(point [2]float32, p float32) int { return cmp.Compare(point[0], p) })
	var low, y float32
	var from float32
	if i > 0 {
		low, from = c[i-1][0], c[i-1][1]
	}
	switch {
	case i == len(c):
		y = from
	case c[i][0] == p:
		y = c[i][1]
	default:
		y = from + (c[i][1]-from)*(p-low)/(c[i][0]-low)
	}
	return (1-sameOrder)*y + sameOrder*p
}

// before returns the least probability that becomes at least y; above 1 if none does.
func (c curve) before(y float32) float32 {
	low, high := float32(0), float32(1)
	switch {
	case c.at(low) >= y:
		return low
	case c.at(high) < y:
		return 2
	}
	for {
		middle := low + (high-low)/2
		if middle <= low || middle >= high {
			return high
		}
		if c.at(middle) >= y {
			high = middle
		} else {
			low = middle
		}
	}
}

// A pool is a stretch of probabilities that become one.
type pool struct {
	low, high float32 // of its probabilities
	x, y      float64 // sums over its pairs: of probabilities, and of those that were right
	weight    float64
}

// poolRising joins neighbours until means rise (the pool adjacent violators of Ayer et al., "An Empirical
// Distribution Function for Sampling with Incomplete Information", 1955).
func poolRising(all []pool) []pool {
	rising := all[:0]
	for _, p := range all {
		for len(rising) > 0 {
			last := rising[len(rising)-1]
			if last.y*p.weight < p.y*last.weight {
				break
			}
			p = pool{last.low, p.high, p.x + last.x, p.y + last.y, p.weight + last.weight}
			rising = rising[:len(rising)-1]
		}
		rising = append(rising, p)
	}
	return rising
}

// fitCurve is isotonic regression (Zadrozny and Elkan, "Transforming Classifier Scores into Accurate Multiclass
// Probability Estimates", 2002) of whether labels are right on how probable they are. Each stretch also has one
// pair that is right as often as the model says, so that none becomes 0 or 1 for having few. It
// orders all.
func fitCurve(all []judged) curve {
	slices.SortFunc(all, func(a, b judged) int { return cmp.Compare(a.prob, b.prob) })
	var pools []pool
	for i, j := range all {
		if i == 0 || j.prob != all[i-1].prob {
			pools = append(pools, pool{low: j.prob, high: j.prob})
		}
		p := &pools[len(pools)-1]
		p.x += float64(j.prob)
		p.weight++
		if j.gold {
			p.y++
		}
	}
	pools = poolRising(pools)
	for i, p := range pools {
		mean := p.x / p.weight
		pools[i].x, pools[i].y, pools[i].weight = p.x+mean, p.y+mean, p.weight+1
	}
	pools = poolRising(pools)
	var c curve
	for _, p := range pools {
		y := min(float32(p.y/p.weight), 1)
		if c = append(c, [2]float32{p.low, y}); p.high > p.low {
			c = append(c, [2]float32{p.high, y})
		}
	}
	return c[:min(len(c), mostCurve)]
}

// predictCurved is the loss's predict for a model with a curve.
func (m *Model) predictCurved(s *scratch, threshold float32) {
	if tree, ok := m.loss.(*huffmanLoss); ok {
		tree.predict(s, m.out, m.curve.before(threshold))
		for i := range s.top.heap {
			c := &s.top.heap[i]
			c.score = float32(math.Log(float64(m.curve.at(min(probOf(c.score), 1)))))
		}
		return
	}
	if m.probabilities(s) {
		offerAll(s, threshold)
	}
}

// probabilities leaves those of all labels in s.scores, for a hidden vector; not for hierarchical
// softmax. It reports false if there are weights that are not numbers.
func (m *Model) probabilities(s *scratch) bool {
	m.loss.predict(s, m.out, 2) // above all: none is offered
	if m.curve == nil {
		return true
	}
	if !finite(s.scores) {
		return false
	}
	var sum float32
	for i, p := range s.scores {
		s.scores[i] = m.curve.at(p)
		sum += s.scores[i]
	}
	if _, ok := m.loss.(softmaxLoss); ok && sum > 0 {
		for i := range s.scores {
			s.scores[i] /= sum
		}
	}
	return true
}

// judge pairs the labels of examples, as far as they are not improbable, with whether they are right.
func (m *Model) judge(sample []heldOut) []judged {
	var all []judged
	var mu sync.Mutex
	_, tree := m.loss.(*huffmanLoss)
	m.eachHeld(sample, 256, func(s *scratch, part []heldOut, _ int) {
		var judgements []judged
		for _, h := range part {
			s.line.all(m.dict, viewBytes(h.text))
			if tree {
				const likely = 10
				for _, c := range m.rank(s, likely, leastJudged) {
					judgements = append(judgements, judged{m.prob(s, c), slices.Contains(h.gold, c.label)})
				}
				continue
			}
			m.hide(s)
			m.probabilities(s)
			for label, p := range s.scores {
				if p >= leastJudged {
					judgements = append(judgements, judged{p, slices.Contains(h.gold, int32(label))})
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, judgements...)
	})
	return all
}
