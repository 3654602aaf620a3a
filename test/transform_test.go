//go:build e2e

package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// colours trains a small classifier, uploads it to the bucket, which it creates,
// and makes the model "colours" of it: texts with "sky" are blue, with "rose" red.
func colours(t *testing.T, s *server, bucket string) {
	t.Helper()
	dir := t.TempDir()
	text := strings.Repeat("__label__blue the sky today\n__label__red the rose today\n", 50)
	if err := os.WriteFile(filepath.Join(dir, "train"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, cleanEnv(), binary, "fasttext", "supervised", "-input", filepath.Join(dir, "train"), "-output", filepath.Join(dir, "model"),
		"-dim", "5", "-epoch", "50", "-lr", "0.5", "-thread", "1")
	client := s.s3()
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	put(t, client, bucket, "model.bin", string(must(os.ReadFile(filepath.Join(dir, "model.bin")))))
	_, err := sagemaker.NewFromConfig(s.sdk()).CreateModel(t.Context(), &sagemaker.CreateModelInput{ModelName: aws.String("colours"),
		ExecutionRoleArn: aws.String("arn:aws:iam::000000000000:role/SageMakerRole"),
		PrimaryContainer: &types.ContainerDefinition{Image: aws.String("811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"),
			ModelDataUrl: aws.String("s3://" + bucket + "/model.bin")}})
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, client *s3.Client, bucket, key, content string) {
	t.Helper()
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(content)}); err != nil {
		t.Fatal(err)
	}
}

func fetch(t *testing.T, client *s3.Client, bucket, key string) string {
	t.Helper()
	got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	defer got.Body.Close()
	return string(must(io.ReadAll(got.Body)))
}

// requestLines are n records; every third is blue.
func requestLines(n int) string {
	var b bytes.Buffer
	for i := range n {
		what := "rose"
		if i%3 == 0 {
			what = "sky"
		}
		fmt.Fprintf(&b, `{"id": %d, "source": "the %s"}`+"\n", i, what)
	}
	return b.String()
}

// checkJoined holds the output of requestLines(n), joined, against its records.
func checkJoined(t *testing.T, output string, n int) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(output))
	for i := range n {
		var got struct {
			ID              int `json:"id"`
			SageMakerOutput struct{ Label []string }
		}
		if err := decoder.Decode(&got); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		want := "__label__red"
		if i%3 == 0 {
			want = "__label__blue"
		}
		if got.ID != i || got.SageMakerOutput.Label[0] != want {
			t.Fatalf("record %d has id %d and %q, want %s", i, got.ID, got.SageMakerOutput.Label, want)
		}
	}
	if decoder.More() {
		t.Fatalf("there is more behind %d records", n)
	}
}

func transformJob(name, bucket, prefix string) *sagemaker.CreateTransformJobInput {
	return &sagemaker.CreateTransformJobInput{
		TransformJobName: &name, ModelName: aws.String("colours"),
		TransformInput: &types.TransformInput{ContentType: aws.String("application/jsonlines"), SplitType: types.SplitTypeLine,
			DataSource: &types.TransformDataSource{S3DataSource: &types.TransformS3DataSource{
				S3DataType: types.S3DataTypeS3Prefix, S3Uri: aws.String("s3://" + bucket + "/" + prefix)}}},
		TransformOutput:    &types.TransformOutput{S3OutputPath: aws.String("s3://" + bucket + "/out/" + name), AssembleWith: types.AssemblyTypeLine},
		TransformResources: &types.TransformResources{InstanceCount: aws.Int32(1), InstanceType: types.TransformInstanceTypeMlM5Large},
		DataProcessing:     &types.DataProcessing{JoinSource: types.JoinSourceInput, OutputFilter: aws.String("$['id','SageMakerOutput']")},
	}
}

