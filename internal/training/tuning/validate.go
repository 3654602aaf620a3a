package tuning

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
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

func (s *Spec) checkMembers() error {
	var c constraints
	c.text(s.HyperParameterTuningJobName, "hyperParameterTuningJobName", 32, jobName)
	config, at := &s.HyperParameterTuningJobConfig, "hyperParameterTuningJobConfig."
	c.enum(config.Strategy, at+"strategy", "Bayesian", "Random", "Hyperband", "Grid")
	c.optional(config.TrainingJobEarlyStoppingType, at+"trainingJobEarlyStoppingType", "Off", "Auto")
	limits := config.ResourceLimits
	c.within(limits.MaxNumberOfTrainingJobs, at+"resourceLimits.maxNumberOfTrainingJobs", 1, math.MaxInt)
	c.within(&limits.MaxParallelTrainingJobs, at+"resourceLimits.maxParallelTrainingJobs", 1, math.MaxInt)
	c.within(limits.MaxRuntimeInSeconds, at+"resourceLimits.maxRuntimeInSeconds", 120, 15_768_000)
	if band := config.hyperband(); band != nil {
		c.within(band.MinResource, at+"strategyConfig.hyperbandStrategyConfig.minResource", 1, maxEpochs)
		c.within(band.MaxResource, at+"strategyConfig.hyperbandStrategyConfig.maxResource", 1, maxEpochs)
	}
	if criteria := config.TuningJobCompletionCriteria; criteria != nil {
		at := at + "tuningJobCompletionCriteria."
		if n := criteria.BestObjectiveNotImproving; n != nil {
			c.within(n.MaxNumberOfTrainingJobsNotImproving, at+"bestObjectiveNotImproving.maxNumberOfTrainingJobsNotImproving", 3, math.MaxInt)
		}
		if n := criteria.ConvergenceDetected; n != nil {
			c.optional(n.CompleteOnConvergence, at+"convergenceDetected.completeOnConvergence", "Disabled", "Enabled")
		}
	}
	if seed := config.RandomSeed; seed != nil && *seed < 0 {
		c.add(*seed, at+"randomSeed", "Member must have value greater than or equal to 0")
	}
	checkObjectiveMembers(&c, config.HyperParameterTuningJobObjective, at+"hyperParameterTuningJobObjective")
	checkRangeMembers(&c, config.ParameterRanges, at+"parameterRanges")
	c.count(len(s.TrainingJobDefinitions), "trainingJobDefinitions", 0, 10)
	for i, d := range s.Definitions() {
		at := "trainingJobDefinition."
		if s.TrainingJobDefinition == nil {
			at = fmt.Sprintf("trainingJobDefinitions.%d.member.", i+1)
		}
		if d.DefinitionName != "" {
			c.text(d.DefinitionName, at+"definitionName", 64, definitionName)
		}
		checkObjectiveMembers(&c, d.TuningObjective, at+"tuningObjective")
		checkRangeMembers(&c, d.HyperParameterRanges, at+"hyperParameterRanges")
		c.count(len(d.StaticHyperParameters), at+"staticHyperParameters", 0, 100)
		if d.RetryStrategy != nil {
			c.within(&d.RetryStrategy.MaximumRetryAttempts, at+"retryStrategy.maximumRetryAttempts", 1, 30)
		}
		if r := d.HyperParameterTuningResourceConfig; r != nil {
			c.optional(r.AllocationStrategy, at+"hyperParameterTuningResourceConfig.allocationStrategy", "Prioritized")
			c.count(len(r.InstanceConfigs), at+"hyperParameterTuningResourceConfig.instanceConfigs", 0, 6)
		}
	}
	if w := s.WarmStartConfig; w != nil {
		c.enum(w.WarmStartType, "warmStartConfig.warmStartType", "IdenticalDataAndAlgorithm", "TransferLearning")
		c.count(len(w.ParentHyperParameterTuningJobs), "warmStartConfig.parentHyperParameterTuningJobs", 1, 5)
		for i, p := range w.ParentHyperParameterTuningJobs {
			c.text(p.HyperParameterTuningJobName,
				fmt.Sprintf("warmStartConfig.parentHyperParameterTuningJobs.%d.member.hyperParameterTuningJobName", i+1), 32, jobName)
		}
	}
	if s.Autotune != nil {
		c.enum(s.Autotune.Mode, "autotune.mode", "Enabled")
	}
	c.count(len(s.Tags), "tags", 0, 50)
	return c.err()
}

func checkObjectiveMembers(c *constraints, o *Objective, at string) {
	if o != nil {
		c.enum(o.Type, at+".type", "Maximize", "Minimize")
		c.text(o.MetricName, at+".metricName", 255, nil)
	}
}

func checkRangeMembers(c *constraints, r *ParameterRanges, at string) {
	if r == nil {
		return
	}
	numeric := func(ranges []NumericRange, at string) {
		c.count(len(ranges), at, 0, 30)
		for i, n := range ranges {
			at := fmt.Sprintf("%s.%d.member.", at, i+1)
			c.text(n.Name, at+"name", 256, nil)
			c.text(n.MinValue, at+"minValue", 256, nil)
			c.text(n.MaxValue, at+"maxValue", 256, nil)
			c.optional(n.ScalingType, at+"scalingType", "Auto", "Linear", "Logarithmic", "ReverseLogarithmic")
		}
	}
	numeric(r.IntegerParameterRanges, at+".integerParameterRanges")
	numeric(r.ContinuousParameterRanges, at+".continuousParameterRanges")
	c.count(len(r.CategoricalParameterRanges), at+".categoricalParameterRanges", 0, 30)
	for i, n := range r.CategoricalParameterRanges {
		at := fmt.Sprintf("%s.categoricalParameterRanges.%d.member.", at, i+1)
		c.text(n.Name, at+"name", 256, nil)
		c.count(len(n.Values), at+"values", 1, 30)
		for j, v := range n.Values {
			if len(v) > 256 {
				c.add(v, fmt.Sprintf("%svalues.%d.member", at, j+1), "Member must have length less than or equal to 256")
			}
		}
	}
	c.count(len(r.AutoParameters), at+".autoParameters", 0, 100)
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
				clip(o.MetricName, 255), s.HyperParameterTuningJobName, clip(mode, 100), strings.Join(offered, ", "))
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
			return errs.Invalidf("The hyperparameter %q has two ranges.", clip(r.Name, 256))
		case static:
			return errs.Invalidf("The hyperparameter %q is both static and to be tuned. Leave it out of StaticHyperParameters, or of the ranges.", clip(r.Name, 256))
		}
		seen[r.Name] = true
	}
	return nil
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
			return nil, errs.Invalidf("The range of the hyperparameter %q has a value twice.", clip(n.Name, 256))
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
	name := clip(n.Name, 256)
	switch {
	case errors.Join(err, err2) != nil:
		return r, errs.Invalidf("The range of the hyperparameter %q is %q to %q; both must be %s.", name, clip(n.MinValue, 100), clip(n.MaxValue, 100), what)
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
			return h, errs.Invalidf("The hyperparameter epochs is %q; with the strategy Hyperband it must be 1 to %d.", clip(text, 100), maxEpochs)
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
