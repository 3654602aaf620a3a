package sagemaker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	api "github.com/heliograph/heliograph/internal/awsapi/sagemaker"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/training"
	"github.com/heliograph/heliograph/internal/training/tuning"
)

// newTuningServer is the API over training and tuning services that run.
func newTuningServer(t *testing.T) (url string) {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	blobs, err := blob.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	if err := blobs.CreateBucket(t.Context(), "data", "us-east-1"); err != nil {
		t.Fatal(err)
	}
	lines := strings.Repeat("__label__billing my card was charged\n__label__technical the app shows an error\n", 20)
	for _, key := range []string{"train/t", "validation/v"} {
		if _, err := blobs.Put(t.Context(), "data", key, strings.NewReader(lines), blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	jobs, err := training.New(training.Options{
		DB: db, Blobs: blobs, Authorizer: allowAll{}, Region: "us-east-1", AccountID: "000000000000",
		Roles: allowAll{}, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	tuner, err := tuning.New(tuning.Options{DB: db, Jobs: jobs, Authorizer: allowAll{}, Region: "us-east-1", AccountID: "000000000000", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ran := make(chan error, 2)
	go func() { ran <- jobs.Run(ctx) }()
	go func() { ran <- tuner.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ran; err != nil {
				t.Error(err)
			}
		}
	})
	server := httptest.NewServer(api.New(api.Services{Training: jobs, Tuning: tuner}, wire.Options{}))
	t.Cleanup(server.Close)
	return server.URL
}

// post sends one raw request and returns status and body.
func post(t *testing.T, url, operation, body string) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "SageMaker."+operation)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatalf("%s: %s", operation, text)
		}
	}
	return response.StatusCode, answer
}

// tunerJob is what the SageMaker Python SDK's HyperparameterTuner sends.
func tunerJob(name string) string {
	return `{"HyperParameterTuningJobName":"` + name + `",
 "HyperParameterTuningJobConfig":{"Strategy":"Bayesian","ResourceLimits":{"MaxNumberOfTrainingJobs":3,"MaxParallelTrainingJobs":2},
  "HyperParameterTuningJobObjective":{"Type":"Maximize","MetricName":"validation:accuracy"},
  "ParameterRanges":{"ContinuousParameterRanges":[{"Name":"learning_rate","MinValue":"0.05","MaxValue":"0.15","ScalingType":"Auto"}],
   "CategoricalParameterRanges":[]}},
 "TrainingJobDefinition":{"StaticHyperParameters":{"mode":"supervised","epochs":"5","min_count":"2","vector_dim":"10","buckets":"1000"},
  "AlgorithmSpecification":{"TrainingInputMode":"File","TrainingImage":"811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"},
  "RoleArn":"arn:aws:iam::000000000000:role/SageMakerRole","OutputDataConfig":{"S3OutputPath":"s3://data/output"},
  "InputDataConfig":[
   {"DataSource":{"S3DataSource":{"S3DataType":"S3Prefix","S3Uri":"s3://data/train","S3DataDistributionType":"FullyReplicated"}},"ContentType":"text/plain","ChannelName":"train"},
   {"DataSource":{"S3DataSource":{"S3DataType":"S3Prefix","S3Uri":"s3://data/validation","S3DataDistributionType":"FullyReplicated"}},"ContentType":"text/plain","ChannelName":"validation"}],
  "HyperParameterTuningResourceConfig":{"InstanceCount":1,"InstanceType":"ml.c4.4xlarge","VolumeSizeInGB":30},
  "StoppingCondition":{"MaxRuntimeInSeconds":360000}},
 "Tags":[{"Key":"team","Value":"support"}],"SomethingNew":{"a":1}}`
}

