package linear

import "context"

// Blocks returns where the blocks of OneVsRest start for so many labels, and their end. The last of two
// labels is the first one's opposite and needs none.
func Blocks(labels int, opposite bool) []int {
	width := 16
	switch {
	case opposite:
		labels, width = 1, 1
	case labels <= 8:
		width = 8
	}
	starts := []int{0}
	for at := 0; at < labels; {
		at = min(at+width, labels)
		starts = append(starts, at)
	}
	return starts
}

// OneVsRest finds, for each label of the block, the weights that set the examples with it apart from the others, among
// those named: a linear support vector machine with squared hinge loss (Hsieh et al., "A dual
// coordinate descent method for large-scale linear SVM", 2008, L2-SVM). It returns when it is done or ctx ends.
func (b *Block) OneVsRest(ctx context.Context, e *Examples, w *Weighting, labels *Labels, examples []int32, o Options) {
	k := b.walk(e, w, examples, o.Seed)
	signs := make([]float32, b.Width())
	for j := range signs {
		signs[j] = -1
	}
	sign := func(i int32, v float32) {
		for _, l := range labels.Of(int(i)) {
			if j := int(l) - b.From; j >= 0 && j < len(signs) {
				signs[j] = v
			}
		}
	}
	softness := float32(1 / (2 * o.C))
	for b.Passes = 1; ; b.Passes++ {
		k.shuffle()
		var furthest float32
		for n, i := range k.order {
			if n%256 == 0 && ctx.Err() != nil {
				return
			}
			b.Scores(k.scores, e.Of(int(i)))
			sign(i, 1)
			if moved := k.oneVsRest(i, signs, softness); moved > 0 {
				furthest = max(furthest, moved)
				k.learn(i)
			}
			sign(i, -1)
		}
		b.Moved = float64(furthest)
		if b.Passes >= o.Passes || b.Moved <= o.Tolerance*min(o.C, 1) {
			return
		}
	}
}

// oneVsRest moves each multiplier of an example to its best value, given all others.
func (k *walk) oneVsRest(i int32, signs []float32, softness float32) (furthest float32) {
	scale, own, inverse := k.w.Scale[i], k.w.Own[i], 1/(k.w.Lengths[i]+softness)
	multipliers := k.MultipliersOf(int(i))
	scores, deltas := k.scores[:len(multipliers)], k.deltas[:len(multipliers)]
	signs = signs[:len(multipliers)]
	for j, m := range multipliers {
		y := signs[j]
		alpha := y * m
		gradient := y*(scores[j]*scale+own*m) - 1 + softness*alpha
		next := max(alpha-gradient*inverse, 0)
		delta := next - alpha
		furthest = max(furthest, delta, -delta)
		multipliers[j] = y * next
		deltas[j] = y * delta
	}
	return furthest
}
