package tuning

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/training"
	"github.com/heliograph/heliograph/internal/training/tuning/search"
)

// FuzzSpec holds that any request is refused as Invalid, or can be searched:
// what is chosen is in the ranges, and nothing of the size of a range is made.
func FuzzSpec(f *testing.F) {
	const definition = `"TrainingJobDefinition":{"StaticHyperParameters":{"mode":"supervised","epochs":"9"},"InputDataConfig":[{"ChannelName":"validation"}]}`
	const objective = `"HyperParameterTuningJobObjective":{"Type":"Maximize","MetricName":"validation:f1"}`
	for _, strategy := range []string{"Bayesian", "Random", "Hyperband", "Grid"} {
		for _, ranges := range []string{
			`{"IntegerParameterRanges":[{"Name":"a","MinValue":"-3","MaxValue":"9007199254740991"}],"ContinuousParameterRanges":[{"Name":"b","MinValue":"1e-300","MaxValue":"1e300","ScalingType":"Logarithmic"}]}`,
			`{"CategoricalParameterRanges":[{"Name":"a","Values":["x","y",""]},{"Name":"b","Values":["1"]}]}`,
			`{"ContinuousParameterRanges":[{"Name":"b","MinValue":"0","MaxValue":"0.999999","ScalingType":"ReverseLogarithmic"},{"Name":"c","MinValue":"5","MaxValue":"5"}]}`,
			`{"AutoParameters":[{"Name":"a","ValueHint":"7"},{"Name":"b","ValueHint":"0.5"}]}`,
		} {
			f.Add([]byte(fmt.Sprintf(`{"HyperParameterTuningJobName":"n","HyperParameterTuningJobConfig":{"Strategy":%q,%s,"ResourceLimits":{"MaxNumberOfTrainingJobs":3,"MaxParallelTrainingJobs":2},"ParameterRanges":%s},%s}`,
				strategy, objective, ranges, definition)))
			f.Add([]byte(fmt.Sprintf(`{"HyperParameterTuningJobName":"n","Autotune":{"Mode":"Enabled"},"HyperParameterTuningJobConfig":{"Strategy":%q,%s,"ResourceLimits":{"MaxParallelTrainingJobs":2},"ParameterRanges":%s},%s}`,
				strategy, objective, ranges, definition)))
		}
	}
	s := &Service{busy: make(chan struct{}, 1)}
	f.Fuzz(func(t *testing.T, body []byte) {
		var spec Spec
		if json.Unmarshal(body, &spec) != nil {
			return
		}
		err := spec.autotune()
		if err == nil {
			err = spec.validate()
		}
		if err != nil {
			if !errs.Is(err, errs.Invalid) {
				t.Fatalf("%v", err)
			}
			return
		}
		job := Job{Spec: spec, HyperParameterTuningJobStatus: InProgress, Seed: 1}
		for i := range 6 {
			trial, ok := s.choose(&job, nil)
			if !ok {
				break
			}
			space, err := job.space(trial.Definition)
			if err != nil {
				t.Fatal(err)
			}
			if len(corners(space, nil)) > 2000 {
				t.Fatalf("%d corners", len(corners(space, nil)))
			}
			for _, r := range space {
				value, ok := trial.Values[r.Name]
				if v, err := strconv.ParseFloat(value, 64); !ok || r.Kind != search.Categorical && (err != nil || !(v >= r.Min && v <= r.Max)) {
					t.Fatalf("%s is %q, not in %+v", r.Name, value, r)
				}
			}
			trial.Status, trial.Value = training.Completed, new(math.Sin(float64(i)))
			job.Trials = append(job.Trials, trial)
		}
	})
}
