package tuning_test

import (
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/training/tuning"
)

var listAll = store.Query{}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.create(spec("taken", "Random", 1))
	numeric := func(name, low, high, scale string) func(*tuning.Spec) {
		return func(s *tuning.Spec) {
			s.HyperParameterTuningJobConfig.ParameterRanges = &tuning.ParameterRanges{
				ContinuousParameterRanges: []tuning.NumericRange{{Name: name, MinValue: low, MaxValue: high, ScalingType: scale}}}
		}
	}
	for _, test := range []struct {
		name   string
		change func(*tuning.Spec)
		want   string
	}{
		{"no name", func(s *tuning.Spec) { s.HyperParameterTuningJobName = "" }, "Value null at 'hyperParameterTuningJobName' failed to satisfy constraint: Member must not be null"},
		{"long name", func(s *tuning.Spec) { s.HyperParameterTuningJobName = strings.Repeat("a", 33) }, "Member must have length less than or equal to 32"},
		{"bad name", func(s *tuning.Spec) { s.HyperParameterTuningJobName = "a_b" }, `Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}`},
		{"taken name", func(s *tuning.Spec) { s.HyperParameterTuningJobName = "Taken" }, "A hyperparameter tuning job with the name, Taken, already exists. Choose a different name."},
		{"strategy", func(s *tuning.Spec) { s.HyperParameterTuningJobConfig.Strategy = "Luck" }, "Value 'Luck' at 'hyperParameterTuningJobConfig.strategy' failed to satisfy constraint: Member must satisfy enum value set: [Bayesian, Random, Hyperband, Grid]"},
		{"no parallel jobs", func(s *tuning.Spec) { s.HyperParameterTuningJobConfig.ResourceLimits.MaxParallelTrainingJobs = 0 }, "maxParallelTrainingJobs' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"too many jobs", func(s *tuning.Spec) {
			s.HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs = new(751)
		}, "is 750"},
		{"no limit", func(s *tuning.Spec) { s.HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs = nil }, "MaxNumberOfTrainingJobs is missing"},
		{"short runtime", func(s *tuning.Spec) { s.HyperParameterTuningJobConfig.ResourceLimits.MaxRuntimeInSeconds = new(119) }, "Member must have value greater than or equal to 120"},
		{"negative seed", func(s *tuning.Spec) { s.HyperParameterTuningJobConfig.RandomSeed = new(int64(-1)) }, "randomSeed"},
		{"no definition", func(s *tuning.Spec) { s.TrainingJobDefinition = nil }, "You must specify either TrainingJobDefinition or TrainingJobDefinitions"},
		{"both definitions", func(s *tuning.Spec) { s.TrainingJobDefinitions = []tuning.Definition{*definition()} }, "but not both"},
		{"no objective", func(s *tuning.Spec) { s.HyperParameterTuningJobConfig.HyperParameterTuningJobObjective = nil }, "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric definitions."},
		{"unknown metric", func(s *tuning.Spec) {
			s.HyperParameterTuningJobConfig.HyperParameterTuningJobObjective.MetricName = "validation:loss"
		}, "isn't valid for the [blazingtext] algorithm in mode supervised. Choose a valid objective metric: validation:accuracy, validation:precision, validation:recall, validation:f1, validation:macro_f1."},
		{"to be minimised", func(s *tuning.Spec) {
			s.HyperParameterTuningJobConfig.HyperParameterTuningJobObjective.Type = "Minimize"
		}, "Choose a valid objective type: Maximize."},
		{"no validation channel", func(s *tuning.Spec) {
			s.TrainingJobDefinition.InputDataConfig = s.TrainingJobDefinition.InputDataConfig[:1]
		}, "needs the channel validation"},
		{"nothing to evaluate word vectors with", func(s *tuning.Spec) {
			s.HyperParameterTuningJobConfig.HyperParameterTuningJobObjective.MetricName = "train:mean_rho"
			s.TrainingJobDefinition.StaticHyperParameters["mode"] = "skipgram"
		}, "needs the channel evaluation"},
		{"no ranges", func(s *tuning.Spec) { s.HyperParameterTuningJobConfig.ParameterRanges = nil }, "There is nothing to tune"},
		{"static and tuned", func(s *tuning.Spec) { s.TrainingJobDefinition.StaticHyperParameters["learning_rate"] = "1" }, `"learning_rate" is both static and to be tuned`},
		{"backwards", numeric("learning_rate", "1", "0.1", "Linear"), `begins at 1, above its end 0.1`},
		{"not a number", numeric("learning_rate", "a", "NaN", ""), `both must be a number`},
		{"logarithm of 0", numeric("learning_rate", "0", "1", "Logarithmic"), `must begin above 0`},
		{"reverse logarithm of 1", numeric("learning_rate", "0", "1", "ReverseLogarithmic"), `below 1`},
		{"scale", numeric("learning_rate", "0", "1", "Curved"), "Member must satisfy enum value set: [Auto, Linear, Logarithmic, ReverseLogarithmic]"},
		{"unknown hyperparameter", numeric("rate", "0", "1", ""), "Additional hyperparameters are not allowed ('rate' was unexpected)"},
		{"end that training refuses", numeric("vector_dim", "10", "4096", ""), "vector_dim"},
		{"missing data", func(s *tuning.Spec) {
			s.TrainingJobDefinition.InputDataConfig[0].DataSource.S3DataSource.S3Uri = "s3://data/nothing"
		}, "s3://data/nothing"},
		{"role", func(s *tuning.Spec) { s.TrainingJobDefinition.RoleArn = "" }, "Value null at 'trainingJobDefinition.roleArn' failed to satisfy constraint: Member must not be null"},
		{"grid of numbers", func(s *tuning.Spec) {
			s.HyperParameterTuningJobConfig.Strategy = "Grid"
			s.HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs = nil
		}, "The strategy Grid searches categorical ranges only"},
		{"grid of another size", func(s *tuning.Spec) {
			s.HyperParameterTuningJobConfig.Strategy = "Grid"
			s.HyperParameterTuningJobConfig.ParameterRanges = &tuning.ParameterRanges{CategoricalParameterRanges: []tuning.CategoricalRange{{Name: "word_ngrams", Values: []string{"1", "2"}}}}
		}, "MaxNumberOfTrainingJobs is 3, and the grid has 2 combinations"},
		{"value twice", func(s *tuning.Spec) {
			s.HyperParameterTuningJobConfig.ParameterRanges.CategoricalParameterRanges = []tuning.CategoricalRange{{Name: "loss", Values: []string{"hs", "hs"}}}
		}, `"loss" has a value twice`},
		{"Hyperband without epochs", func(s *tuning.Spec) {
			s.HyperParameterTuningJobConfig.Strategy = "Hyperband"
			delete(s.TrainingJobDefinition.StaticHyperParameters, "epochs")
		}, "MaxResource is missing"},
		{"Hyperband and median", func(s *tuning.Spec) {
			s.HyperParameterTuningJobConfig.Strategy, s.HyperParameterTuningJobConfig.TrainingJobEarlyStoppingType = "Hyperband", "Auto"
		}, "Set TrainingJobEarlyStoppingType to Off"},
		{"Hyperband's settings elsewhere", func(s *tuning.Spec) {
			s.HyperParameterTuningJobConfig.StrategyConfig = &tuning.StrategyConfig{HyperbandStrategyConfig: &tuning.HyperbandStrategyConfig{}}
		}, "only for the strategy Hyperband"},
		{"warm start kind", func(s *tuning.Spec) {
			s.WarmStartConfig = &tuning.WarmStartConfig{ParentHyperParameterTuningJobs: []tuning.Parent{{HyperParameterTuningJobName: "taken"}}}
		}, "warmStartConfig.warmStartType"},
		{"hints without autotune", func(s *tuning.Spec) {
			s.HyperParameterTuningJobConfig.ParameterRanges.AutoParameters = []tuning.AutoParameter{{Name: "epochs", ValueHint: "5"}}
		}, "AutoParameters need Autotune"},
	} {
		s := spec("refused", "Random", 3)
		test.change(&s)
		_, err := h.Create(h.ctx, s)
		if err == nil || !strings.Contains(errs.MessageOf(err), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if k := errs.KindOf(err); k != errs.Invalid && k != errs.Conflict {
			t.Errorf("%s: the error is %v", test.name, k)
		}
	}
	if jobs, _, err := h.List(h.ctx, listAll); err != nil || len(jobs) != 1 {
		t.Errorf("%d tuning jobs are on record, %v", len(jobs), err)
	}
	if got := h.children("refused"); len(got) != 0 {
		t.Errorf("training jobs of refused tuning jobs: %q", got)
	}
}
