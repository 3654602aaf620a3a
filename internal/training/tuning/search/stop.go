package search

import (
	"math"
	"slices"
)

// WorseThanMedian is AWS's rule for stopping a training job early: whether the
// objective after its latest epoch is below the median of the other jobs' running
// averages up to the same epoch. Curves are objectives by epoch, the higher the
// better. Fewer than three others that got so far decide nothing.
func WorseThanMedian(curve []float64, others [][]float64) bool {
	n := len(curve)
	if n == 0 {
		return false
	}
	var averages []float64
	for _, o := range others {
		if len(o) < n {
			continue
		}
		sum := 0.0
		for _, v := range o[:n] {
			sum += v
		}
		averages = append(averages, sum/float64(n))
	}
	if len(averages) < 3 {
		return false
	}
	slices.Sort(averages)
	median := averages[len(averages)/2]
	if len(averages)%2 == 0 {
		median = (median + averages[len(averages)/2-1]) / 2
	}
	return curve[n-1] < median
}

// reduction is Hyperband's η: at each rung one in so many goes on.
const reduction = 3

// Hyperband is the schedule of epochs of a tuning job: brackets that begin to
// stop jobs after more and more epochs (Li and others, Hyperband, 2018), each in
// the asynchronous form that never waits (Li and others, A System for Massively
// Parallel Hyperparameter Tuning, 2020, section 3; the variant that stops jobs
// instead of pausing them).
type Hyperband struct {
	Min, Max int // epochs; 1 <= Min <= Max
}

// rungs are the epochs after which jobs of bracket 0 are judged.
func (h Hyperband) rungs() (rungs []int) {
	for r := h.Min; r < h.Max; r *= reduction {
		rungs = append(rungs, r)
	}
	return rungs
}

// Bracket is the bracket of the n-th trial. Bracket b leaves out the first b
// rungs; the last one runs all of its jobs to the end. Brackets take turns in
// proportion to the sizes that Hyperband gives them.
func (h Hyperband) Bracket(n int) int {
	brackets := len(h.rungs()) + 1
	sizes, total := make([]float64, brackets), 0.0
	for b := range sizes {
		left := brackets - b // rounds of this bracket
		sizes[b] = math.Ceil(float64(brackets) / float64(left) * math.Pow(reduction, float64(left-1)))
		total += sizes[b]
	}
	credit, turn := make([]float64, brackets), 0
	for range n%int(total) + 1 {
		for b := range credit {
			credit[b] += sizes[b]
		}
		turn = 0
		for b := range credit {
			if credit[b] > credit[turn] {
				turn = b
			}
		}
		credit[turn] -= total
	}
	return turn
}

// Rung is the last rung of the bracket that a job with so many epochs has
// reached, as its number of epochs; 0 if it hasn't reached any.
func (h Hyperband) Rung(bracket, epochs int) int {
	reached := 0
	for i, r := range h.rungs() {
		if i >= bracket && r <= epochs {
			reached = r
		}
	}
	return reached
}

// GoesOn is whether a job with that objective at a rung is among the best third
// of all that reached the rung in its bracket, itself included in reached.
func (h Hyperband) GoesOn(value float64, reached []float64) bool {
	if len(reached) < reduction {
		return true
	}
	better := 0
	for _, v := range reached {
		if v > value {
			better++
		}
	}
	return better < max(1, len(reached)/reduction)
}
