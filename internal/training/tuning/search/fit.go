package search

import (
	"math"
	"math/rand/v2"
	"slices"
)

// The length scales and the noise are sought within these bounds, in units of
// the ranges' widths and of the function's variance, on logarithmic scales.
var (
	lengths = [2]float64{math.Log(0.05), math.Log(10)}
	noises  = [2]float64{math.Log(1e-6), math.Log(0.5)}
)

// fitProcess fits a Gaussian process to the observations: of several length
// scales and noises those that make y most likely, weighed with a preference for
// functions that change slowly, without which few observations fit anything.
func fitProcess(x [][]float64, y []float64, rng *rand.Rand) *process {
	dims := len(x[0])
	g := &process{x: x, length: make([]float64, dims)}
	posterior := func(p []float64) float64 { // p: logarithms of the length scales, then of the noise
		penalty := 0.0
		for i := range dims {
			g.length[i] = math.Exp(p[i])
			d := (p[i] - math.Log(0.5)) / 1.0
			penalty += d * d / 2
		}
		g.noise = math.Exp(p[dims])
		d := (p[dims] - math.Log(1e-3)) / 2.5
		penalty += d * d / 2
		likelihood, err := g.fit(y)
		if err != nil {
			return math.Inf(-1)
		}
		return likelihood - penalty
	}
	best := make([]float64, dims+1)
	for i := range dims {
		best[i] = math.Log(0.5)
	}
	best[dims] = math.Log(1e-3)
	top := posterior(best)
	clamp := func(p []float64) {
		for i := range p {
			b := lengths
			if i == dims {
				b = noises
			}
			p[i] = min(max(p[i], b[0]), b[1])
		}
	}
	// A random search that narrows: the surface has few hills and is cheap, so
	// gradients are not worth their code. Large histories get fewer steps.
	steps := max(30, min(40*(dims+1), 4_000_000/(len(y)*len(y)+1)))
	width := 1.5
	for range steps {
		p := slices.Clone(best)
		if rng.IntN(3) == 0 {
			for i := range p {
				p[i] += width * rng.NormFloat64()
			}
		} else {
			p[rng.IntN(len(p))] += width * rng.NormFloat64()
		}
		clamp(p)
		if v := posterior(p); v > top {
			top, best = v, p
		} else {
			width = max(width*0.985, 0.1)
		}
	}
	if math.IsInf(posterior(best), -1) { // twins without noise; more of it always helps
		g.noise = 0.1
		if _, err := g.fit(y); err != nil {
			return nil
		}
	}
	return g
}