func TestTuningJobOnTheWire(t *testing.T) {
	t.Parallel()
	url := newTuningServer(t)
	name := "blazingtext-261122-1408"
	status, created := post(t, url, "CreateHyperParameterTuningJob", tunerJob(name))
	arn := "arn:aws:sagemaker:us-east-1:000000000000:hyper-parameter-tuning-job/" + name
	if status != 200 || len(created) != 1 || created["HyperParameterTuningJobArn"] != arn {
		t.Fatalf("%d %v", status, created)
	}
	named := `{"HyperParameterTuningJobName":"` + name + `"}`
	var job map[string]any
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, job = post(t, url, "DescribeHyperParameterTuningJob", named); job["HyperParameterTuningJobStatus"] != "InProgress" {
			break
		}
		if _, ok := job["HyperParameterTuningEndTime"]; ok || time.Now().After(deadline) {
			t.Fatalf("in progress: %v", job)
		}
	}
	counters := fmt.Sprint(job["TrainingJobStatusCounters"], job["ObjectiveStatusCounters"])
	if job["HyperParameterTuningJobStatus"] != "Completed" || job["HyperParameterTuningJobArn"] != arn ||
		counters != "map[Completed:3 InProgress:0 NonRetryableError:0 RetryableError:0 Stopped:0] map[Failed:0 Pending:0 Succeeded:3]" {
		t.Errorf("%v", job)
	}
	for _, member := range []string{"CreationTime", "LastModifiedTime", "HyperParameterTuningEndTime"} {
		if v, ok := job[member].(float64); !ok || v < 1e9 {
			t.Errorf("%s is %v", member, job[member])
		}
	}
	for _, member := range []string{"Tags", "FailureReason", "OverallBestTrainingJob", "WarmStartConfig", "TrainingJobDefinitions", "Trials", "Seed"} {
		if v, ok := job[member]; ok {
			t.Errorf("%s is shown: %v", member, v)
		}
	}
	definition := job["TrainingJobDefinition"].(map[string]any)
	static := definition["StaticHyperParameters"].(map[string]any)
	if static["_tuning_objective_metric"] != "validation:accuracy" || static["epochs"] != "5" || len(static) != 6 ||
		definition["HyperParameterTuningResourceConfig"].(map[string]any)["InstanceType"] != "ml.c4.4xlarge" {
		t.Errorf("definition: %v", definition)
	}
	// The Python SDK's HyperparameterTuner.attach reads these without a default.
	config := job["HyperParameterTuningJobConfig"].(map[string]any)
	ranges := config["ParameterRanges"].(map[string]any)
	for _, kind := range []string{"CategoricalParameterRanges", "ContinuousParameterRanges", "IntegerParameterRanges"} {
		if _, ok := ranges[kind].([]any); !ok {
			t.Errorf("%s: %v", kind, ranges[kind])
		}
	}
	if n := len(definition["AlgorithmSpecification"].(map[string]any)["MetricDefinitions"].([]any)); n < 3 || config["TrainingJobEarlyStoppingType"] != "Off" ||
		definition["ResourceConfig"].(map[string]any)["InstanceType"] != "ml.c4.4xlarge" || definition["OutputDataConfig"].(map[string]any)["KmsKeyId"] != "" {
		t.Errorf("config: %v, definition: %v", config, definition)
	}
	best := job["BestTrainingJob"].(map[string]any)
	metric := best["FinalHyperParameterTuningJobObjectiveMetric"].(map[string]any)
	if best["TrainingJobStatus"] != "Completed" || best["ObjectiveStatus"] != "Succeeded" || metric["MetricName"] != "validation:accuracy" || metric["Value"].(float64) < 0.5 ||
		len(best["TunedHyperParameters"].(map[string]any)) != 1 || best["TrainingJobArn"] != "arn:aws:sagemaker:us-east-1:000000000000:training-job/"+best["TrainingJobName"].(string) {
		t.Errorf("best: %v", best)
	}
	_, child := post(t, url, "DescribeTrainingJob", fmt.Sprintf(`{"TrainingJobName":%q}`, best["TrainingJobName"]))
	if child["TuningJobArn"] != arn || child["TrainingJobStatus"] != "Completed" {
		t.Errorf("its training job: %v", child)
	}

	var names []string
	for token := ""; ; {
		body := fmt.Sprintf(`{"HyperParameterTuningJobName":%q,"MaxResults":2,"SortBy":"CreationTime","SortOrder":"Descending","NextToken":%q}`, name, token)
		_, page := post(t, url, "ListTrainingJobsForHyperParameterTuningJob", body)
		for _, s := range page["TrainingJobSummaries"].([]any) {
			names = append(names, s.(map[string]any)["TrainingJobName"].(string))
		}
		if token, _ = page["NextToken"].(string); token == "" {
			break
		}
	}
	if len(names) != 3 || !slices.IsSortedFunc(names, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("training jobs: %q", names)
	}

	post(t, url, "CreateHyperParameterTuningJob", tunerJob("another"))
	_, list := post(t, url, "ListHyperParameterTuningJobs", `{}`)
	summaries := list["HyperParameterTuningJobSummaries"].([]any) // by name, ascending, unless told otherwise
	if len(summaries) != 2 || summaries[0].(map[string]any)["HyperParameterTuningJobName"] != "another" || summaries[1].(map[string]any)["Strategy"] != "Bayesian" {
		t.Errorf("list: %v", list)
	}
	if _, stopped := post(t, url, "StopHyperParameterTuningJob", `{"HyperParameterTuningJobName":"another"}`); stopped != nil && stopped["__type"] != "ValidationException" {
		t.Errorf("stop: %v", stopped)
	}
	if status, deleted := post(t, url, "DeleteHyperParameterTuningJob", named); status != 200 || len(deleted) != 0 {
		t.Errorf("delete: %d %v", status, deleted)
	}
}

