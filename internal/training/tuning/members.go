package tuning

import (
	"fmt"
	"math"

	"github.com/heliograph/heliograph/internal/jobs"
)

// checkMembers holds the request against the service model.
func (s *Spec) checkMembers() error {
	var c jobs.Constraints
	c.Text(s.HyperParameterTuningJobName, "hyperParameterTuningJobName", 32, jobName)
	config, at := &s.HyperParameterTuningJobConfig, "hyperParameterTuningJobConfig."
	c.Enum(config.Strategy, at+"strategy", "Bayesian", "Random", "Hyperband", "Grid")
	c.OptionalEnum(config.TrainingJobEarlyStoppingType, at+"trainingJobEarlyStoppingType", "Off", "Auto")
	limits := config.ResourceLimits
	c.Within(limits.MaxNumberOfTrainingJobs, at+"resourceLimits.maxNumberOfTrainingJobs", 1, math.MaxInt)
	c.Within(&limits.MaxParallelTrainingJobs, at+"resourceLimits.maxParallelTrainingJobs", 1, math.MaxInt)
	c.Within(limits.MaxRuntimeInSeconds, at+"resourceLimits.maxRuntimeInSeconds", 120, 15_768_000)
	if band := config.hyperband(); band != nil {
		c.Within(band.MinResource, at+"strategyConfig.hyperbandStrategyConfig.minResource", 1, maxEpochs)
		c.Within(band.MaxResource, at+"strategyConfig.hyperbandStrategyConfig.maxResource", 1, maxEpochs)
	}
	if criteria := config.TuningJobCompletionCriteria; criteria != nil {
		at := at + "tuningJobCompletionCriteria."
		if n := criteria.BestObjectiveNotImproving; n != nil {
			c.Within(n.MaxNumberOfTrainingJobsNotImproving, at+"bestObjectiveNotImproving.maxNumberOfTrainingJobsNotImproving", 3, math.MaxInt)
		}
		if n := criteria.ConvergenceDetected; n != nil {
			c.OptionalEnum(n.CompleteOnConvergence, at+"convergenceDetected.completeOnConvergence", "Disabled", "Enabled")
		}
	}
	if seed := config.RandomSeed; seed != nil && *seed < 0 {
		c.Add(*seed, at+"randomSeed", "Member must have value greater than or equal to 0")
	}
	checkObjectiveMembers(&c, config.HyperParameterTuningJobObjective, at+"hyperParameterTuningJobObjective")
	checkRangeMembers(&c, config.ParameterRanges, at+"parameterRanges")
	c.Count(len(s.TrainingJobDefinitions), "trainingJobDefinitions", 0, 10)
	for i, d := range s.Definitions() {
		at := "trainingJobDefinition."
		if s.TrainingJobDefinition == nil {
			at = fmt.Sprintf("trainingJobDefinitions.%d.member.", i+1)
		}
		if d.DefinitionName != "" {
			c.Text(d.DefinitionName, at+"definitionName", 64, definitionName)
		}
		checkObjectiveMembers(&c, d.TuningObjective, at+"tuningObjective")
		checkRangeMembers(&c, d.HyperParameterRanges, at+"hyperParameterRanges")
		c.Count(len(d.StaticHyperParameters), at+"staticHyperParameters", 0, 100)
		if d.RetryStrategy != nil {
			c.Within(&d.RetryStrategy.MaximumRetryAttempts, at+"retryStrategy.maximumRetryAttempts", 1, 30)
		}
		if r := d.HyperParameterTuningResourceConfig; r != nil {
			c.OptionalEnum(r.AllocationStrategy, at+"hyperParameterTuningResourceConfig.allocationStrategy", "Prioritized")
			c.Count(len(r.InstanceConfigs), at+"hyperParameterTuningResourceConfig.instanceConfigs", 0, 6)
		}
	}
	if w := s.WarmStartConfig; w != nil {
		c.Enum(w.WarmStartType, "warmStartConfig.warmStartType", "IdenticalDataAndAlgorithm", "TransferLearning")
		c.Count(len(w.ParentHyperParameterTuningJobs), "warmStartConfig.parentHyperParameterTuningJobs", 1, 5)
		for i, p := range w.ParentHyperParameterTuningJobs {
			c.Text(p.HyperParameterTuningJobName,
				fmt.Sprintf("warmStartConfig.parentHyperParameterTuningJobs.%d.member.hyperParameterTuningJobName", i+1), 32, jobName)
		}
	}
	if s.Autotune != nil {
		c.Enum(s.Autotune.Mode, "autotune.mode", "Enabled")
	}
	c.Count(len(s.Tags), "tags", 0, 50)
	return c.Err()
}

func checkObjectiveMembers(c *jobs.Constraints, o *Objective, at string) {
	if o != nil {
		c.Enum(o.Type, at+".type", "Maximize", "Minimize")
		c.Text(o.MetricName, at+".metricName", 255, nil)
	}
}

func checkRangeMembers(c *jobs.Constraints, r *ParameterRanges, at string) {
	if r == nil {
		return
	}
	numeric := func(ranges []NumericRange, at string) {
		c.Count(len(ranges), at, 0, 30)
		for i, n := range ranges {
			at := fmt.Sprintf("%s.%d.member.", at, i+1)
			c.Text(n.Name, at+"name", 256, nil)
			c.Text(n.MinValue, at+"minValue", 256, nil)
			c.Text(n.MaxValue, at+"maxValue", 256, nil)
			c.OptionalEnum(n.ScalingType, at+"scalingType", "Auto", "Linear", "Logarithmic", "ReverseLogarithmic")
		}
	}
	numeric(r.IntegerParameterRanges, at+".integerParameterRanges")
	numeric(r.ContinuousParameterRanges, at+".continuousParameterRanges")
	c.Count(len(r.CategoricalParameterRanges), at+".categoricalParameterRanges", 0, 30)
	for i, n := range r.CategoricalParameterRanges {
		at := fmt.Sprintf("%s.categoricalParameterRanges.%d.member.", at, i+1)
		c.Text(n.Name, at+"name", 256, nil)
		c.Count(len(n.Values), at+"values", 1, 30)
		for j, v := range n.Values {
			if len(v) > 256 {
				c.Add(v, fmt.Sprintf("%svalues.%d.member", at, j+1), "Member must have length less than or equal to 256")
			}
		}
	}
	c.Count(len(r.AutoParameters), at+".autoParameters", 0, 100)
}
