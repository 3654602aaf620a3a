package tuning

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/training"
	"github.com/heliograph/heliograph/internal/training/trainer"
	"github.com/heliograph/heliograph/internal/training/tuning/search"
)

var (
	jobName        = regexp.MustCompile(`^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}$`)
	definitionName = regexp.MustCompile(`^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,63}$`)
)

// Bounds of a tuning job; the first two are AWS's quotas.
const (
	maxTrainingJobs = 750
	maxParallel     = 100
	maxEpochs       = 20_000 // of Hyperband
	maxCombinations = maxTrainingJobs
)

// validate checks everything about s that can be known without looking at data
// and training jobs.
func (s *Spec) validate() error {
	if err := s.checkMembers(); err != nil {
		return err
	}
	definitions := s.Definitions()
	switch {
	case s.TrainingJobDefinition != nil && len(s.TrainingJobDefinitions) > 0:
		return errs.Invalidf("You can specify either TrainingJobDefinition or TrainingJobDefinitions, but not both.")
	case len(definitions) == 0:
		return errs.Invalidf("You must specify either TrainingJobDefinition or TrainingJobDefinitions.")
	}
	names := map[string]bool{}
	for i, d := range definitions {
		if len(definitions) > 1 && d.DefinitionName == "" {
			return errs.Invalidf("DefinitionName is missing in element %d of TrainingJobDefinitions. With several definitions each needs one.", i+1)
		}
		if names[d.DefinitionName] {
			return errs.Invalidf("The DefinitionName %q is given twice. Definition names must be unique.", d.DefinitionName)
		}
		names[d.DefinitionName] = true
		if err := s.checkObjective(i); err != nil {
			return err
		}
		if err := s.checkRanges(i); err != nil {
			return err
		}
	}
	return s.checkStrategy()
}

// checkObjective holds the objective against what BlazingText's jobs report.
func (s *Spec) checkObjective(definition int) error {
	d, o := s.Definitions()[definition], s.Objective(definition)
	if o.MetricName == "" {
		return errs.Invalidf("A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric definitions.")
	}
	has := func(channel string) bool {
		return slices.ContainsFunc(d.InputDataConfig, func(c training.Channel) bool { return c.ChannelName == channel })
	}
	modes := []string{d.StaticHyperParameters["mode"]}
	for _, r := range s.ranges(definition).CategoricalParameterRanges {
		if r.Name == "mode" {
			modes = r.Values
		}
	}
	for _, mode := range modes {
		offered := trainer.Objectives(mode)
		if !slices.Contains(offered, o.MetricName) {
			return errs.Invalidf("The objective metric %q for the hyperparameter tuning job, [%s], isn't valid for the [blazingtext] algorithm in mode %s. Choose a valid objective metric: %s.",
				jobs.Clip(o.MetricName, 255), s.HyperParameterTuningJobName, jobs.Clip(mode, 100), strings.Join(offered, ", "))
		}
	}
	switch {
	case o.Type != "Maximize":
		return errs.Invalidf("The objective type for the hyperparameter tuning job, [%s], isn't valid for the [blazingtext] algorithm. Choose a valid objective type: Maximize.",
			s.HyperParameterTuningJobName)
	case strings.HasPrefix(o.MetricName, "validation:") && !has("validation"):
		return errs.Invalidf("The objective metric %s needs the channel validation. Give it in InputDataConfig.", o.MetricName)
	case o.MetricName == "train:mean_rho" && !has("evaluation"):
		return errs.Invalidf("The objective metric train:mean_rho needs the channel evaluation, with files of word pairs and people's scores, such as WordSim-353. Give it in InputDataConfig.")
	case o.MetricName == "train:mean_rho" && strings.EqualFold(d.StaticHyperParameters["evaluation"], "false"):
		return errs.Invalidf("The objective metric train:mean_rho needs the hyperparameter evaluation to be True.")
	}
	return nil
}

// checkRanges holds the ranges against each other and the static hyperparameters.
func (s *Spec) checkRanges(definition int) error {
	space, err := s.space(definition)
	if err != nil {
		return err
	}
	if len(space) == 0 {
		return errs.Invalidf("There is nothing to tune: give at least one range of a hyperparameter, or Autotune with the mode Enabled.")
	}
	if len(space) > 30 {
		return errs.Invalidf("%d hyperparameters are to be tuned, and 30 are possible.", len(space))
	}
	seen := map[string]bool{}
	for _, r := range space {
		_, static := s.Definitions()[definition].StaticHyperParameters[r.Name]
		switch {
		case seen[r.Name]:
			return errs.Invalidf("The hyperparameter %q has two ranges.", jobs.Clip(r.Name, 256))
		case static:
			return errs.Invalidf("The hyperparameter %q is both static and to be tuned. Leave it out of StaticHyperParameters, or of the ranges.", jobs.Clip(r.Name, 256))
		}
		seen[r.Name] = true
	}
	return nil
}

