package linear

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// sample makes examples of random features, each with a few features of its label.
func sample(t *testing.T, examples, labels int) (*Examples, *Weighting, *Labels, []int32) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 7))
	e := &Examples{Starts: []int{0}, Count: 40 + 3*labels}
	w := &Weighting{Squares: make([]float32, e.Count)}
	l := &Labels{Starts: []int{0}, Count: labels}
	for f := range w.Squares {
		w.Squares[f] = 0.5 + r.Float32()
	}
	var all []int32
	for i := range examples {
		label := i % labels
		times := map[int32]float64{}
		add := func(f int) {
			e.Features = append(e.Features, int32(f))
			times[int32(f)]++
		}
		for range 6 {
			add(r.IntN(40))
		}
		if r.IntN(4) > 0 { // the others can't be told apart
			add(40 + 3*label + r.IntN(3))
		}
		own := r.Float64()
		length := own
		for f, n := range times {
			length += float64(w.Squares[f]) * n * n
		}
		longer := 0.5 + r.Float64()
		w.Scale = append(w.Scale, float32(math.Sqrt(longer/length)))
		w.Own = append(w.Own, float32(longer*own/length))
		w.Lengths = append(w.Lengths, float32(longer))
		e.Starts = append(e.Starts, len(e.Features))
		l.Labels = append(l.Labels, int32(label))
		l.Starts = append(l.Starts, len(l.Labels))
		all = append(all, int32(i))
	}
	return e, w, l, all
}

// check fails unless the weights are what the multipliers make.
func check(t *testing.T, b *Block, e *Examples, w *Weighting) {
	t.Helper()
	want := make([]float64, e.Count*b.Width())
	for i := range e.Len() {
		for _, f := range e.Of(i) {
			for j, m := range b.MultipliersOf(i) {
				want[int(f)*b.Width()+j] += float64(w.Squares[f]*w.Scale[i]) * float64(m)
			}
		}
	}
	for f := range e.Count {
		for j, v := range b.Row(f) {
			if x := want[f*b.Width()+j]; math.Abs(float64(v)-x) > 1e-3 {
				t.Fatalf("feature %d, label %d: weight %v, but the multipliers make it %v", f, j, v, x)
			}
		}
	}
}

// scoresOf returns the scores of a learned example.
func scoresOf(b *Block, e *Examples, w *Weighting, i int) []float64 {
	sums := make([]float32, b.Width())
	b.Scores(sums, e.Of(i))
	scores := make([]float64, b.Width())
	for j, m := range b.MultipliersOf(i) {
		scores[j] = float64(sums[j]*w.Scale[i] + w.Own[i]*m)
	}
	return scores
}

func TestOneVsRestIsOptimal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		labels   int
		opposite bool
	}{{1, false}, {2, true}, {3, false}, {7, false}, {20, false}, {37, false}} {
		e, w, l, all := sample(t, 400, c.labels)
		starts := Blocks(c.labels, c.opposite)
		for k := range starts[1:] {
			b := e.NewBlock(starts[k], starts[k+1])
			// From the solution of a lower cost.
			for _, cost := range []float64{0.2, 1.5} {
				b.OneVsRest(t.Context(), e, w, l, all, Options{C: cost, Passes: 2000, Tolerance: 1e-5})
			}
			check(t, b, e, w)
			for i := range e.Len() {
				for j, s := range scoresOf(b, e, w, i) {
					y := -1.0
					if int(l.Of(i)[0]) == b.From+j {
						y = 1
					}
					alpha := y * float64(b.MultipliersOf(i)[j])
					// Of the squared hinge, the multiplier is 2C times what the margin lacks.
					if want := 2 * 1.5 * max(1-y*s, 0); math.Abs(alpha-want) > 5e-3 {
						t.Fatalf("%d labels: example %d, label %d: multiplier %v, want %v", c.labels, i, b.From+j, alpha, want)
					}
				}
			}
		}
	}
}

