package linear

import (
	"context"
	"math/rand/v2"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// Dense are examples of a few values each, in rows of Dim values of length 1; a row of zeros is left out.
type Dense struct {
	Dim    int
	Values []float32
}

// Of returns the values of example i.
func (d *Dense) Of(i int) []float32 { return d.Values[i*d.Dim:][:d.Dim] }

// OneVsRest returns the weights that set the examples with each label apart from the others, among
// those named, a row of Dim values for each label; see Block.OneVsRest. It returns when it is done or ctx ends.
func (d *Dense) OneVsRest(ctx context.Context, labels *Labels, examples []int32, o Options) []float32 {
	k := labels.Count
	weights, multipliers := make([]float32, k*d.Dim), make([]float32, len(examples)*k)
	scores, deltas, signs, rows := make([]float32, k), make([]float32, k), make([]float32, k), make([]int32, k)
	for j := range rows {
		rows[j], signs[j] = int32(j), -1
	}
	order := make([]int, len(examples))
	for n := range order {
		order[n] = n
	}
	random := rand.New(rand.NewPCG(o.Seed, 1))
	softness := float32(1 / (2 * o.C))
	inverse := 1 / (1 + softness)
	for pass := 0; pass < o.Passes && len(examples) > 0; pass++ {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		var furthest float32
		for n, at := range order {
			if n%256 == 0 && ctx.Err() != nil {
				return weights
			}
			i := int(examples[at])
			x := d.Of(i)
			if kernel.Dot(x, x) == 0 {
				continue
			}
			kernel.Dots(scores, weights, d.Dim, x)
			for _, l := range labels.Of(i) {
				signs[l] = 1
			}
			m := multipliers[at*k:][:k]
			for j, s := range scores {
				y := signs[j]
				alpha := y * m[j]
				next := max(alpha-(y*s-1+softness*alpha)*inverse, 0)
				deltas[j], m[j] = y*(next-alpha), y*next
				furthest = max(furthest, deltas[j], -deltas[j])
			}
			kernel.AddScaledToRows(weights, d.Dim, rows, deltas, x)
			for _, l := range labels.Of(i) {
				signs[l] = -1
			}
		}
		if float64(furthest) <= o.Tolerance*min(o.C, 1) {
			break
		}
	}
	return weights
}
