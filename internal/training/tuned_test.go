package training_test

import (
	"context"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/training"
)

func TestJobOfATuningJob(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(400, 1))
	h.put("validation", text(100, 2))
	tuned := training.Tuned{TuningJobArn: "arn:aws:sagemaker:us-east-1:000000000000:hyper-parameter-tuning-job/t",
		Objective: "validation:macro_f1", EveryEpoch: true}
	s := spec("t-001", "epochs", "4", "_tuning_objective_metric", "validation:macro_f1")
	s.InputDataConfig = append(s.InputDataConfig, channel("validation", "s3://data/validation"))
	nobody := context.WithoutCancel(t.Context()) // a tuning job acts for itself
	first, err := h.CreateTuned(nobody, s, tuned)
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.CreateTuned(nobody, s, tuned)
	if err != nil || !again.CreationTime.Equal(first.CreationTime) {
		t.Errorf("created again: %+v, %v", again, err)
	}
	if _, err := h.CreateTuned(nobody, s, training.Tuned{TuningJobArn: "another"}); errs.CodeOf(err) != "ResourceInUse" {
		t.Errorf("another tuning job's name: %v", err)
	}
	h.run(h.Service)
	job := h.waitDone("t-001")
	if job.TrainingJobStatus != training.Completed || job.Tuned == nil || *job.Tuned != tuned {
		t.Fatalf("%s (%s), tuned %+v", job.TrainingJobStatus, job.FailureReason, job.Tuned)
	}
	if len(job.Epochs) != 4 || job.Epochs[0].Epoch != 1 || job.Epochs[3].Epoch != 4 {
		t.Fatalf("epochs: %+v", job.Epochs)
	}
	final := job.FinalMetricDataList[len(job.FinalMetricDataList)-1]
	if final.MetricName != "validation:macro_f1" || final.Value < 0.9 || job.Epochs[3].Value < 0.9 {
		t.Errorf("final: %+v, epochs: %+v", final, job.Epochs)
	}
	if err := h.StopTuned(nobody, "t-001"); err != nil {
		t.Errorf("stop after the end: %v", err)
	}
}

func TestRefusedJobOfATuningJobIsFailed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(10, 1))
	s := spec("t-002", "vector_dim", "0")
	if err := h.CheckTuned(t.Context(), s); !errs.Is(err, errs.Invalid) {
		t.Errorf("CheckTuned: %v", err)
	}
	job, err := h.CreateTuned(t.Context(), s, training.Tuned{TuningJobArn: "a"})
	if err != nil {
		t.Fatal(err)
	}
	const want = "ClientError: Parameter 'vector_dim' should be > 0."
	if job.TrainingJobStatus != training.Failed || !strings.HasPrefix(job.FailureReason, want) {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
	h.run(h.Service)
	if later := h.waitDone("t-002"); later.LogStream != "" {
		t.Errorf("a failed job was started: %+v", later)
	}
}
