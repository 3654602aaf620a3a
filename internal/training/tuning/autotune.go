package tuning

import (
	"math"
	"slices"
	"strconv"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

// recommended are the ranges that a job with Autotune searches if it gives none:
// those that matter most in BlazingText's modes.
var recommended = map[string]ParameterRanges{
	"supervised": {
		ContinuousParameterRanges: []NumericRange{{"learning_rate", "0.05", "1", "Logarithmic"}},
		IntegerParameterRanges: []NumericRange{
			{"epochs", "5", "15", "Linear"}, {"min_count", "1", "20", "Logarithmic"},
			{"vector_dim", "32", "300", "Logarithmic"}, {"word_ngrams", "1", "3", "Linear"},
		},
	},
	"": { // word vectors
		ContinuousParameterRanges: []NumericRange{{"learning_rate", "0.005", "0.1", "Logarithmic"}},
		IntegerParameterRanges: []NumericRange{
			{"epochs", "5", "15", "Linear"}, {"min_count", "1", "100", "Logarithmic"},
			{"vector_dim", "32", "300", "Logarithmic"}, {"window_size", "1", "10", "Linear"},
		},
	},
}

// autotune fills in ranges where the server is to choose them. What it chose is
// shown as if it had been given.
func (s *Spec) autotune() error {
	for i, d := range s.Definitions() {
		given := s.ranges(i)
		if s.Autotune == nil {
			if len(given.AutoParameters) > 0 {
				return errs.Invalidf("AutoParameters need Autotune with the mode Enabled.")
			}
			continue
		}
		chosen := ParameterRanges{CategoricalParameterRanges: given.CategoricalParameterRanges, AutoParameters: given.AutoParameters,
			IntegerParameterRanges: slices.Clone(given.IntegerParameterRanges), ContinuousParameterRanges: slices.Clone(given.ContinuousParameterRanges)}
		for _, a := range given.AutoParameters {
			if err := chosen.around(a); err != nil {
				return err
			}
		}
		if len(chosen.IntegerParameterRanges)+len(chosen.ContinuousParameterRanges)+len(chosen.CategoricalParameterRanges) == 0 {
			ranges, ok := recommended[d.StaticHyperParameters["mode"]]
			if !ok {
				ranges = recommended[""]
			}
			static := func(r NumericRange) bool { _, ok := d.StaticHyperParameters[r.Name]; return ok }
			chosen.IntegerParameterRanges = slices.DeleteFunc(slices.Clone(ranges.IntegerParameterRanges), static)
			chosen.ContinuousParameterRanges = slices.DeleteFunc(slices.Clone(ranges.ContinuousParameterRanges), static)
		}
		if s.TrainingJobDefinition != nil && d.HyperParameterRanges == nil {
			s.HyperParameterTuningJobConfig.ParameterRanges = &chosen
		} else {
			d.HyperParameterRanges = &chosen
		}
	}
	if limits := &s.HyperParameterTuningJobConfig.ResourceLimits; s.Autotune != nil && limits.MaxNumberOfTrainingJobs == nil &&
		s.HyperParameterTuningJobConfig.Strategy != "Grid" {
		limits.MaxNumberOfTrainingJobs = new(20)
	}
	return nil
}

// around adds a range around a hint: a tenth to ten times a number, a quarter to
// four times a whole one.
func (r *ParameterRanges) around(a AutoParameter) error {
	if n, err := strconv.ParseInt(a.ValueHint, 10, 32); err == nil && n > 0 {
		r.IntegerParameterRanges = append(r.IntegerParameterRanges,
			NumericRange{a.Name, strconv.FormatInt(max(1, n/4), 10), strconv.FormatInt(4*n, 10), "Logarithmic"})
		return nil
	}
	if v, err := strconv.ParseFloat(a.ValueHint, 64); err == nil && v > 0 && !math.IsInf(v, 0) {
		format := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
		r.ContinuousParameterRanges = append(r.ContinuousParameterRanges, NumericRange{a.Name, format(v / 10), format(v * 10), "Logarithmic"})
		return nil
	}
	return errs.Invalidf("The ValueHint %q of the hyperparameter %q is not a number above 0. Give a CategoricalParameterRange instead.", jobs.Clip(a.ValueHint, 100), jobs.Clip(a.Name, 256))
}

// complete fills in what has a default, since clients read it from the answers.
func (s *Spec) complete() {
	config := &s.HyperParameterTuningJobConfig
	if config.TrainingJobEarlyStoppingType == "" {
		config.TrainingJobEarlyStoppingType = "Off"
	}
	if config.Strategy == "Grid" {
		config.ResourceLimits.MaxNumberOfTrainingJobs = new(s.combinations())
	}
	all := []*ParameterRanges{config.ParameterRanges}
	for _, d := range s.Definitions() {
		all = append(all, d.HyperParameterRanges)
	}
	for _, r := range all {
		if r != nil {
			r.IntegerParameterRanges = append([]NumericRange{}, r.IntegerParameterRanges...)
			r.ContinuousParameterRanges = append([]NumericRange{}, r.ContinuousParameterRanges...)
			r.CategoricalParameterRanges = append([]CategoricalRange{}, r.CategoricalParameterRanges...)
		}
	}
}
