package tuning

import (
	"encoding/json"

	"github.com/heliograph/heliograph/internal/training"
)

// Spec is what a tuning job was asked to do: the members of
// CreateHyperParameterTuningJob, under the names the SageMaker API gives them.
type Spec struct {
	HyperParameterTuningJobName   string
	HyperParameterTuningJobConfig Config
	TrainingJobDefinition         *Definition      `json:",omitempty"`
	TrainingJobDefinitions        []Definition     `json:",omitempty"`
	WarmStartConfig               *WarmStartConfig `json:",omitempty"`
	Tags                          []training.Tag   `json:",omitempty"`
	Autotune                      *Autotune        `json:",omitempty"`
}

// Config is how the search goes, and how far.
type Config struct {
	Strategy                         string
	StrategyConfig                   *StrategyConfig `json:",omitempty"`
	HyperParameterTuningJobObjective *Objective      `json:",omitempty"`
	ResourceLimits                   ResourceLimits
	ParameterRanges                  *ParameterRanges    `json:",omitempty"`
	TrainingJobEarlyStoppingType     string              `json:",omitempty"`
	TuningJobCompletionCriteria      *CompletionCriteria `json:",omitempty"`
	RandomSeed                       *int64              `json:",omitempty"`
}

// StrategyConfig is for strategies that have settings.
type StrategyConfig struct {
	HyperbandStrategyConfig *HyperbandStrategyConfig `json:",omitempty"`
}

// HyperbandStrategyConfig bounds the epochs of a job.
type HyperbandStrategyConfig struct {
	MinResource *int `json:",omitempty"`
	MaxResource *int `json:",omitempty"`
}

// Objective is the metric to optimise, and which way.
type Objective struct {
	Type       string
	MetricName string
}

// ResourceLimits bounds a tuning job.
type ResourceLimits struct {
	MaxNumberOfTrainingJobs *int `json:",omitempty"`
	MaxParallelTrainingJobs int
	MaxRuntimeInSeconds     *int `json:",omitempty"`
}

// ParameterRanges are the hyperparameters to search. All numbers are strings in
// the API. The first three lists are always present in answers, as the Python
// SDK reads them without a default.
type ParameterRanges struct {
	IntegerParameterRanges     []NumericRange
	ContinuousParameterRanges  []NumericRange
	CategoricalParameterRanges []CategoricalRange
	AutoParameters             []AutoParameter `json:",omitempty"`
}

// NumericRange is an IntegerParameterRange or a ContinuousParameterRange.
type NumericRange struct {
	Name        string
	MinValue    string
	MaxValue    string
	ScalingType string `json:",omitempty"`
}

// CategoricalRange lists the values of a hyperparameter.
type CategoricalRange struct {
	Name   string
	Values []string
}

// AutoParameter is a hyperparameter whose range is chosen around a hint.
type AutoParameter struct {
	Name      string
	ValueHint string
}

// CompletionCriteria end a tuning job before its limits do.
type CompletionCriteria struct {
	TargetObjectiveMetricValue *float64      `json:",omitempty"`
	BestObjectiveNotImproving  *NotImproving `json:",omitempty"`
	ConvergenceDetected        *Convergence  `json:",omitempty"`
}

// NotImproving ends a tuning job after so many jobs without a better one.
type NotImproving struct {
	MaxNumberOfTrainingJobsNotImproving *int `json:",omitempty"`
}

// Convergence ends a tuning job that can't be expected to improve.
type Convergence struct {
	CompleteOnConvergence string `json:",omitempty"`
}

// WarmStartConfig names tuning jobs to learn from.
type WarmStartConfig struct {
	ParentHyperParameterTuningJobs []Parent
	WarmStartType                  string
}

// Parent is a tuning job to learn from.
type Parent struct{ HyperParameterTuningJobName string }

// Autotune leaves ranges to the server.
type Autotune struct{ Mode string }

// Definition is what the training jobs have in common.
type Definition struct {
	DefinitionName                        string            `json:",omitempty"`
	TuningObjective                       *Objective        `json:",omitempty"`
	HyperParameterRanges                  *ParameterRanges  `json:",omitempty"`
	StaticHyperParameters                 map[string]string `json:",omitempty"`
	AlgorithmSpecification                training.AlgorithmSpecification
	RoleArn                               string
	InputDataConfig                       []training.Channel `json:",omitempty"`
	VpcConfig                             json.RawMessage    `json:",omitempty"`
	OutputDataConfig                      training.OutputDataConfig
	ResourceConfig                        *training.ResourceConfig `json:",omitempty"`
	HyperParameterTuningResourceConfig    *ResourceConfig          `json:",omitempty"`
	StoppingCondition                     training.StoppingCondition
	EnableNetworkIsolation                bool
	EnableInterContainerTrafficEncryption bool
	EnableManagedSpotTraining             bool
	CheckpointConfig                      json.RawMessage   `json:",omitempty"`
	RetryStrategy                         *RetryStrategy    `json:",omitempty"`
	Environment                           map[string]string `json:",omitempty"`
}

// ResourceConfig is the machine asked for, in the form that tuning jobs have.
type ResourceConfig struct {
	InstanceType       string           `json:",omitempty"`
	InstanceCount      int              `json:",omitempty"`
	VolumeSizeInGB     int              `json:",omitempty"`
	VolumeKmsKeyId     string           `json:",omitempty"`
	AllocationStrategy string           `json:",omitempty"`
	InstanceConfigs    []InstanceConfig `json:",omitempty"`
}

// InstanceConfig is one of several machines that would do.
type InstanceConfig struct {
	InstanceType   string
	InstanceCount  int
	VolumeSizeInGB int
}

// RetryStrategy says how often a job is tried again that failed through no
// fault of its own.
type RetryStrategy struct{ MaximumRetryAttempts int }