// TestTransformWithGo goes through a job with the SDK for Go and its waiter.
func TestTransformWithGo(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	colours(t, s, "transform")
	objects, jobs := s.s3(), sagemaker.NewFromConfig(s.sdk())
	const n = 50_000
	put(t, objects, "transform", "in/requests.jsonl", requestLines(n))
	if _, err := jobs.CreateTransformJob(t.Context(), transformJob("nightly", "transform", "in/")); err != nil {
		t.Fatal(err)
	}
	waiter := sagemaker.NewTransformJobCompletedOrStoppedWaiter(jobs, func(o *sagemaker.TransformJobCompletedOrStoppedWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second
	})
	job, err := waiter.WaitForOutput(t.Context(), &sagemaker.DescribeTransformJobInput{TransformJobName: aws.String("nightly")}, 2*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if job.TransformJobStatus != types.TransformJobStatusCompleted || job.TransformEndTime == nil || *job.DataProcessing.InputFilter != "$" {
		t.Errorf("the job: %+v", job)
	}
	checkJoined(t, fetch(t, objects, "transform", "out/nightly/requests.jsonl.out"), n)
	_, err = jobs.StopTransformJob(t.Context(), &sagemaker.StopTransformJobInput{TransformJobName: aws.String("nightly")})
	wantError(t, err, "ValidationException", "Completed")
	_, err = jobs.DescribeTransformJob(t.Context(), &sagemaker.DescribeTransformJobInput{TransformJobName: aws.String("nobody")})
	wantError(t, err, "ValidationException", "not found")
}

// TestTransformWithAWS makes a job as docs/transform.md shows it, and one that fails.
func TestTransformWithAWS(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	colours(t, s, "transform")
	put(t, s.s3(), "transform", "in/a", requestLines(3))
	put(t, s.s3(), "transform", "bad/b", "{\"source\":\"sky\"}\nnonsense\n")
	for _, name := range []string{"in", "bad"} {
		s.mustAWS("sagemaker", "create-transform-job", "--transform-job-name", "with-aws-"+name, "--model-name", "colours",
			"--transform-input", `{"DataSource":{"S3DataSource":{"S3DataType":"S3Prefix","S3Uri":"s3://transform/`+name+`/"}},"ContentType":"application/jsonlines","SplitType":"Line"}`,
			"--transform-output", "S3OutputPath=s3://transform/labelled,AssembleWith=Line",
			"--transform-resources", "InstanceType=ml.m5.large,InstanceCount=1",
			"--data-processing", `OutputFilter="$['id','SageMakerOutput']",JoinSource=Input`)
	}
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(s.mustAWS("sagemaker", "list-transform-jobs", "--status-equals", "Failed", "--sort-by", "Name"), "with-aws-bad") && time.Now().Before(deadline) {
		time.Sleep(100 * time.Millisecond)
	}
	s.mustAWS("sagemaker", "wait", "transform-job-completed-or-stopped", "--transform-job-name", "with-aws-in")
	checkJoined(t, fetch(t, s.s3(), "transform", "labelled/a.out"), 3)
	out := s.mustAWS("sagemaker", "describe-transform-job", "--transform-job-name", "with-aws-bad", "--query", "FailureReason")
	if !strings.Contains(out, "ClientError: transform/bad/b: line 2 is not JSON") {
		t.Errorf("the failure reason is %s", out)
	}
	out = s.mustAWS("logs", "filter-log-events", "--log-group-name", "/aws/sagemaker/TransformJobs", "--log-stream-name-prefix", "with-aws-bad/")
	if !strings.Contains(out, "[sagemaker logs]: transform/bad/b: ClientError: line 2 is not JSON") {
		t.Errorf("the log is %s", out)
	}
}

// sdkTransformer makes the calls of the SageMaker Python SDK's Transformer:
// transform(wait=True, logs=True), then attach.
const sdkTransformer = `
import boto3, os, time
control = dict(endpoint_url=os.environ["HELIOGRAPH_CONTROL"])
sm, logs = boto3.client("sagemaker", **control), boto3.client("logs", **control)
name = "sdk-2026-11-22-14-07-29-710"
sm.create_transform_job(
    TransformJobName=name, ModelName="colours", MaxConcurrentTransforms=2, MaxPayloadInMB=6, BatchStrategy="SingleRecord",
    ModelClientConfig={"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 1}, Environment={"A": "b"},
    TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://transform/in"}},
                    "ContentType": "application/jsonlines", "SplitType": "Line"},
    TransformOutput={"S3OutputPath": "s3://transform/out", "Accept": "application/jsonlines", "AssembleWith": "Line"},
    TransformResources={"InstanceCount": 1, "InstanceType": "ml.c5.xlarge"}, Tags=[{"Key": "team", "Value": "triage"}])
while True:
    job = sm.describe_transform_job(TransformJobName=name)
    if job["TransformJobStatus"] in ("Completed", "Failed", "Stopped"):
        break
    time.sleep(0.1)
streams = logs.describe_log_streams(logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix=name + "/")
assert "nextToken" not in streams
for stream in streams["logStreams"]:
    for event in logs.get_log_events(logGroupName="/aws/sagemaker/TransformJobs", logStreamName=stream["logStreamName"], startFromHead=True)["events"]:
        print(event["message"])
print(job["TransformJobStatus"], job.get("FailureReason"), job["TransformResources"]["InstanceCount"], job["ModelName"], job["BatchStrategy"],
      job["MaxConcurrentTransforms"], job["TransformOutput"]["AssembleWith"], job["TransformOutput"]["KmsKeyId"] == "",
      job["TransformOutput"]["Accept"], job["TransformEndTime"] >= job["TransformStartTime"], job["Environment"], "Tags" in job)
`

func TestTransformWithBoto3(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	colours(t, s, "transform")
	put(t, s.s3(), "transform", "in/a", `{"source": "a rose", "k": 2}`+"\n")
	out := command(t, s.clientEnv(), "/usr/bin/python3", "-c", sdkTransformer)
	for _, want := range []string{"MaxConcurrentTransforms=2, MaxPayloadInMB=6, BatchStrategy=SINGLE_RECORD",
		"Completed None 1 colours SingleRecord 2 Line True application/jsonlines True {'A': 'b'} False"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if got := fetch(t, s.s3(), "transform", "out/a.out"); !strings.Contains(got, `"label": ["__label__red", "__label__blue"]`) {
		t.Errorf("the answer is %s", got)
	}
}
