package tuning

import (
	"encoding/json"
	"maps"
	"strconv"

	"github.com/heliograph/heliograph/internal/training"
)

// child is the training job of that name of a definition, with the tuned
// hyperparameters in values, as AWS makes it.
func (s *Spec) child(definition int, name string, values map[string]string) training.Spec {
	d := s.Definitions()[definition]
	parameters := map[string]string{}
	maps.Copy(parameters, d.StaticHyperParameters)
	maps.Copy(parameters, values)
	parameters["_tuning_objective_metric"] = s.Objective(definition).MetricName
	if s.HyperParameterTuningJobConfig.Strategy == "Hyperband" {
		if h, err := s.hyperband(definition); err == nil {
			parameters["epochs"] = strconv.Itoa(h.Max)
		}
	}
	spec := training.Spec{
		TrainingJobName:        name,
		RoleArn:                d.RoleArn,
		AlgorithmSpecification: d.AlgorithmSpecification,
		HyperParameters:        parameters,
		InputDataConfig:        d.InputDataConfig,
		OutputDataConfig:       d.OutputDataConfig,
		ResourceConfig:         d.Resources(),
		StoppingCondition:      d.StoppingCondition,
		Environment:            d.Environment,
		Tags:                   s.Tags,

		EnableNetworkIsolation:                d.EnableNetworkIsolation,
		EnableInterContainerTrafficEncryption: d.EnableInterContainerTrafficEncryption,
		EnableManagedSpotTraining:             d.EnableManagedSpotTraining,
		CheckpointConfig:                      d.CheckpointConfig,
		VpcConfig:                             d.VpcConfig,
	}
	if d.RetryStrategy != nil {
		spec.RetryStrategy, _ = json.Marshal(d.RetryStrategy) // an integer in a struct
	}
	return spec
}

// Resources are the machine of the training jobs; of several that would do, the
// one that was named first.
func (d *Definition) Resources() training.ResourceConfig {
	r := d.HyperParameterTuningResourceConfig
	switch {
	case r == nil && d.ResourceConfig != nil:
		return *d.ResourceConfig
	case r == nil:
		return training.ResourceConfig{}
	}
	c := training.ResourceConfig{InstanceType: r.InstanceType, InstanceCount: r.InstanceCount, VolumeSizeInGB: r.VolumeSizeInGB, VolumeKmsKeyId: r.VolumeKmsKeyId}
	if len(r.InstanceConfigs) > 0 {
		first := r.InstanceConfigs[0]
		c.InstanceType, c.InstanceCount, c.VolumeSizeInGB = first.InstanceType, first.InstanceCount, first.VolumeSizeInGB
	}
	return c
}
