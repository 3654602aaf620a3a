//go:build e2e

package test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
)

func (s *server) s3() *s3.Client {
	return s3.NewFromConfig(s.sdk(), func(o *s3.Options) { o.UsePathStyle = true; o.RetryMaxAttempts = 1 })
}

// TestKilledDuringUploads kills the server while small objects, a large object
// and the parts of another arrive. What was acknowledged must be there and
// whole; what was not may be there whole or not at all.
func TestKilledDuringUploads(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "serve")
	bucket := aws.String("crash")
	if _, err := s.s3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	content := func(key string) []byte {
		sum := sha256.Sum256([]byte(key))
		rng := rand.New(rand.NewChaCha8(sum))
		body := make([]byte, 1+rng.IntN(100_000))
		for i := range body {
			body[i] = byte(rng.Uint32())
		}
		return body
	}

	acknowledged := sync.Map{} // key → true
	var parts []s3types.CompletedPart
	var uploadID *string
	for round := range 3 {
		client := s.s3()
		var wg sync.WaitGroup
		for worker := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					key := fmt.Sprintf("round-%d/worker-%d/%d", round, worker, i)
					if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(content(key))}); err != nil {
						return
					}
					acknowledged.Store(key, true)
				}
			})
		}
		wg.Go(func() { // never ends before the server does
			client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("endless"), ContentLength: aws.Int64(1 << 30),
				Body: &endless{size: 1 << 30}}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
		})
		if round == 0 {
			up, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("in-parts")})
			if err != nil {
				t.Fatal(err)
			}
			uploadID = up.UploadId
		}
		part, err := client.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: bucket, Key: aws.String("in-parts"), UploadId: uploadID,
			PartNumber: aws.Int32(int32(round + 1)), Body: bytes.NewReader(bytes.Repeat([]byte{byte('a' + round)}, 5<<20))})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, s3types.CompletedPart{ETag: part.ETag, PartNumber: aws.Int32(int32(round + 1))})
		time.Sleep(time.Duration(100+rand.IntN(300)) * time.Millisecond)
		s.kill()
		wg.Wait()
		s = start(t, data, "serve")
	}

	client := s.s3()
	seen := map[string]bool{}
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			seen[*o.Key] = true
			got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: o.Key})
			if err != nil {
				t.Errorf("%s is listed, but: %v", *o.Key, err)
				continue
			}
			body, err := io.ReadAll(got.Body)
			if err != nil || !bytes.Equal(body, content(*o.Key)) {
				t.Errorf("%s is visible with %d bytes that were not sent so (%v)", *o.Key, len(body), err)
			}
		}
	}
	n := 0
	acknowledged.Range(func(key, _ any) bool {
		n++
		if !seen[key.(string)] {
			t.Errorf("%s was acknowledged and is gone", key)
		}
		return true
	})
	if n < 10 {
		t.Errorf("only %d uploads were acknowledged before the kills; the test proved little", n)
	}
	t.Logf("%d acknowledged objects survived three kills", n)

	if _, err := client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: aws.String("in-parts"),
		UploadId: uploadID, MultipartUpload: &s3types.CompletedMultipartUpload{Parts: parts}}); err != nil {
		t.Fatalf("acknowledged parts can't be completed: %v", err)
	}
	head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("in-parts")})
	if err != nil || *head.ContentLength != 15<<20 {
		t.Errorf("completed object: %+v, %v", head, err)
	}
	leftovers, err := filepath.Glob(filepath.Join(data, "blob", "tmp", "*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("leftovers of dead uploads: %q, %v", leftovers, err)
	}
}

// endless is a body that gives its bytes slowly and can claim to be seekable.
type endless struct{ at, size int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.at >= e.size {
		return 0, io.EOF
	}
	time.Sleep(time.Millisecond)
	n := min(int64(len(p)), e.size-e.at)
	e.at += n
	return int(n), nil
}

func (e *endless) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += e.at
	case io.SeekEnd:
		offset += e.size
	}
	e.at = offset
	return e.at, nil
}

