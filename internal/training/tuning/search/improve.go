package search

import (
	"math"
	"math/rand/v2"
	"slices"
)

// improve finds the untried hyperparameters with the largest expected
// improvement: candidates at random and near the best trials, the best of
// which are then moved uphill.
func improve(s Space, g *process, y []float64, trials []Trial, rng *rand.Rand) map[string]string {
	best := slices.Max(y)
	tried := s.tried(trials)
	scratch := make([]float64, len(g.x))
	gain := func(u []float64) float64 {
		mean, sd := g.predict(s.coordinates(u), scratch)
		return logImprovement((mean-best)/sd) + math.Log(sd)
	}
	type candidate struct {
		u    []float64
		gain float64
	}
	var top []candidate
	add := func(u []float64) {
		c := candidate{u, gain(u)}
		at, _ := slices.BinarySearchFunc(top, c.gain, func(t candidate, v float64) int {
			if t.gain > v {
				return -1
			}
			return 1
		})
		if at < 40 && !tried[s.key(s.values(u))] {
			top = slices.Insert(top, at, c)
			top = top[:min(len(top), 40)]
		}
	}
	samples := max(200, min(1500, 30_000_000/(len(y)*len(y)+1)))
	for range samples {
		add(point(s, rng))
	}
	for range samples / 2 {
		if centre, ok := pickGood(s, trials, rng); ok {
			add(nudged(s, centre, 0.15, rng))
		}
	}
	if len(top) == 0 {
		return untried(s, trials, rng)
	}
	// Uphill from the few best, in steps that shrink.
	for _, start := range slices.Clone(top[:min(len(top), 3)]) {
		c, width := start, 0.1
		for range samples / 10 {
			u := nudged(s, c.u, width, rng)
			if v := gain(u); v > c.gain {
				c = candidate{u, v}
			} else {
				width = max(width*0.97, 0.002)
			}
		}
		add(c.u)
	}
	return s.values(top[0].u)
}

func point(s Space, rng *rand.Rand) []float64 {
	u := make([]float64, len(s))
	for i := range u {
		u[i] = rng.Float64()
	}
	return u
}

// nudged moves a point by about width in each dimension. A category changes
// with that probability.
func nudged(s Space, u []float64, width float64, rng *rand.Rand) []float64 {
	moved := slices.Clone(u)
	for i := range moved {
		if s[i].Kind == Categorical {
			if rng.Float64() < width {
				moved[i] = rng.Float64()
			}
			continue
		}
		step := width
		if s[i].Kind == Integer {
			step = max(width, 0.7/s[i].choices()) // or it stays where it is
		}
		moved[i] = min(max(moved[i]+step*rng.NormFloat64(), 0), 1)
	}
	return moved
}

// pickGood is one of the five best trials.
func pickGood(s Space, trials []Trial, rng *rand.Rand) ([]float64, bool) {
	var good []Trial
	for _, t := range trials {
		if t.Failed || math.IsNaN(t.Score) {
			continue
		}
		at := len(good)
		for at > 0 && good[at-1].Score < t.Score {
			at--
		}
		if at < 5 {
			good = slices.Insert(good, at, t)
			good = good[:min(len(good), 5)]
		}
	}
	if len(good) == 0 {
		return nil, false
	}
	return s.point(good[rng.IntN(len(good))].Values)
}

// logImprovement is the logarithm of the expected improvement of a normal
// variable with standard deviation 1 that is z above the best. Far below the best
// the sum of its terms is lost to rounding; there its asymptotic series is used.
func logImprovement(z float64) float64 {
	if z < -6 {
		return -z*z/2 - math.Log(2*math.Pi)/2 - 2*math.Log(-z) + math.Log1p(-3/(z*z))
	}
	density := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
	return math.Log(density + z*math.Erfc(-z/math.Sqrt2)/2)
}