// checkStrategy is for rules of the strategies.
func (s *Spec) checkStrategy() error {
	config := &s.HyperParameterTuningJobConfig
	limits := config.ResourceLimits
	switch {
	case limits.MaxNumberOfTrainingJobs != nil && *limits.MaxNumberOfTrainingJobs > maxTrainingJobs:
		return errs.New(errs.Invalid, "ResourceLimitExceeded", "The account-level service limit 'Maximum number of training jobs per hyperparameter tuning job' is %d. "+
			"MaxNumberOfTrainingJobs is %d.", maxTrainingJobs, *limits.MaxNumberOfTrainingJobs)
	case limits.MaxParallelTrainingJobs > maxParallel:
		return errs.New(errs.Invalid, "ResourceLimitExceeded", "The account-level service limit 'Maximum number of parallel training jobs per hyperparameter tuning job' is %d. "+
			"MaxParallelTrainingJobs is %d.", maxParallel, limits.MaxParallelTrainingJobs)
	case config.hyperband() != nil && config.Strategy != "Hyperband":
		return errs.Invalidf("HyperbandStrategyConfig is only for the strategy Hyperband, and the strategy is %s.", config.Strategy)
	case config.Strategy == "Grid":
		return s.checkGrid()
	case limits.MaxNumberOfTrainingJobs == nil && limits.MaxRuntimeInSeconds == nil && s.Autotune == nil:
		return errs.Invalidf("MaxNumberOfTrainingJobs is missing in ResourceLimits. The strategy %s needs it, or MaxRuntimeInSeconds.", config.Strategy)
	case config.Strategy != "Hyperband":
		return nil
	case config.TrainingJobEarlyStoppingType == "Auto":
		return errs.Invalidf("The strategy Hyperband stops training jobs by itself. Set TrainingJobEarlyStoppingType to Off, or leave it out.")
	}
	for i := range s.Definitions() {
		if _, err := s.hyperband(i); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spec) checkGrid() error {
	total := 0
	for i := range s.Definitions() {
		if r := s.ranges(i); len(r.IntegerParameterRanges)+len(r.ContinuousParameterRanges) > 0 {
			return errs.Invalidf("The strategy Grid searches categorical ranges only. List the values to try of %q in CategoricalParameterRanges.",
				slices.Concat(r.IntegerParameterRanges, r.ContinuousParameterRanges)[0].Name)
		}
		space, err := s.space(i)
		if err != nil {
			return err
		}
		if n := search.Combinations(space); n > maxCombinations-total {
			return errs.New(errs.Invalid, "ResourceLimitExceeded", "The account-level service limit 'Maximum number of training jobs per hyperparameter tuning job' is %d, "+
				"and the grid has more combinations.", maxCombinations)
		} else {
			total += n
		}
	}
	if n := s.HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs; n != nil && *n != total {
		return errs.Invalidf("MaxNumberOfTrainingJobs is %d, and the grid has %d combinations. Leave it out, or make it %d.", *n, total, total)
	}
	return nil
}

func (c *Config) hyperband() *HyperbandStrategyConfig {
	if c.StrategyConfig == nil {
		return nil
	}
	return c.StrategyConfig.HyperbandStrategyConfig
}

// hyperband is the schedule of a definition's trials.
func (s *Spec) hyperband(definition int) (search.Hyperband, error) {
	h := search.Hyperband{Min: 1}
	if band := s.HyperParameterTuningJobConfig.hyperband(); band != nil {
		if band.MinResource != nil {
			h.Min = *band.MinResource
		}
		if band.MaxResource != nil {
			h.Max = *band.MaxResource
		}
	}
	space, err := s.space(definition)
	if err != nil {
		return h, err
	}
	if slices.ContainsFunc(space, func(r search.Range) bool { return r.Name == "epochs" }) {
		return h, errs.Invalidf("The strategy Hyperband decides on the epochs of each training job, so the hyperparameter epochs can't be tuned.")
	}
	if text, ok := s.Definitions()[definition].StaticHyperParameters["epochs"]; ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxEpochs {
			return h, errs.Invalidf("The hyperparameter epochs is %q; with the strategy Hyperband it must be 1 to %d.", jobs.Clip(text, 100), maxEpochs)
		}
		if h.Max == 0 || n < h.Max {
			h.Max = n
		}
	}
	switch {
	case h.Max == 0:
		return h, errs.Invalidf("MaxResource is missing in HyperbandStrategyConfig, and there is no hyperparameter epochs in StaticHyperParameters to infer it from.")
	case h.Min > h.Max:
		return h, errs.Invalidf("MinResource (%d) is above the most epochs that a training job may have (%d).", h.Min, h.Max)
	}
	return h, nil
}

// check asks training what it would say to jobs at the corners of the ranges, so
// that the common slips are told at once and not in failed jobs.
func (s *Service) check(ctx context.Context, spec *Spec) error {
	for i, d := range spec.Definitions() {
		space, err := spec.space(i)
		if err != nil {
			return err
		}
		for _, values := range corners(space, d.StaticHyperParameters) {
			child := spec.child(i, spec.HyperParameterTuningJobName+"-001-00000000", values)
			if err := s.Jobs.CheckTuned(ctx, child); err != nil {
				return located(err, spec.TrainingJobDefinition == nil, i)
			}
		}
	}
	return nil
}

// located says of a constraint of training in which definition it is broken.
func located(err error, several bool, definition int) error {
	at := " at 'trainingJobDefinition."
	if several {
		at = fmt.Sprintf(" at 'trainingJobDefinitions.%d.member.", definition+1)
	}
	if text := errs.MessageOf(err); errs.Is(err, errs.Invalid) && strings.Contains(text, "validation error") {
		return errs.Wrap(err, errs.Invalid, "", "%s", strings.ReplaceAll(text, " at '", at))
	}
	return err
}