func TestTuningErrorsOnTheWire(t *testing.T) {
	t.Parallel()
	url := newTuningServer(t)
	if status, answer := post(t, url, "CreateHyperParameterTuningJob", tunerJob("taken")); status != 200 {
		t.Fatalf("%d %v", status, answer)
	}
	for _, test := range []struct{ operation, body, code, message string }{
		{"CreateHyperParameterTuningJob", tunerJob("taken"), "ResourceInUse", "A hyperparameter tuning job with the name, taken, already exists. Choose a different name."},
		{"CreateHyperParameterTuningJob", `{}`, "ValidationException", "Value null at 'hyperParameterTuningJobName'"},
		{"CreateHyperParameterTuningJob", `{"HyperParameterTuningJobName":1}`, "SerializationException", "HyperParameterTuningJobName"},
		{"CreateHyperParameterTuningJob", strings.Replace(tunerJob("x"), `"MaxNumberOfTrainingJobs":3`, `"MaxNumberOfTrainingJobs":1000`, 1), "ResourceLimitExceeded", "is 750"},
		{"DescribeHyperParameterTuningJob", `{"HyperParameterTuningJobName":"nobody"}`, "ResourceNotFound", "nobody"},
		{"StopHyperParameterTuningJob", `{"HyperParameterTuningJobName":"nobody"}`, "ResourceNotFound", "nobody"},
		{"DeleteHyperParameterTuningJob", `{"HyperParameterTuningJobName":"nobody"}`, "ResourceNotFound", "nobody"},
		{"ListTrainingJobsForHyperParameterTuningJob", `{"HyperParameterTuningJobName":"nobody"}`, "ResourceNotFound", "nobody"},
		{"ListTrainingJobsForHyperParameterTuningJob", `{"HyperParameterTuningJobName":"taken","SortBy":"Luck"}`, "ValidationException", "[Name, CreationTime, Status, FinalObjectiveMetricValue]"},
		{"ListTrainingJobsForHyperParameterTuningJob", `{"HyperParameterTuningJobName":"taken","MaxResults":101}`, "ValidationException", "less than or equal to 100"},
		{"ListTrainingJobsForHyperParameterTuningJob", `{"HyperParameterTuningJobName":"taken","StatusEquals":"Done"}`, "ValidationException", "statusEquals"},
		{"ListTrainingJobsForHyperParameterTuningJob", `{"HyperParameterTuningJobName":"taken","NextToken":"?"}`, "ValidationException", "NextToken"},
		{"ListHyperParameterTuningJobs", `{"StatusEquals":"Done"}`, "ValidationException", "statusEquals"},
		{"ListHyperParameterTuningJobs", `{"SortBy":"Strategy"}`, "ValidationException", "sortBy"},
	} {
		status, answer := post(t, url, test.operation, test.body)
		if status != 400 || answer["__type"] != test.code || !strings.Contains(fmt.Sprint(answer["message"]), test.message) {
			t.Errorf("%s %s: %d %v, want %s: %s", test.operation, test.body, status, answer, test.code, test.message)
		}
	}
}
