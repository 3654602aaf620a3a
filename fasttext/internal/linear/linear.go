// Package linear finds linear classifiers of sparse examples by large margins.
//
// Both solvers are dual coordinate descent, which needs no learning rate and stops by a condition of optimality.
// They work on several labels at once: the weights of a feature lie side by side, so that an example is read once
// for all of them. The same examples, options and seed give the same weights on processors of one kind.
// A solver runs on one goroutine; blocks of labels and other problems may be solved at the same time.
package linear

import (
	"math/rand/v2"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// Examples are sparse vectors: example i has a one for each entry from Starts[i] to Starts[i+1]-1.
type Examples struct {
	Starts   []int
	Features []int32 // of each entry, from 0 to Count-1
	Count    int
}

// Len returns the number of examples.
func (e *Examples) Len() int { return len(e.Starts) - 1 }

// Of returns the entries of example i.
func (e *Examples) Of(i int) []int32 { return e.Features[e.Starts[i]:e.Starts[i+1]] }

// A Weighting makes vectors of the examples: feature f is multiplied by a weight of its own, and example i, then,
// by Scale[i].
type Weighting struct {
	Squares []float32 // the square of each feature's weight
	Scale   []float32
	Lengths []float32 // the square of each example's length, with its own features
	// Own is the part of Lengths that lies in features which no other example has. They need no entries: what
	// they weigh follows from the example's multipliers.
	Own []float32
}

// Labels are the labels of each example: those from Starts[i] to Starts[i+1]-1, each once.
type Labels struct {
	Starts []int
	Labels []int32
	Count  int
}

// Of returns the labels of example i.
func (l *Labels) Of(i int) []int32 { return l.Labels[l.Starts[i]:l.Starts[i+1]] }

// Options say how hard a solver tries.
type Options struct {
	C         float64 // cost of an example inside its margin
	Passes    int     // at most, over the examples
	Tolerance float64 // stop when no multiplier moved by more than this times C, or 1 if that is less
	Seed      uint64  // of the order of examples in each pass
}

// A Block is the solution for the labels from From to To-1. A solver goes on from what it holds, so with a
// higher C it may start from the solution for a lower one.
type Block struct {
	From, To int
	Stride   int // of the rows below
	// Weights has a row for each feature: what one entry adds to the scores of an example, before its Scale.
	Weights []float32
	// Multipliers has a row for each example: the dual variables, with the sign of what they add to the weights.
	Multipliers []float32
	Passes      int     // that the solver made
	Moved       float64 // how far the multiplier that moved furthest in the last pass did
}

// NewBlock returns a block of zeros.
func (e *Examples) NewBlock(from, to int) *Block {
	stride := 1
	for stride < min(to-from, 16) {
		stride *= 2
	}
	if to-from > 16 {
		stride = (to - from + 15) &^ 15
	}
	return &Block{
		From: from, To: to, Stride: stride,
		Weights:     make([]float32, e.Count*stride),
		Multipliers: make([]float32, e.Len()*stride),
	}
}

// Width returns the number of labels.
func (b *Block) Width() int { return b.To - b.From }

// Row returns the weights of a feature.
func (b *Block) Row(f int) []float32 { return b.Weights[f*b.Stride:][:b.Width()] }

// MultipliersOf returns the multipliers of example i.
func (b *Block) MultipliersOf(i int) []float32 { return b.Multipliers[i*b.Stride:][:b.Width()] }

// Scores sets scores, Width long, to what the entries add up to.
func (b *Block) Scores(scores []float32, entries []int32) {
	if b.Stride > 1 {
		kernel.SumRows(scores, b.Weights, b.Stride, entries)
		return
	}
	var even, odd float32
	w := b.Weights
	for ; len(entries) >= 2; entries = entries[2:] {
		even += w[entries[0]]
		odd += w[entries[1]]
	}
	for _, f := range entries {
		even += w[f]
	}
	scores[0] = even + odd
}

// A walk is one solver at work on a block.
type walk struct {
	*Block
	e      *Examples
	w      *Weighting
	order  []int32
	random *rand.Rand
	scores []float32
	deltas []float32
	steps  []float32
}

func (b *Block) walk(e *Examples, w *Weighting, examples []int32, seed uint64) *walk {
	return &walk{
		Block: b, e: e, w: w, order: append([]int32(nil), examples...), random: rand.New(rand.NewPCG(seed, 1)),
		scores: make([]float32, b.Width()), deltas: make([]float32, b.Width()),
	}
}

// shuffle changes the order of the examples: coordinate descent converges much faster in random order.
func (k *walk) shuffle() {
	for i := len(k.order) - 1; i > 0; i-- {
		j := k.random.IntN(i + 1)
		k.order[i], k.order[j] = k.order[j], k.order[i]
	}
}

// learn changes the weights as the multipliers of example i changed by deltas.
func (k *walk) learn(i int32) {
	entries, scale := k.e.Of(int(i)), k.w.Scale[i]
	if k.Stride == 1 {
		d := k.deltas[0] * scale
		for _, f := range entries {
			k.Weights[f] += k.w.Squares[f] * d
		}
		return
	}
	steps := k.steps[:0]
	for _, f := range entries {
		steps = append(steps, k.w.Squares[f]*scale)
	}
	k.steps = steps
	kernel.AddScaledToRows(k.Weights, k.Stride, entries, steps, k.deltas)
}
