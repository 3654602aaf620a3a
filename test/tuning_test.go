//go:build e2e

package test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// TestTuningWithBoto3 runs the example as a reader of docs/tuning.md would.
func TestTuningWithBoto3(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	train, validation := ontologyFiles(t)
	out := command(t, s.clientEnv(), "/usr/bin/python3", "../examples/tuning/tune.py", train, validation)
	for _, want := range []string{"Completed: 9 completed, 0 stopped", "of arn:aws:sagemaker:us-east-1:000000000000:hyper-parameter-tuning-job/blazingtext-", `"__label__Artist"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	listed := regexp.MustCompile(`(?m)^([01]\.\d{4}) Completed blazingtext-\d{6}-\d{4}-\d{3}-\d{3}-[0-9a-f]{8} \{'learning_rate': '0\.\d+', 'vector_dim': '\d+', 'word_ngrams': '[123]'\}$`).FindAllStringSubmatch(out, -1)
	if len(listed) != 9 || !slices.IsSortedFunc(listed, func(a, b []string) int { return strings.Compare(b[1], a[1]) }) || listed[0][1] < "0.9" {
		t.Errorf("training jobs: %q", listed)
	}
	if t.Failed() {
		t.Logf("output:\n%s", out)
	}
}

// TestTuningWithAWS reads with the aws command what the Go SDK has made.
func TestTuningWithAWS(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	uploadOntology(t, s, "tune-aws")
	maker := sagemaker.NewFromConfig(s.sdk())
	if _, err := maker.CreateHyperParameterTuningJob(t.Context(), tuningJob("hyper", "tune-aws", types.HyperParameterTuningJobStrategyTypeHyperband, 4)); err != nil {
		t.Fatal(err)
	}
	waitTuning(t, s, "hyper")
	var job struct {
		HyperParameterTuningJobStatus string
		BestTrainingJob               struct {
			TrainingJobName                             string
			FinalHyperParameterTuningJobObjectiveMetric struct{ Value float64 }
		}
	}
	if err := json.Unmarshal([]byte(s.mustAWS("sagemaker", "describe-hyper-parameter-tuning-job", "--hyper-parameter-tuning-job-name", "hyper")), &job); err != nil {
		t.Fatal(err)
	}
	if job.HyperParameterTuningJobStatus != "Completed" || job.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value < 0.5 {
		t.Errorf("%+v", job)
	}
	// The command follows the pages by itself.
	names := s.mustAWS("sagemaker", "list-training-jobs-for-hyper-parameter-tuning-job", "--hyper-parameter-tuning-job-name", "hyper",
		"--page-size", "3", "--query", "TrainingJobSummaries[].TrainingJobName", "--output", "text")
	if got := strings.Fields(names); len(got) != 4 || !slices.Contains(got, job.BestTrainingJob.TrainingJobName) {
		t.Errorf("training jobs: %q", got)
	}
	if out := s.mustAWS("sagemaker", "list-hyper-parameter-tuning-jobs", "--status-equals", "Completed", "--query", "HyperParameterTuningJobSummaries[].Strategy", "--output", "text"); strings.TrimSpace(out) != "Hyperband" {
		t.Errorf("tuning jobs: %s", out)
	}
	if out, err := s.aws("sagemaker", "stop-hyper-parameter-tuning-job", "--hyper-parameter-tuning-job-name", "hyper"); err == nil || !strings.Contains(out, "ValidationException") {
		t.Errorf("stop after the end: %s", out)
	}
	// Debian's command doesn't know this operation.
	if _, err := maker.DeleteHyperParameterTuningJob(t.Context(), &sagemaker.DeleteHyperParameterTuningJobInput{HyperParameterTuningJobName: aws.String("hyper")}); err != nil {
		t.Error(err)
	}
	if out, err := s.aws("sagemaker", "describe-hyper-parameter-tuning-job", "--hyper-parameter-tuning-job-name", "hyper"); err == nil || !strings.Contains(out, "ResourceNotFound") {
		t.Errorf("describe after delete: %s", out)
	}
}

// TestKilledDuringTuning kills the server again and again while it tunes. It
// must go on, with one training job for each trial: none lost, none twice.
func TestKilledDuringTuning(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "serve")
	uploadOntology(t, s, "tune-crash")
	const trials = 16
	if _, err := sagemaker.NewFromConfig(s.sdk()).CreateHyperParameterTuningJob(t.Context(),
		tuningJob("killed", "tune-crash", types.HyperParameterTuningJobStrategyTypeBayesian, trials)); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		time.Sleep(time.Duration(rand.IntN(250)) * time.Millisecond)
		s.kill()
		s = start(t, data, "serve")
	}
	job := waitTuning(t, s, "killed")
	c := job.TrainingJobStatusCounters
	if job.HyperParameterTuningJobStatus != types.HyperParameterTuningJobStatusCompleted || *c.InProgress != 0 ||
		*c.Completed+*c.RetryableError+*c.NonRetryableError+*c.Stopped != trials || *c.NonRetryableError != 0 {
		t.Errorf("%s (%s): %+v", job.HyperParameterTuningJobStatus, aws.ToString(job.FailureReason), c)
	}
	client := sagemaker.NewFromConfig(s.sdk())
	var listed, created []string
	pages := sagemaker.NewListTrainingJobsForHyperParameterTuningJobPaginator(client, &sagemaker.ListTrainingJobsForHyperParameterTuningJobInput{
		HyperParameterTuningJobName: aws.String("killed"), MaxResults: aws.Int32(5)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range page.TrainingJobSummaries {
			listed = append(listed, *j.TrainingJobName)
		}
	}
	all, err := client.ListTrainingJobs(t.Context(), &sagemaker.ListTrainingJobsInput{NameContains: aws.String("killed-"), MaxResults: aws.Int32(100),
		SortBy: types.SortByName, SortOrder: types.SortOrderAscending})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range all.TrainingJobSummaries {
		created = append(created, *j.TrainingJobName)
	}
	if len(listed) != trials || !slices.Equal(listed, created) {
		t.Errorf("the tuning job lists %q; there are %q", listed, created)
	}
}

func tuningJob(name, bucket string, strategy types.HyperParameterTuningJobStrategyType, trials int32) *sagemaker.CreateHyperParameterTuningJobInput {
	uri := "s3://" + bucket + "/"
	return &sagemaker.CreateHyperParameterTuningJobInput{
		HyperParameterTuningJobName: &name,
		HyperParameterTuningJobConfig: &types.HyperParameterTuningJobConfig{
			Strategy:       strategy,
			ResourceLimits: &types.ResourceLimits{MaxNumberOfTrainingJobs: &trials, MaxParallelTrainingJobs: aws.Int32(2)},
			HyperParameterTuningJobObjective: &types.HyperParameterTuningJobObjective{
				Type: types.HyperParameterTuningJobObjectiveTypeMaximize, MetricName: aws.String("validation:macro_f1")},
			ParameterRanges: &types.ParameterRanges{ContinuousParameterRanges: []types.ContinuousParameterRange{
				{Name: aws.String("learning_rate"), MinValue: aws.String("0.01"), MaxValue: aws.String("1"), ScalingType: types.HyperParameterScalingTypeLogarithmic}}},
		},
		TrainingJobDefinition: &types.HyperParameterTrainingJobDefinition{
			StaticHyperParameters: map[string]string{"mode": "supervised", "epochs": "3", "vector_dim": "10", "min_count": "1", "buckets": "1000"},
			AlgorithmSpecification: &types.HyperParameterAlgorithmSpecification{
				TrainingImage: aws.String("811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"), TrainingInputMode: types.TrainingInputModeFile},
			RoleArn:           aws.String("arn:aws:iam::000000000000:role/SageMakerRole"),
			InputDataConfig:   []types.Channel{channel("train", uri+"train"), channel("validation", uri+"validation")},
			OutputDataConfig:  &types.OutputDataConfig{S3OutputPath: aws.String(uri + "out")},
			StoppingCondition: &types.StoppingCondition{MaxRuntimeInSeconds: aws.Int32(3600)},
			HyperParameterTuningResourceConfig: &types.HyperParameterTuningResourceConfig{
				InstanceType: types.TrainingInstanceTypeMlC44xlarge, InstanceCount: aws.Int32(1), VolumeSizeInGB: aws.Int32(30)},
		},
	}
}

func waitTuning(t *testing.T, s *server, name string) *sagemaker.DescribeHyperParameterTuningJobOutput {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	client := sagemaker.NewFromConfig(s.sdk())
	for {
		job, err := client.DescribeHyperParameterTuningJob(ctx, &sagemaker.DescribeHyperParameterTuningJobInput{HyperParameterTuningJobName: &name})
		if err != nil {
			t.Fatal(err)
		}
		if job.HyperParameterTuningJobStatus != types.HyperParameterTuningJobStatusInProgress {
			return job
		}
		time.Sleep(20 * time.Millisecond)
	}
}
