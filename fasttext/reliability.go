package fasttext

import "math"

// reliabilityBins is how many bins of equal width the error is summed over.
const reliabilityBins = 15

// Reliability compares the probabilities of predictions with how often they were right.
// The zero value is empty.
type Reliability struct {
	count [reliabilityBins]int64
	right [reliabilityBins]int64
	sum   [reliabilityBins]float64 // of the probabilities
}

// Add counts a prediction with its probability, from 0 to 1.
func (r *Reliability) Add(prob float32, right bool) {
	b := min(int(max(prob, 0)*reliabilityBins), reliabilityBins-1)
	r.count[b]++
	r.sum[b] += float64(prob)
	if right {
		r.right[b]++
	}
}

// Merge adds the counts of another one.
func (r *Reliability) Merge(other *Reliability) {
	for b := range r.count {
		r.count[b] += other.count[b]
		r.right[b] += other.right[b]
		r.sum[b] += other.sum[b]
	}
}

// Count returns how many predictions were added.
func (r *Reliability) Count() (n int64) {
	for _, c := range r.count {
		n += c
	}
	return n
}

// CalibrationError returns the expected calibration error: the mean distance between probability and share
// of right ones, over 15 bins of equal width, from 0 to 1 (Guo et al., "On Calibration of
// Modern Neural Networks", 2017, equation 3); 0 for no predictions.
func (r *Reliability) CalibrationError() float64 {
	var gap float64
	for b := range r.count {
		gap += math.Abs(r.sum[b] - float64(r.right[b]))
	}
	return gap / float64(max(r.Count(), 1))
}
