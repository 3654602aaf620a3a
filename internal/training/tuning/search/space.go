// Package search chooses which hyperparameters a tuning job tries next, and
// which of its training jobs are not worth finishing.
//
// Everything here is a function of its arguments: the same space, trials and
// seed give the same answer, so that a tuning job can be repeated, and goes on
// after an interruption as if there had been none. Nothing here knows of jobs.
package search

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Kind is what values a hyperparameter has.
type Kind uint8

const (
	Continuous Kind = iota
	Integer
	Categorical
)

// Scale is how the values of a range are spread over the search: evenly, or
// evenly in their logarithm, or evenly in the logarithm of their distance to 1.
type Scale uint8

const (
	Linear Scale = iota
	Logarithmic
	ReverseLogarithmic
)

// Range is the values of one hyperparameter. Min and Max are inclusive, whole for
// Integer; Logarithmic needs 0 < Min, ReverseLogarithmic 0 <= Min and Max < 1.
// Values are those of Categorical, at least one.
type Range struct {
	Name     string
	Kind     Kind
	Min, Max float64
	Scale    Scale
	Values   []string
}

// AutoScale chooses a scale for a numeric range: a logarithmic one if its ends
// are an order of magnitude apart, from 0 or from 1.
func AutoScale(kind Kind, low, high float64) Scale {
	switch {
	case low > 0 && high >= 10*low:
		return Logarithmic
	case kind == Continuous && low >= 0.5 && high < 1 && 1-low >= 10*(1-high):
		return ReverseLogarithmic
	default:
		return Linear
	}
}

// scaled and unscaled take a value to its scale and back.
func (r *Range) scaled(v float64) float64 {
	switch r.Scale {
	case Logarithmic:
		return math.Log(v)
	case ReverseLogarithmic:
		return -math.Log1p(-v)
	default:
		return v
	}
}

func (r *Range) unscaled(s float64) float64 {
	switch r.Scale {
	case Logarithmic:
		return math.Exp(s)
	case ReverseLogarithmic:
		return -math.Expm1(-s)
	default:
		return s
	}
}

// bounds are the ends of the range on its scale. Those of an integer reach half
// a step beyond, so that its first and last values are as likely as the others.
func (r *Range) bounds() (low, high float64) {
	low, high = r.Min, r.Max
	if r.Kind == Integer {
		low, high = r.Min-0.5, r.Max+0.5
		if r.Scale == Logarithmic {
			low = max(low, r.Min/2)
		}
	}
	return r.scaled(low), r.scaled(high)
}

// value is the point u of [0, 1] as a hyperparameter.
func (r *Range) value(u float64) string {
	if r.Kind == Categorical {
		return r.Values[min(int(u*float64(len(r.Values))), len(r.Values)-1)]
	}
	low, high := r.bounds()
	v := r.unscaled(low + u*(high-low))
	if r.Kind == Integer {
		v = math.Round(v)
	}
	v = min(max(v, r.Min), r.Max) // rounding must not leave the range
	if r.Kind == Integer {
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// point is value's inverse: the middle of the points with that value. ok is
// false for a value that isn't in the range.
func (r *Range) point(value string) (u float64, ok bool) {
	if r.Kind == Categorical {
		i := slices.Index(r.Values, value)
		return (float64(i) + 0.5) / float64(len(r.Values)), i >= 0
	}
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || !(v >= r.Min && v <= r.Max) {
		return 0, false
	}
	low, high := r.bounds()
	if high <= low {
		return 0.5, true
	}
	return min(max((r.scaled(v)-low)/(high-low), 0), 1), true
}

// choices is how many values the range has; +Inf if it is Continuous.
func (r *Range) choices() float64 {
	switch {
	case r.Kind == Categorical:
		return float64(len(r.Values))
	case r.Kind == Integer:
		return r.Max - r.Min + 1
	case r.Min == r.Max:
		return 1
	default:
		return math.Inf(1)
	}
}

// Space is the hyperparameters that are searched.
type Space []Range

// Trial is hyperparameters that were chosen, and what came of them.
type Trial struct {
	Values map[string]string
	// Score is the objective, the higher the better; NaN while it isn't known.
	Score float64
	// Failed says that there will be no score: the training did not work.
	Failed bool
}

// values is a point of the unit cube as hyperparameters.
func (s Space) values(u []float64) map[string]string {
	values := make(map[string]string, len(s))
	for i := range s {
		values[s[i].Name] = s[i].value(u[i])
	}
	return values
}

// point is the inverse of values; ok is false if a value is missing or out of range.
func (s Space) point(values map[string]string) (u []float64, ok bool) {
	u = make([]float64, len(s))
	for i := range s {
		if u[i], ok = s[i].point(values[s[i].Name]); !ok {
			return nil, false
		}
	}
	return u, true
}

// choices is how many different hyperparameters the space has.
func (s Space) choices() float64 {
	n := 1.0
	for i := range s {
		n *= s[i].choices()
	}
	return n
}

// key tells hyperparameters apart.
func (s Space) key(values map[string]string) string {
	var b strings.Builder
	for i := range s {
		fmt.Fprintf(&b, "%q,", values[s[i].Name])
	}
	return b.String()
}

// tried are the keys of the trials.
func (s Space) tried(trials []Trial) map[string]bool {
	keys := make(map[string]bool, len(trials))
	for _, t := range trials {
		keys[s.key(t.Values)] = true
	}
	return keys
}

// random are the random numbers of one choice of a tuning job.
func random(seed uint64, choice int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15*uint64(choice+1)))
}

// Ends are the first and the last value of a numeric range, and all values of a
// Categorical one.
func (r *Range) Ends() []string {
	if r.Kind == Categorical {
		return r.Values
	}
	return []string{r.value(0), r.value(1)}
}
