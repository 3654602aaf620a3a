package fasttext

import (
	"math"
	"slices"

	"github.com/heliograph/heliograph/fasttext/internal/linear"
)

// A Weighting says what rows weigh when linear models are found: a larger weight lets a row decide more. The weight of
// a row is idf^IDF · kl^Relevance, times Chars for rows of character n-grams.
//
// idf is the inverse document frequency (Spärck Jones, 1972), smoothed, and kl
// the divergence of the distribution of labels among the examples with the row from that among all, which is large
// for rows that tell labels apart. It does for many labels what the ratio of counts does
// for two (Wang and Manning, "Baselines and bigrams", 2012).
type Weighting struct {
	IDF       float64 `json:"idf"`
	Relevance float64 `json:"relevance"`
	Chars     float64 `json:"chars"`
}

const (
	// prior is how many examples with the overall distribution of labels are added to those of a row.
	prior = 5
	// leastRelevance is added to divergences: no row weighs nothing.
	leastRelevance = 0.01
)

// A weighted is a weighting of exampleRows.
type weighted struct {
	linear.Weighting
	weights []float32 // of each feature, squared
	own     []float32 // the factor, squared, of each example's own rows, apart from Chars
	chars   float32   // squared factor
}

// relevance is the divergence for each feature, and for the own rows of each example.
type relevance struct {
	features []float32
	own      []float32
}

// relevanceOf counts labels among the examples of a corpus that are named.
func (x *exampleRows) relevanceOf(c *corpus, examples []int32) relevance {
	labels := c.labels.Count
	share, total := make([]float64, labels), 0.0
	of := make([][]int32, labels) // examples of each label
	with := make([]float32, x.Count)
	last := make([]int32, x.Count)
	for _, i := range examples {
		for _, l := range c.labels.Of(int(i)) {
			share[l]++
			total++
			of[l] = append(of[l], i)
		}
	}
	for l := range share {
		share[l] /= total
	}
	// Examples count once for each of their labels.
	for _, i := range examples {
		n := float32(len(c.labels.Of(int(i))))
		for _, f := range x.Of(int(i)) {
			if last[f] != i+1 {
				last[f] = i + 1
				with[f] += n
			}
		}
	}
	// The divergence is a sum over labels. Labels that a feature never meets all have the same ratio of
	// probabilities, so that only those it meets need a look.
	divergence, met := make([]float64, x.Count), make([]float64, x.Count)
	times := make([]int32, x.Count)
	clear(last)
	var touched []int32
	for l, list := range of {
		touched = touched[:0]
		for _, i := range list {
			for _, f := range x.Of(int(i)) {
				if last[f] == i+1 {
					continue
				}
				last[f] = i + 1
				if times[f] == 0 {
					touched = append(touched, f)
				}
				times[f]++
			}
		}
		for _, f := range touched {
			p := (float64(times[f]) + prior*share[l]) / (float64(with[f]) + prior)
			divergence[f] += p * math.Log(p/share[l])
			met[f] += share[l]
			times[f], last[f] = 0, 0
		}
	}
	rest := func(with, met float64) float64 {
		ratio := prior / (with + prior)
		return max(1-met, 0) * ratio * math.Log(ratio)
	}
	r := relevance{make([]float32, x.Count), make([]float32, c.len())}
	for f := range r.features {
		r.features[f] = float32(max(divergence[f]+rest(float64(with[f]), met[f]), 0) + leastRelevance)
	}
	for i := range r.own {
		r.own[i] = leastRelevance
	}
	for _, i := range examples {
		list := c.labels.Of(int(i))
		sum, met := 0.0, 0.0
		for _, l := range list {
			p := (1 + prior*share[l]) / (float64(len(list)) + prior)
			sum += p * math.Log(p/share[l])
			met += share[l]
		}
		r.own[i] = float32(max(sum+rest(float64(len(list)), met), 0) + leastRelevance)
	}
	return r
}

// weigh makes the weighting, of which the relevance may be left out if it does not matter.
func (x *exampleRows) weigh(c *corpus, by Weighting, r relevance) *weighted {
	n := c.len()
	w := &weighted{weights: make([]float32, x.Count), own: make([]float32, n), chars: float32(by.Chars * by.Chars)}
	w.Scale, w.Own, w.Lengths = make([]float32, n), make([]float32, n), make([]float32, n)
	square := func(count int, relevance float32) float32 {
		v := 1.0
		if by.IDF != 0 {
			v *= math.Pow(math.Log(float64(1+n)/float64(1+count))+1, 2*by.IDF)
		}
		if by.Relevance != 0 {
			v *= math.Pow(float64(relevance), 2*by.Relevance)
		}
		return float32(v)
	}
	for f, row := range x.rowOf {
		var v float32
		if by.Relevance != 0 {
			v = r.features[f]
		}
		w.weights[f] = square(int(x.counts[f]), v)
		if x.chars.has(int(row)) {
			w.weights[f] *= w.chars
		}
	}
	alone := square(1, 1)
	times, seen := make([]int32, x.Count), []int32(nil)
	for i := range n {
		w.own[i] = alone
		if by.Relevance != 0 {
			w.own[i] = square(1, r.own[i])
		}
		entries := x.Of(i)
		seen = seen[:0]
		for _, f := range entries {
			if times[f] == 0 {
				seen = append(seen, f)
			}
			times[f]++
		}
		var length, own float64
		for _, f := range seen {
			t := float64(times[f])
			length += float64(w.weights[f]) * t * t
			times[f] = 0
		}
		for _, o := range x.own[i] {
			own += float64(w.ownSquare(x, i, o.row)) * float64(o.times) * float64(o.times)
		}
		if length += own; length > 0 {
			w.Scale[i], w.Own[i], w.Lengths[i] = float32(1/math.Sqrt(length)), float32(own/length), 1
		}
	}
	w.Squares = w.weights
	return w
}

// ownSquare returns the squared weight of a row that only example i has.
func (w *weighted) ownSquare(x *exampleRows, i int, row int32) float32 {
	if x.chars.has(int(row)) {
		return w.own[i] * w.chars
	}
	return w.own[i]
}

// all returns the numbers of all examples.
func (c *corpus) all() []int32 {
	list := make([]int32, c.len())
	for i := range list {
		list[i] = int32(i)
	}
	return slices.Clip(list)
}
