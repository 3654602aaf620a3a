package tuning

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/training/tuning/search"
)

// ranges are those of a definition.
func (s *Spec) ranges(definition int) *ParameterRanges {
	if r := s.Definitions()[definition].HyperParameterRanges; r != nil {
		return r
	}
	if r := s.HyperParameterTuningJobConfig.ParameterRanges; r != nil {
		return r
	}
	return &ParameterRanges{}
}

// space is what is searched for a definition.
func (s *Spec) space(definition int) (search.Space, error) {
	var space search.Space
	given := s.ranges(definition)
	for kind, ranges := range map[search.Kind][]NumericRange{search.Integer: given.IntegerParameterRanges, search.Continuous: given.ContinuousParameterRanges} {
		for _, n := range ranges {
			r, err := n.parse(kind)
			if err != nil {
				return nil, err
			}
			space = append(space, r)
		}
	}
	for _, n := range given.CategoricalParameterRanges {
		values := slices.Clone(n.Values)
		slices.Sort(values)
		if len(slices.Compact(values)) != len(n.Values) {
			return nil, errs.Invalidf("The range of the hyperparameter %q has a value twice.", jobs.Clip(n.Name, 256))
		}
		space = append(space, search.Range{Name: n.Name, Kind: search.Categorical, Values: n.Values})
	}
	// The order in which ranges are given must not matter to what is chosen.
	slices.SortFunc(space, func(a, b search.Range) int { return strings.Compare(a.Name, b.Name) })
	return space, nil
}

func (n NumericRange) parse(kind search.Kind) (search.Range, error) {
	r := search.Range{Name: n.Name, Kind: kind}
	number := func(text string) (float64, error) {
		if kind == search.Integer {
			v, err := strconv.ParseInt(strings.TrimSpace(text), 10, 53)
			return float64(v), err
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
			err = strconv.ErrRange
		}
		return v, err
	}
	what := map[search.Kind]string{search.Integer: "an integer", search.Continuous: "a number"}[kind]
	var err, err2 error
	r.Min, err = number(n.MinValue)
	r.Max, err2 = number(n.MaxValue)
	name := jobs.Clip(n.Name, 256)
	switch {
	case errors.Join(err, err2) != nil:
		return r, errs.Invalidf("The range of the hyperparameter %q is %q to %q; both must be %s.", name, jobs.Clip(n.MinValue, 100), jobs.Clip(n.MaxValue, 100), what)
	case r.Min > r.Max:
		return r, errs.Invalidf("The range of the hyperparameter %q begins at %s, above its end %s.", name, n.MinValue, n.MaxValue)
	case r.Max-r.Min > math.MaxFloat64/4:
		return r, errs.Invalidf("The range of the hyperparameter %q is too wide.", name)
	}
	switch n.ScalingType {
	case "Logarithmic":
		if r.Min <= 0 {
			return r, errs.Invalidf("The hyperparameter %q has a logarithmic scale, so its range must begin above 0.", name)
		}
		r.Scale = search.Logarithmic
	case "ReverseLogarithmic":
		if kind != search.Continuous || r.Min < 0 || r.Max >= 1 {
			return r, errs.Invalidf("The hyperparameter %q has a reverse logarithmic scale. That is for continuous ranges from 0 or above to below 1.", name)
		}
		r.Scale = search.ReverseLogarithmic
	case "Linear":
	default:
		r.Scale = search.AutoScale(kind, r.Min, r.Max)
	}
	return r, nil
}

// corners are hyperparameters that between them have every end and every value
// of the ranges.
func corners(space search.Space, static map[string]string) []map[string]string {
	base := maps.Clone(static)
	if base == nil {
		base = map[string]string{}
	}
	ends := map[string][]string{}
	for _, r := range space {
		ends[r.Name] = r.Ends()
		base[r.Name] = ends[r.Name][0]
	}
	all := []map[string]string{base}
	for _, r := range space {
		for _, v := range ends[r.Name][1:] {
			other := maps.Clone(base)
			other[r.Name] = v
			all = append(all, other)
		}
	}
	return all
}