// TestKilledDuringTraining kills the server twice while a job trains; the job
// must start over and complete.
func TestKilledDuringTraining(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "serve")
	uploadOntology(t, s, "crash-train")
	name := "killed"
	_, err := sagemaker.NewFromConfig(s.sdk()).CreateTrainingJob(t.Context(),
		trainingJob(name, "s3://crash-train/train", "s3://crash-train/out", map[string]string{"epochs": "300", "vector_dim": "50"}))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		waitJob(t, s, name, func(job *sagemaker.DescribeTrainingJobOutput) bool {
			return job.SecondaryStatus == types.SecondaryStatusTraining
		})
		s.kill()
		s = start(t, data, "serve")
	}
	job := waitJob(t, s, name, func(job *sagemaker.DescribeTrainingJobOutput) bool {
		return job.TrainingJobStatus != types.TrainingJobStatusInProgress
	})
	if job.TrainingJobStatus != types.TrainingJobStatusCompleted {
		t.Fatalf("the job is %s: %s", job.TrainingJobStatus, aws.ToString(job.FailureReason))
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(*job.ModelArtifacts.S3ModelArtifacts, "s3://"), "/")
	if _, err := s.s3().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key}); err != nil {
		t.Errorf("the model of the completed job: %v", err)
	}
	logs, err := cloudwatchlogs.NewFromConfig(s.sdk()).FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: aws.String("/aws/sagemaker/TrainingJobs"), LogStreamNamePrefix: aws.String(name + "/"), FilterPattern: aws.String(`"Training finished."`)})
	if err != nil || len(logs.Events) != 1 {
		t.Errorf("the log says %d times that training finished, want once (%v)", len(logs.Events), err)
	}
}

// TestKilledAfterCreateEndpoint kills the server the moment CreateEndpoint has
// answered; the endpoint must be there and come into service.
func TestKilledAfterCreateEndpoint(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "serve")
	uploadOntology(t, s, "crash-endpoint")
	maker := sagemaker.NewFromConfig(s.sdk())
	name := aws.String("survivor")
	if _, err := maker.CreateTrainingJob(t.Context(), trainingJob(*name, "s3://crash-endpoint/train", "s3://crash-endpoint/out", nil)); err != nil {
		t.Fatal(err)
	}
	job := waitJob(t, s, *name, func(job *sagemaker.DescribeTrainingJobOutput) bool {
		return job.TrainingJobStatus != types.TrainingJobStatusInProgress
	})
	deployAs(t, s, *name, *job.ModelArtifacts.S3ModelArtifacts)
	s.kill()
	s = start(t, data, "serve")

	if err := sagemaker.NewEndpointInServiceWaiter(sagemaker.NewFromConfig(s.sdk()), func(o *sagemaker.EndpointInServiceWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second
	}).Wait(t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := sagemakerruntime.NewFromConfig(s.sdk()).InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{
		EndpointName: name, ContentType: aws.String("application/json"), Body: []byte(`{"instances":["a school for girls"]}`)}); err != nil {
		t.Error(err)
	}
}

// TestTwoServersOnOneDirectory must not share it.
func TestTwoServersOnOneDirectory(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "serve")
	out, err := try(t, cleanEnv(), binary, "serve", "--data", data, "--control-listen", "127.0.0.1:0", "--public-listen", "127.0.0.1:0")
	if err == nil || !strings.Contains(out, "another") || !strings.Contains(out, data) {
		t.Errorf("the second server said %q (%v)", out, err)
	}
	s.stop()
	start(t, data, "serve").stop()
}

func uploadOntology(t *testing.T, s *server, bucket string) {
	t.Helper()
	train, validation := ontologyFiles(t)
	client := s.s3()
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	for key, path := range map[string]string{"train": train, "validation": validation} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: f})
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func waitJob(t *testing.T, s *server, name string, done func(*sagemaker.DescribeTrainingJobOutput) bool) *sagemaker.DescribeTrainingJobOutput {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	client := sagemaker.NewFromConfig(s.sdk())
	for {
		job, err := client.DescribeTrainingJob(ctx, &sagemaker.DescribeTrainingJobInput{TrainingJobName: &name})
		if err != nil {
			t.Fatal(err)
		}
		if done(job) {
			return job
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// deployAs makes a model, an endpoint config and an endpoint of that name.
func deployAs(t *testing.T, s *server, name, modelDataURL string) {
	t.Helper()
	client := sagemaker.NewFromConfig(s.sdk())
	_, err := client.CreateModel(t.Context(), &sagemaker.CreateModelInput{ModelName: &name,
		ExecutionRoleArn: aws.String("arn:aws:iam::000000000000:role/SageMakerRole"),
		PrimaryContainer: &types.ContainerDefinition{Image: aws.String("811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"), ModelDataUrl: &modelDataURL}})
	if err == nil {
		_, err = client.CreateEndpointConfig(t.Context(), &sagemaker.CreateEndpointConfigInput{EndpointConfigName: &name,
			ProductionVariants: []types.ProductionVariant{{VariantName: aws.String("AllTraffic"), ModelName: &name,
				InitialInstanceCount: aws.Int32(1), InstanceType: types.ProductionVariantInstanceTypeMlM4Xlarge, InitialVariantWeight: aws.Float32(1)}}})
	}
	if err == nil {
		_, err = client.CreateEndpoint(t.Context(), &sagemaker.CreateEndpointInput{EndpointName: &name, EndpointConfigName: &name})
	}
	if err != nil {
		t.Fatal(err)
	}
}
