package fasttext

import "math"

// negativeLoss is negative sampling (Mikolov et al., "Distributed Representations
// of Words and Phrases", 2013): the label against labels drawn by the square root of their count.
type negativeLoss struct {
	draws int
	// Walker's alias method: a draw takes place i with a chance of keep[i], else alias[i].
	keep  []float32
	alias []int32
}

func (*negativeLoss) predict(s *scratch, out matrix, threshold float32) {
	predictSigmoids(s, out, threshold)
}

func (l *negativeLoss) step(w *worker, out *dense, labels []int32, target int, lr float32) float32 {
	label := labels[target]
	loss := logistic(w, out, label, true, lr)
	if len(l.keep) < 2 {
		return loss // there is no other label to draw
	}
	for range l.draws {
		other := l.draw(w.rng)
		for other == label {
			other = l.draw(w.rng)
		}
		loss += logistic(w, out, other, false, lr)
	}
	return loss
}

func (l *negativeLoss) draw(r *rng) int32 {
	i := r.intn(len(l.keep))
	if float32(r.float64()) < l.keep[i] {
		return int32(i)
	}
	return l.alias[i]
}

// newNegativeLoss prepares drawing labels of those counts.
func newNegativeLoss(draws int, counts []int64) *negativeLoss {
	n := len(counts)
	l := &negativeLoss{draws: draws, keep: make([]float32, n), alias: make([]int32, n)}
	weights, total := make([]float64, n), 0.0
	for i, c := range counts {
		weights[i] = math.Sqrt(float64(max(c, 1)))
		total += weights[i]
	}
	var small, large []int32
	for i := range weights {
		weights[i] *= float64(n) / total
		l.keep[i], l.alias[i] = 1, int32(i)
		if weights[i] < 1 {
			small = append(small, int32(i))
		} else {
			large = append(large, int32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, b := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		l.keep[s], l.alias[s] = float32(weights[s]), b
		weights[b] -= 1 - weights[s]
		if weights[b] < 1 {
			large = large[:len(large)-1]
			small = append(small, b)
		}
	}
	return l
}