func TestMulticlassIsOptimal(t *testing.T) {
	t.Parallel()
	const cost = 0.8
	for _, labels := range []int{1, 2, 5, 21} {
		e, w, l, all := sample(t, 300, labels)
		b := e.NewBlock(0, labels)
		for _, c := range []float64{0.3, cost} {
			b.Multiclass(t.Context(), e, w, l, all, Options{C: c, Passes: 3000, Tolerance: 1e-5})
		}
		check(t, b, e, w)
		for i := range e.Len() {
			label := int(l.Of(i)[0])
			scores, sum, highest := scoresOf(b, e, w, i), 0.0, math.Inf(-1)
			for j, m := range b.MultipliersOf(i) {
				if j != label {
					scores[j]++
					if m > 1e-5 {
						t.Fatalf("%d labels: example %d pulls towards label %d, which it hasn't, by %v", labels, i, j, m)
					}
				} else if m > cost+1e-5 {
					t.Fatalf("%d labels: the multiplier of example %d is %v", labels, i, m)
				}
				sum += float64(m)
				highest = max(highest, scores[j])
			}
			if math.Abs(sum) > 1e-4 {
				t.Fatalf("%d labels: the multipliers of example %d add up to %v", labels, i, sum)
			}
			for j, m := range b.MultipliersOf(i) {
				// Only what violates the margin most may have a multiplier off its bound.
				bound := float32(0)
				if j == label {
					bound = cost
				}
				if m < bound-1e-3 && scores[j] < highest-5e-3 {
					t.Fatalf("%d labels: example %d, label %d: multiplier %v at a score %v below the highest", labels, i, j, m, highest-scores[j])
				}
			}
		}
	}
}

func TestSolversStop(t *testing.T) {
	t.Parallel()
	e, w, l, all := sample(t, 50, 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := e.NewBlock(0, 3)
	b.OneVsRest(ctx, e, w, l, all, Options{C: 1, Passes: 1 << 30})
	b.Multiclass(ctx, e, w, l, all, Options{C: 1, Passes: 1 << 30})
	b.OneVsRest(t.Context(), e, w, l, nil, Options{C: 1, Passes: 3})
	b.Multiclass(t.Context(), e, w, l, nil, Options{C: 1, Passes: 3})
}

func TestDenseIsOptimal(t *testing.T) {
	t.Parallel()
	e, _, l, all := sample(t, 200, 5)
	const dim, cost = 23, 2.0
	r := rand.New(rand.NewPCG(3, 3))
	d := &Dense{Dim: dim, Values: make([]float32, e.Len()*dim)}
	for i := range e.Len() {
		x, length := d.Of(i), 0.0
		for j := range x {
			x[j] = float32(r.NormFloat64())
			if j%5 == int(l.Of(i)[0]) {
				x[j] += 0.5
			}
			length += float64(x[j]) * float64(x[j])
		}
		for j := range x {
			x[j] /= float32(math.Sqrt(length))
		}
	}
	clear(d.Of(7))
	w := d.OneVsRest(t.Context(), l, all, Options{C: cost, Passes: 2000, Tolerance: 1e-5})
	// At the optimum, the weights are what the multipliers, which follow from the margins, make them.
	for k := range l.Count {
		want := make([]float64, dim)
		for i := range e.Len() {
			y, s := -1.0, 0.0
			if int(l.Of(i)[0]) == k {
				y = 1
			}
			for j, v := range d.Of(i) {
				s += float64(v) * float64(w[k*dim+j])
			}
			for j, v := range d.Of(i) {
				want[j] += y * 2 * cost * max(1-y*s, 0) * float64(v)
			}
		}
		for j, v := range want {
			if math.Abs(v-float64(w[k*dim+j])) > 1e-2 {
				t.Fatalf("label %d, value %d: weight %v, want %v", k, j, w[k*dim+j], v)
			}
		}
	}
}
