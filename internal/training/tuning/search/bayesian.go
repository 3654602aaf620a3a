package search

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// maxObservations bounds the cost of the surrogate, which grows with their cube.
const maxObservations = 250

// Bayesian chooses the hyperparameters that are expected to improve most on the
// best trial so far, according to a Gaussian process that was fitted to the
// trials (expected improvement: Jones, Schonlau and Welch, Efficient Global
// Optimization, 1998). Trials without a score yet count as what the process
// expects of them, so that parallel trials differ. Failed ones count as the worst.
//
// prior are trials of other searches, which are learned from, but not counted.
// The first few choices are spread over the space, if prior doesn't make up for them.
func Bayesian(s Space, prior, trials []Trial, seed uint64) map[string]string {
	rng := random(seed, len(trials))
	all := slices.Concat(prior, trials)
	x, y, pending := observations(s, all)
	first := min(max(3, len(s)+1), 8)
	if len(x) < first {
		return spread(s, all, len(trials), seed, rng)
	}
	y = standard(y)
	g := fitProcess(x, y, rng)
	if g == nil {
		return untried(s, all, rng)
	}
	if len(pending) > 0 {
		scratch := make([]float64, len(x))
		for _, p := range pending {
			mean, _ := g.predict(p, scratch)
			x, y = append(x, p), append(y, mean)
		}
		g.x = x
		if amp := g.amp; amp > 0 {
			if _, err := g.fit(y); err != nil {
				return untried(s, all, rng)
			}
			g.amp = max(g.amp, amp) // guesses don't make the function more certain
		}
	}
	return improve(s, g, y, all, rng)
}

// observations are the trials with a known end, as coordinates of the surrogate,
// and the coordinates of those still running.
func observations(s Space, trials []Trial) (x [][]float64, y []float64, pending [][]float64) {
	worst := math.Inf(1)
	for _, t := range trials {
		if !t.Failed && !math.IsNaN(t.Score) {
			worst = min(worst, t.Score)
		}
	}
	type observation struct {
		x []float64
		y float64
	}
	var seen []observation
	for _, t := range trials {
		u, ok := s.point(t.Values)
		switch {
		case !ok: // of another search, out of this one's ranges
		case t.Failed && !math.IsInf(worst, 1):
			seen = append(seen, observation{s.coordinates(u), worst})
		case t.Failed:
		case math.IsNaN(t.Score):
			pending = append(pending, s.coordinates(u))
		default:
			seen = append(seen, observation{s.coordinates(u), t.Score})
		}
	}
	if len(seen) > maxObservations { // the best half, and the latest of the others
		slices.SortStableFunc(seen, func(a, b observation) int { return cmp.Compare(b.y, a.y) })
		half := maxObservations / 2
		seen = append(seen[:half], seen[len(seen)-(maxObservations-half):]...)
	}
	for _, o := range seen {
		x, y = append(x, o.x), append(y, o.y)
	}
	return x, y, pending
}

// coordinates are where the surrogate sees a point: a categorical range has a
// dimension for each of its values, so that all are equally far from each other.
func (s Space) coordinates(u []float64) []float64 {
	c := make([]float64, 0, len(s))
	for i := range s {
		r := &s[i]
		if r.Kind != Categorical {
			// What is trained is the rounded value, so that is what counts.
			rounded, _ := r.point(r.value(u[i]))
			c = append(c, rounded)
			continue
		}
		chosen := min(int(u[i]*float64(len(r.Values))), len(r.Values)-1)
		for j := range r.Values {
			v := 0.0
			if j == chosen {
				v = math.Sqrt2 / 2
			}
			c = append(c, v)
		}
	}
	return c
}

// standard moves scores to mean 0 and variance 1. Scores far below the others
// are raised first: how bad a failure was says nothing about where the best is.
func standard(y []float64) []float64 {
	sorted := slices.Sorted(slices.Values(y))
	q1, q2, q3 := sorted[len(y)/4], sorted[len(y)/2], sorted[len(y)*3/4]
	floor := q2 - 3*max(q3-q1, (sorted[len(y)-1]-q2)/2, 1e-9)
	var sum, squares float64
	out := make([]float64, len(y))
	for i, v := range y {
		out[i] = max(v, floor)
		sum += out[i]
	}
	mean := sum / float64(len(y))
	for _, v := range out {
		squares += (v - mean) * (v - mean)
	}
	sd := math.Sqrt(squares / float64(len(y)))
	if sd == 0 {
		sd = 1
	}
	for i := range out {
		out[i] = (out[i] - mean) / sd
	}
	return out
}

// spread is a point of a sequence that fills the space evenly (Halton's, shifted
// at random), for the choices before there is something to learn from.
func spread(s Space, trials []Trial, n int, seed uint64, rng *rand.Rand) map[string]string {
	tried := s.tried(trials)
	shift := random(seed, -2)
	u := make([]float64, len(s))
	for i := range u {
		_, u[i] = math.Modf(halton(n+1, i) + shift.Float64())
	}
	if values := s.values(u); !tried[s.key(values)] {
		return values
	}
	return untried(s, trials, rng)
}

var primes = []int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113}

func halton(n, dim int) float64 {
	base := primes[dim%len(primes)]
	v, f := 0.0, 1.0
	for ; n > 0; n /= base {
		f /= float64(base)
		v += f * float64(n%base)
	}
	return v
}
