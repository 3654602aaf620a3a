package tuning

import (
	"testing"

	"github.com/heliograph/heliograph/internal/training"
)

// hyperbandJob has trials of bracket 0 with these curves, all running.
func hyperbandJob(curves ...[]float64) *Job {
	most := 9
	job := &Job{HyperParameterTuningJobStatus: InProgress, Spec: Spec{
		HyperParameterTuningJobConfig: Config{Strategy: "Hyperband",
			ParameterRanges: &ParameterRanges{ContinuousParameterRanges: []NumericRange{{Name: "learning_rate", MinValue: "0", MaxValue: "1"}}},
			StrategyConfig:  &StrategyConfig{HyperbandStrategyConfig: &HyperbandStrategyConfig{MaxResource: &most}}},
		TrainingJobDefinition: &Definition{},
	}}
	for _, c := range curves {
		job.Trials = append(job.Trials, Trial{Status: training.InProgress, Curve: c})
	}
	return job
}

func TestHyperbandStopsAtRungs(t *testing.T) {
	t.Parallel()
	s := &Service{}
	job := hyperbandJob([]float64{0.5}, []float64{0.7}, []float64{0.4, 0.9})
	s.judge(job)
	// Of three that reached the first epoch one goes on, which is the second.
	for i, want := range []struct {
		stopped bool
		judged  int
	}{{true, 1}, {false, 1}, {true, 1}} {
		if got := job.Trials[i]; got.Stopped != want.stopped || got.Judged != want.judged {
			t.Errorf("trial %d: %+v, want %+v", i, got, want)
		}
	}
	// A decision stands, whatever others reach later; between rungs there is none.
	job.Trials[1].Curve = []float64{0.7, 0.1}
	job.Trials = append(job.Trials, Trial{Status: training.InProgress, Curve: []float64{0.9}}, Trial{Status: training.InProgress, Bracket: 1, Curve: []float64{0.1}})
	s.judge(job)
	if job.Trials[1].Stopped || job.Trials[3].Stopped || job.Trials[4].Stopped {
		t.Errorf("%+v", job.Trials)
	}
	// At the third epoch a lone one goes on.
	job.Trials[1].Curve = []float64{0.7, 0.1, 0.1}
	s.judge(job)
	if job.Trials[1].Stopped || job.Trials[1].Judged != 3 {
		t.Errorf("%+v", job.Trials[1])
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	s := &Service{busy: make(chan struct{}, 1)}
	job := hyperbandJob(nil, nil)
	job.HyperParameterTuningJobConfig.Strategy = "Random"
	job.HyperParameterTuningJobConfig.ResourceLimits = ResourceLimits{MaxNumberOfTrainingJobs: new(2), MaxParallelTrainingJobs: 5}
	job.HyperParameterTuningJobName = "r"
	for i, reason := range []string{"InternalServerError: out of luck", "ClientError: bad data"} {
		job.Trials[i].Status, job.Trials[i].FailureReason = training.Failed, reason
		job.Trials[i].Values = map[string]string{"learning_rate": string(rune('0' + i))}
	}
	if planned := s.plan(job); len(planned) != 0 || s.more(job) {
		t.Errorf("without a RetryStrategy: %+v", planned)
	}
	job.TrainingJobDefinition.RetryStrategy = &RetryStrategy{MaximumRetryAttempts: 2}
	for attempt := 1; attempt <= 2; attempt++ {
		planned := s.plan(job)
		if len(planned) != 1 || planned[0].Retry != attempt || planned[0].Values["learning_rate"] != "0" {
			t.Fatalf("attempt %d: %+v", attempt, planned)
		}
		planned[0].Status, planned[0].FailureReason = training.Failed, "InternalServerError: again"
		job.Trials = append(job.Trials, planned...)
	}
	if planned := s.plan(job); len(planned) != 0 || s.more(job) {
		t.Errorf("a third attempt: %+v", planned)
	}
	if c := job.Counters(); c.RetryableError != 3 || c.NonRetryableError != 1 {
		t.Errorf("%+v", c)
	}
	if count(job.Trials) != 2 {
		t.Errorf("%d trials count against the limit", count(job.Trials))
	}
}

func TestConvergence(t *testing.T) {
	t.Parallel()
	job := hyperbandJob()
	add := func(n int, value float64) {
		for range n {
			job.Trials = append(job.Trials, Trial{Status: training.Completed, Value: &value})
		}
	}
	add(10, 0.8)
	add(9, 0.79)
	if job.converged() {
		t.Error("19 trials are not enough")
	}
	add(1, 0.8004)
	if !job.converged() {
		t.Error("half of 20 trials improved by half a thousandth; that is convergence")
	}
	add(1, 0.9)
	if job.converged() {
		t.Error("the last trial was much better")
	}
}
