package search

import (
	"math"
	"math/rand/v2"
)

// Random chooses hyperparameters at random, evenly on the scales of their ranges,
// and none that a trial has, as long as there are others.
func Random(s Space, trials []Trial, seed uint64) map[string]string {
	return untried(s, trials, random(seed, len(trials)))
}

func untried(s Space, trials []Trial, rng *rand.Rand) map[string]string {
	tried := s.tried(trials)
	u := make([]float64, len(s))
	// A finite space that is nearly used up is searched in full by Grid below.
	for range 100 {
		for i := range u {
			u[i] = rng.Float64()
		}
		if values := s.values(u); !tried[s.key(values)] {
			return values
		}
	}
	if n := s.choices(); n <= 1e6 {
		offset := rng.IntN(int(n))
		for i := range int(n) {
			if values := s.nth((offset + i) % int(n)); !tried[s.key(values)] {
				return values
			}
		}
	}
	return s.values(u)
}

// Grid chooses the combinations of a finite space one after the other, the last
// range first, as AWS's grid search does. ok is false when there are no more.
func Grid(s Space, trials []Trial) (values map[string]string, ok bool) {
	if len(trials) >= Combinations(s) {
		return nil, false
	}
	return s.nth(len(trials)), true
}

// Combinations is how many trials a grid search of s has; math.MaxInt if the
// space isn't finite, or too large to count.
func Combinations(s Space) int {
	n := s.choices()
	if n > 1<<53 {
		return math.MaxInt
	}
	return int(n)
}

// nth is a combination of a finite space by its number.
func (s Space) nth(n int) map[string]string {
	values := make(map[string]string, len(s))
	for i := len(s) - 1; i >= 0; i-- {
		r := s[i]
		r.Scale = Linear // so that an integer's values divide [0, 1] evenly
		choices := int(r.choices())
		values[r.Name] = r.value((float64(n%choices) + 0.5) / float64(choices))
		n /= choices
	}
	return values
}
