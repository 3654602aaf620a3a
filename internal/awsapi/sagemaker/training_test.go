package sagemaker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/smithy-go"

	api "github.com/heliograph/heliograph/internal/awsapi/sagemaker"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/training"
)

// allowAll is for tests of the protocol; the services' own tests are for permissions.
type allowAll struct{}

func (allowAll) Authorize(context.Context, string, string) error { return nil }
func (allowAll) Pass(context.Context, string, string) error      { return nil }
func (allowAll) Assume(ctx context.Context, _, _ string) (context.Context, error) {
	return ctx, nil
}

// trainingServer is the API over a training service that runs, with the bucket
// "data" and something to learn in it.
type trainingServer struct {
	*sagemaker.Client
	url   string
	blobs *blob.Dir
}

func newTrainingServer(t *testing.T) *trainingServer {
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
	service, err := training.New(training.Options{
		DB: db, Blobs: blobs, Authorizer: allowAll{}, Region: "us-east-1", AccountID: "000000000000",
		Roles: allowAll{}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ran := make(chan error, 1)
	go func() { ran <- service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(api.New(api.Services{Training: service}, wire.Options{}))
	t.Cleanup(server.Close)
	if err := blobs.CreateBucket(t.Context(), "data", "us-east-1"); err != nil {
		t.Fatal(err)
	}
	lines := strings.Repeat("__label__billing my card was charged\n__label__technical the app shows an error\n", 20)
	for _, key := range []string{"train/t", "validation/v"} {
		if _, err := blobs.Put(t.Context(), "data", key, strings.NewReader(lines), blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	client := sagemaker.New(sagemaker.Options{BaseEndpoint: &server.URL, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")})
	return &trainingServer{client, server.URL, blobs}
}

// notebookJob is what the SageMaker Python SDK sends for the DBpedia notebook.
const notebookJob = `{"AlgorithmSpecification":{"TrainingInputMode":"File","TrainingImage":"811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"},
 "OutputDataConfig":{"S3OutputPath":"s3://data/output"},"TrainingJobName":"blazingtext-2026-11-22-14-07-29-710",
 "StoppingCondition":{"MaxRuntimeInSeconds":360000},
 "ResourceConfig":{"VolumeSizeInGB":30,"InstanceCount":1,"InstanceType":"ml.c4.4xlarge"},
 "RoleArn":"arn:aws:iam::000000000000:role/SageMakerRole",
 "InputDataConfig":[
  {"DataSource":{"S3DataSource":{"S3DataType":"S3Prefix","S3Uri":"s3://data/train","S3DataDistributionType":"FullyReplicated"}},"ContentType":"text/plain","ChannelName":"train"},
  {"DataSource":{"S3DataSource":{"S3DataType":"S3Prefix","S3Uri":"s3://data/validation","S3DataDistributionType":"FullyReplicated"}},"ContentType":"text/plain","ChannelName":"validation"}],
 "HyperParameters":{"mode":"supervised","epochs":"1","min_count":"2","learning_rate":"0.05","vector_dim":"10","early_stopping":"True","patience":"4","min_epochs":"5","word_ngrams":"2"},
 "DebugHookConfig":{"S3OutputPath":"s3://data/output","CollectionConfigurations":[]},
 "ProfilerConfig":{"S3OutputPath":"s3://data/output","DisableProfiler":false},
 "Tags":[{"Key":"team","Value":"support"}],"VpcConfig":{"SecurityGroupIds":["sg-1"],"Subnets":["subnet-1"]},
 "Environment":{"A":"b"},"EnableNetworkIsolation":true,"SomethingNew":{"a":1}}`

// call sends one raw request and returns status and body.
func (s *trainingServer) call(t *testing.T, operation, body string) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(body))
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
	var out map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	if response.Header.Get("X-Amzn-Requestid") == "" {
		t.Error("no request id")
	}
	return response.StatusCode, out
}

// Every member of the notebook's request comes back, and every member that the
// Python SDK reads is there.
func TestNotebookJob(t *testing.T) {
	t.Parallel()
	s := newTrainingServer(t)
	const name = "blazingtext-2026-11-22-14-07-29-710"
	if status, out := s.call(t, "CreateTrainingJob", notebookJob); status != 200 || out["TrainingJobArn"] != "arn:aws:sagemaker:us-east-1:000000000000:training-job/"+name {
		t.Fatalf("%d %v", status, out)
	}
	if status, out := s.call(t, "CreateTrainingJob", notebookJob); status != 400 || out["__type"] != "ResourceInUse" || out["message"] != "Training job names must be unique within an AWS account and region, "+
		"and a training job with this name already exists (arn:aws:sagemaker:us-east-1:000000000000:training-job/"+name+")" {
		t.Errorf("a name twice: %d %v", status, out)
	}
	s.waitCompleted(t, name)
	_, got := s.call(t, "DescribeTrainingJob", `{"TrainingJobName":"`+name+`"}`)

	var sent map[string]any
	if err := json.Unmarshal([]byte(notebookJob), &sent); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"TrainingJobName", "RoleArn", "StoppingCondition", "ResourceConfig", "InputDataConfig", "HyperParameters",
		"DebugHookConfig", "ProfilerConfig", "VpcConfig", "Environment", "EnableNetworkIsolation"} {
		if !reflect.DeepEqual(got[member], sent[member]) {
			t.Errorf("%s came back as %v", member, got[member])
		}
	}
	if got["Tags"] != nil {
		t.Errorf("DescribeTrainingJob has Tags: %v", got["Tags"])
	}
	if kms, ok := got["OutputDataConfig"].(map[string]any)["KmsKeyId"]; !ok || kms != "" {
		t.Errorf("OutputDataConfig.KmsKeyId is %v", kms)
	}
	algorithm := got["AlgorithmSpecification"].(map[string]any)
	var names []string
	for _, d := range algorithm["MetricDefinitions"].([]any) {
		names = append(names, d.(map[string]any)["Name"].(string))
	}
	if fmt.Sprint(names) != "[train:accuracy validation:accuracy train:mean_rho validation:precision validation:recall validation:f1 validation:macro_f1]" || algorithm["EnableSageMakerMetricsTimeSeries"] != true {
		t.Errorf("AlgorithmSpecification: %v", algorithm)
	}
	if got["ModelArtifacts"].(map[string]any)["S3ModelArtifacts"] != "s3://data/output/"+name+"/output/model.tar.gz" {
		t.Errorf("ModelArtifacts: %v", got["ModelArtifacts"])
	}
	for _, member := range []string{"CreationTime", "LastModifiedTime", "TrainingStartTime", "TrainingEndTime", "TrainingTimeInSeconds", "BillableTimeInSeconds"} {
		if v, ok := got[member].(float64); !ok || v < 1 {
			t.Errorf("%s is %v", member, got[member])
		}
	}
	for _, member := range []string{"EnableManagedSpotTraining", "EnableInterContainerTrafficEncryption"} {
		if got[member] != false {
			t.Errorf("%s is %v", member, got[member])
		}
	}
	var messages []string
	for _, tr := range got["SecondaryStatusTransitions"].([]any) {
		m := tr.(map[string]any)
		messages = append(messages, fmt.Sprintf("%s - %s", m["Status"], m["StatusMessage"]))
		if m["StartTime"].(float64) < 1 || m["EndTime"].(float64) < 1 {
			t.Errorf("transition %v", m)
		}
	}
	want := []string{"Starting - Starting the training job", "Downloading - Downloading input data",
		"Training - Training image download completed. Training in progress.", "Uploading - Uploading generated training model", "Completed - Training job completed"}
	if !reflect.DeepEqual(messages, want) {
		t.Errorf("transitions: %q", messages)
	}
	metrics := got["FinalMetricDataList"].([]any)
	if len(metrics) != 6 || metrics[0].(map[string]any)["MetricName"] != "train:accuracy" || metrics[1].(map[string]any)["Value"] != 1.0 {
		t.Errorf("metrics: %v", metrics)
	}
}

func (s *trainingServer) waitCompleted(t *testing.T, name string) *sagemaker.DescribeTrainingJobOutput {
	t.Helper()
	waiter := sagemaker.NewTrainingJobCompletedOrStoppedWaiter(s.Client, func(o *sagemaker.TrainingJobCompletedOrStoppedWaiterOptions) {
		o.MinDelay, o.MaxDelay = 5*time.Millisecond, 20*time.Millisecond
	})
	out, err := waiter.WaitForOutput(t.Context(), &sagemaker.DescribeTrainingJobInput{TrainingJobName: &name}, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sdkJob(name string) *sagemaker.CreateTrainingJobInput {
	return &sagemaker.CreateTrainingJobInput{
		TrainingJobName:        &name,
		RoleArn:                aws.String("arn:aws:iam::000000000000:role/SageMakerRole"),
		AlgorithmSpecification: &types.AlgorithmSpecification{TrainingImage: aws.String("blazingtext:1"), TrainingInputMode: types.TrainingInputModeFile},
		HyperParameters:        map[string]string{"mode": "supervised", "min_count": "1", "vector_dim": "4", "buckets": "100"},
		InputDataConfig: []types.Channel{{ChannelName: aws.String("train"), DataSource: &types.DataSource{
			S3DataSource: &types.S3DataSource{S3DataType: types.S3DataTypeS3Prefix, S3Uri: aws.String("s3://data/train")}}}},
		OutputDataConfig:  &types.OutputDataConfig{S3OutputPath: aws.String("s3://data/models/")},
		ResourceConfig:    &types.ResourceConfig{InstanceType: types.TrainingInstanceTypeMlM5Large, InstanceCount: aws.Int32(1), VolumeSizeInGB: aws.Int32(1)},
		StoppingCondition: &types.StoppingCondition{MaxRuntimeInSeconds: aws.Int32(3600)},
	}
}

func TestTrainingWithTheSDK(t *testing.T) {
	t.Parallel()
	s := newTrainingServer(t)
	ctx := t.Context()
	if _, err := s.CreateTrainingJob(ctx, sdkJob("First")); err != nil {
		t.Fatal(err)
	}
	job := s.waitCompleted(t, "first")
	if job.TrainingJobStatus != types.TrainingJobStatusCompleted || aws.ToString(job.TrainingJobName) != "First" || aws.ToString(job.FailureReason) != "" {
		t.Errorf("%+v", job)
	}
	if _, err := s.blobs.Stat(ctx, "data", "models/First/output/model.tar.gz"); err != nil {
		t.Error(err)
	}

	_, err := s.CreateTrainingJob(ctx, sdkJob("FIRST"))
	if taken, ok := errors.AsType[*types.ResourceInUse](err); !ok || !strings.HasPrefix(taken.ErrorMessage(), "Training job names must be unique within an AWS account and region") {
		t.Errorf("a name twice, in another case: %v", err)
	}
	wantAPIError(t, "a name that isn't there", second(s.DescribeTrainingJob(ctx, &sagemaker.DescribeTrainingJobInput{TrainingJobName: aws.String("no")})),
		"ValidationException", "Requested resource not found.")
	wantAPIError(t, "stop of a job that ended", second(s.StopTrainingJob(ctx, &sagemaker.StopTrainingJobInput{TrainingJobName: aws.String("first")})),
		"ValidationException", "The request was rejected because the training job is in status Completed.")
	bad := sdkJob("bad")
	bad.HyperParameters["vector_dim"] = "0"
	wantAPIError(t, "a bad value", second(s.CreateTrainingJob(ctx, bad)), "ValidationException", "Parameter 'vector_dim' should be > 0.")

	endless := sdkJob("endless")
	endless.HyperParameters["epochs"] = "2000000000"
	if _, err := s.CreateTrainingJob(ctx, endless); err != nil {
		t.Fatal(err)
	}
	if _, err := s.StopTrainingJob(ctx, &sagemaker.StopTrainingJobInput{TrainingJobName: aws.String("endless")}); err != nil {
		t.Fatal(err)
	}
	if job := s.waitCompleted(t, "endless"); job.TrainingJobStatus != types.TrainingJobStatusStopped || job.ModelArtifacts != nil {
		t.Errorf("%+v", job)
	}
}

func second[T any](_ T, err error) error { return err }

func wantAPIError(t *testing.T, what string, err error, code, message string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || e.ErrorMessage() != message {
		t.Errorf("%s: %v; want %s: %s", what, err, code, message)
	}
}

func TestListTrainingJobs(t *testing.T) {
	t.Parallel()
	s := newTrainingServer(t)
	ctx := t.Context()
	// c ends Completed, the others are stopped; they are made in this order.
	order := []string{"d-job", "b-job", "c-job", "a-other"}
	for _, name := range order {
		in := sdkJob(name)
		if name != "c-job" {
			in.HyperParameters["epochs"] = "2000000000"
		}
		if _, err := s.CreateTrainingJob(ctx, in); err != nil {
			t.Fatal(err)
		}
		if name != "c-job" {
			if _, err := s.StopTrainingJob(ctx, &sagemaker.StopTrainingJobInput{TrainingJobName: &name}); err != nil {
				t.Fatal(err)
			}
		}
		s.waitCompleted(t, name)
	}
	c, err := s.DescribeTrainingJob(ctx, &sagemaker.DescribeTrainingJobInput{TrainingJobName: aws.String("c-job")})
	if err != nil {
		t.Fatal(err)
	}
	created := c.CreationTime
	for _, q := range []struct {
		name string
		in   sagemaker.ListTrainingJobsInput
		want string // names, pages apart
	}{
		{"newest first", sagemaker.ListTrainingJobsInput{}, "a-other c-job b-job d-job"},
		{"ascending", sagemaker.ListTrainingJobsInput{SortOrder: types.SortOrderAscending}, "d-job b-job c-job a-other"},
		{"by name", sagemaker.ListTrainingJobsInput{SortBy: types.SortByName, SortOrder: types.SortOrderAscending}, "a-other b-job c-job d-job"},
		{"by name, descending, in pages", sagemaker.ListTrainingJobsInput{SortBy: types.SortByName, MaxResults: aws.Int32(3)}, "d-job c-job b-job|a-other"},
		{"by status", sagemaker.ListTrainingJobsInput{SortBy: types.SortByStatus, SortOrder: types.SortOrderAscending}, "c-job a-other b-job d-job"},
		{"of a status", sagemaker.ListTrainingJobsInput{StatusEquals: types.TrainingJobStatusCompleted}, "c-job"},
		{"name contains", sagemaker.ListTrainingJobsInput{NameContains: aws.String("JOB")}, "c-job b-job d-job"},
		{"pages", sagemaker.ListTrainingJobsInput{MaxResults: aws.Int32(2)}, "a-other c-job|b-job d-job"},
		{"created after", sagemaker.ListTrainingJobsInput{CreationTimeAfter: created}, "a-other c-job"},
		{"created before", sagemaker.ListTrainingJobsInput{CreationTimeBefore: created}, "b-job d-job"},
		{"modified before", sagemaker.ListTrainingJobsInput{LastModifiedTimeBefore: created}, "b-job d-job"},
	} {
		var pages []string
		for pager := sagemaker.NewListTrainingJobsPaginator(s.Client, &q.in); pager.HasMorePages(); {
			page, err := pager.NextPage(ctx)
			if err != nil {
				t.Fatalf("%s: %v", q.name, err)
			}
			var names []string
			for _, j := range page.TrainingJobSummaries {
				names = append(names, aws.ToString(j.TrainingJobName))
				if j.CreationTime == nil || j.LastModifiedTime == nil || j.TrainingJobArn == nil || j.TrainingJobStatus == "" || j.SecondaryStatus == "" {
					t.Errorf("%s: %+v", q.name, j)
				}
			}
			pages = append(pages, strings.Join(names, " "))
		}
		if got := strings.Join(pages, "|"); got != q.want {
			t.Errorf("%s: %s, want %s", q.name, got, q.want)
		}
	}
	for _, q := range []struct{ body, want string }{
		{`{"MaxResults":0}`, "1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{`{"MaxResults":101}`, "1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100"},
		{`{"SortBy":"Age"}`, "1 validation error detected: Value 'Age' at 'sortBy' failed to satisfy constraint: Member must satisfy enum value set: [Name, CreationTime, Status]"},
		{`{"SortOrder":"Up"}`, "1 validation error detected: Value 'Up' at 'sortOrder' failed to satisfy constraint: Member must satisfy enum value set: [Ascending, Descending]"},
		{`{"StatusEquals":"Done"}`, "1 validation error detected: Value 'Done' at 'statusEquals' failed to satisfy constraint: Member must satisfy enum value set: [InProgress, Completed, Failed, Stopping, Stopped]"},
		{`{"NameContains":"%"}`, "1 validation error detected: Value '%' at 'nameContains' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9\\-]+"},
		{`{"NextToken":"x"}`, "The token of the next page is not one that this list gave."},
	} {
		if status, out := s.call(t, "ListTrainingJobs", q.body); status != 400 || out["__type"] != "ValidationException" || out["message"] != q.want {
			t.Errorf("%s: %d %v", q.body, status, out)
		}
	}
}

// Bodies that aren't what they should be are refused in the protocol's own form.
func TestMalformedTrainingRequests(t *testing.T) {
	t.Parallel()
	s := newTrainingServer(t)
	for body, code := range map[string]string{
		`"a string"`:                    "SerializationException",
		`{"TrainingJobName":`:           "SerializationException",
		`{"TrainingJobName":5}`:         "SerializationException",
		`{"InputDataConfig":"train"}`:   "SerializationException",
		`{"HyperParameters":{"a":1}}`:   "SerializationException",
		`{}`:                            "ValidationException",
		`{"TrainingJobName":null}`:      "ValidationException",
		`{"InputDataConfig":[null]}`:    "ValidationException",
		`{"OutputDataConfig":{"a":[]}}`: "ValidationException",
	} {
		if status, out := s.call(t, "CreateTrainingJob", body); status != 400 || out["__type"] != code || out["message"] == "" {
			t.Errorf("%s: %d %v, want %s", body, status, out, code)
		}
	}
}
