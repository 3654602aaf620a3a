package linear

import (
	"context"
	"slices"
)

// Multiclass finds the weights of all labels together, so that the right one's score is above each other's by a
// margin: the machine of Crammer and Singer ("On the algorithmic implementation of multiclass kernel-based vector
// machines", 2001), by the sequential dual method of Keerthi et al. (2008). The block must be
// that of all labels. Of several labels of an example the first one counts. It returns when it is done or ctx ends.
func (b *Block) Multiclass(ctx context.Context, e *Examples, w *Weighting, labels *Labels, examples []int32, o Options) {
	k := b.walk(e, w, examples, o.Seed)
	c := float32(o.C)
	var above []float32
	for b.Passes = 1; ; b.Passes++ {
		k.shuffle()
		var furthest float32
		for n, i := range k.order {
			if n%256 == 0 && ctx.Err() != nil {
				return
			}
			b.Scores(k.scores, e.Of(int(i)))
			moved := k.multiclass(i, labels.Of(int(i))[0], c, &above)
			if moved > 0 {
				furthest = max(furthest, moved)
				k.learn(i)
			}
		}
		b.Moved = float64(furthest)
		if b.Passes >= o.Passes || b.Moved <= o.Tolerance*min(o.C, 1) {
			return
		}
	}
}

// multiclass moves the multipliers of an example to their best values together: at most c for its label and at most 0
// for the others, adding up to 0. The problem is to find the level where what scores lie above it adds up to c.
func (k *walk) multiclass(i, label int32, c float32, scratch *[]float32) (furthest float32) {
	scale, own, length := k.w.Scale[i], k.w.Own[i], k.w.Lengths[i]
	if length == 0 {
		return 0
	}
	multipliers, scores := k.MultipliersOf(int(i)), k.scores
	deltas := k.deltas[:len(multipliers)]
	for j, m := range multipliers {
		scores[j] = (scores[j]*scale+own*m+1)/length - m
	}
	scores[label] += c - 1/length
	highest := slices.Max(scores)
	above := (*scratch)[:0]
	for _, s := range scores {
		if s > highest-c {
			above = append(above, s)
		}
	}
	*scratch = above
	level := levelOf(above, c)
	for j, m := range multipliers {
		next := -max(scores[j]-level, 0)
		if int32(j) == label {
			next += c
		}
		d := next - m
		deltas[j], multipliers[j] = d, next
		furthest = max(furthest, d, -d)
	}
	return furthest
}

// levelOf returns the level that the values are above by c in all. It orders them.
func levelOf(values []float32, c float32) float32 {
	slices.Sort(values)
	sum, level := -c, float32(0)
	for n := 1; n <= len(values); n++ {
		v := values[len(values)-n]
		if n > 1 && v <= level {
			break
		}
		sum += v
		level = sum / float32(n)
	}
	return level
}
