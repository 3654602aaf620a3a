package fasttext

import (
	"math"
	"slices"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// With a learning rate that is too high, weights drive each other up until they are no numbers
// any more. Clipping (Pascanu et al., "On the difficulty of training recurrent neural
// networks", 2013, section 3.2) ends that: steps keep their direction and are never longer than
// this. The limits are two to five times what ordinary training gets to, so that it
// is not changed; on banking77 a classifier with -lr 1000 loses 2 points of precision.
const (
	longestHidden = 20 // length of a vector, from where on steps away from it are no longer
	longestStep   = 50 // of a vector in one step
	wildScore     = longestHidden * longestHidden
)

// checkEvery is how many examples of a classifier stand behind one whose vectors are measured.
// While rates are no higher than calmRate, lengths can't do much more than double from one example to
// the next, so that this is often enough. Once one is found too long, or at higher rates, all are measured.
const (
	checkEvery = 16
	calmRate   = 1
)

// startEpoch makes what a worker does in an epoch a matter of that epoch alone.
func (w *worker) startEpoch() {
	w.unchecked, w.careful = 0, w.t.args.LR*w.t.heaviest() > calmRate
}

// heaviest returns the largest factor of the learning rate that labels have.
func (t *trainer) heaviest() float64 {
	if l, ok := t.loss.(weightedLoss); ok {
		return float64(slices.Max(l.weights))
	}
	return 1
}

// learnFrom makes the step of a classifier from w.hidden towards labels[target], and leaves in
// w.grad how the hidden vector has to move.
func (w *worker) learnFrom(labels []int32, target int) {
	clear(w.grad)
	if w.unchecked++; w.careful || w.unchecked == checkEvery {
		w.unchecked = 0
		w.learnCarefully(labels, target)
		return
	}
	w.loss += float64(w.t.loss.step(w, w.out, labels, target, w.lr))
}

func (w *worker) learnCarefully(labels []int32, target int) {
	lr := w.lr
	if long := kernel.Dot(w.hidden, w.hidden); !(long <= longestHidden*longestHidden) {
		if !(long <= math.MaxFloat32) {
			w.diverged = true
			return
		}
		w.careful = true
		lr *= longestHidden / float32(math.Sqrt(float64(long)))
	}
	w.loss += float64(w.t.loss.step(w, w.out, labels, target, lr))
	if kernel.Dot(w.grad, w.grad) > longestStep*longestStep {
		w.careful = true
	}
	if !shorten(w.grad, longestStep) {
		w.diverged = true
	}
}

// shorten makes v no longer than limit. It reports false if v has values that are too large for that.
func shorten(v []float32, limit float32) bool {
	long := kernel.Dot(v, v)
	if !(long <= limit*limit) {
		if !(long <= math.MaxFloat32) {
			return false
		}
		kernel.Scale(v, limit/float32(math.Sqrt(float64(long))))
	}
	return true
}

// tame shortens rows that have given a score that no ordinary training gives.
func (v *windows) tame(m *dense, rows []int32) {
	for _, r := range rows {
		if !shorten(m.row(int(r)), longestHidden) {
			v.diverged = true
		}
	}
}
