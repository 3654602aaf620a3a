//go:build e2e

package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// sdk is the configuration of the AWS SDK for Go against the server. Hosts
// under localhost resolve to the server, as a wildcard DNS name would.
func (s *server) sdk() aws.Config {
	s.t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(addr); err == nil && strings.HasSuffix(host, ".localhost") {
			addr = net.JoinHostPort("127.0.0.1", port)
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	return aws.Config{ // and nothing from the developer's environment
		Region:       region,
		BaseEndpoint: &s.control,
		Credentials:  credentials.NewStaticCredentialsProvider(keyID, secret, ""),
		HTTPClient:   &http.Client{Transport: transport, Timeout: time.Minute},
	}
}

func TestJourneyWithGoSDK(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	train, validation := ontologyFiles(t)
	for _, style := range []struct {
		name    string
		options func(*s3.Options)
	}{
		{"path-style", func(o *s3.Options) { o.UsePathStyle = true }},
		{"virtual-host", func(o *s3.Options) {
			o.BaseEndpoint = aws.String(strings.Replace(s.control, "127.0.0.1", "localhost", 1))
		}},
	} {
		t.Run(style.name, func(t *testing.T) {
			t.Parallel()
			goJourney(t, s, style.name, train, validation, style.options)
		})
	}
}

func goJourney(t *testing.T, s *server, name, train, validation string, s3Options func(*s3.Options)) {
	ctx := t.Context()
	cfg := s.sdk()
	objects, maker := s3.NewFromConfig(cfg, s3Options), sagemaker.NewFromConfig(cfg)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	identity, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	check(err)
	role, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(strings.Split(*identity.Arn, "/")[1])})
	check(err)

	bucket := "journey-" + name
	_, err = objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	check(err)
	for channel, path := range map[string]string{"train": train, "validation": validation} {
		f, err := os.Open(path)
		check(err)
		_, err = objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("data/" + channel + "/part-1"), Body: f})
		check(errors.Join(err, f.Close()))
	}

	uri := "s3://" + bucket + "/"
	_, err = maker.CreateTrainingJob(ctx, &sagemaker.CreateTrainingJobInput{
		TrainingJobName: &name,
		RoleArn:         role.Role.Arn,
		AlgorithmSpecification: &types.AlgorithmSpecification{
			TrainingImage: aws.String("811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"), TrainingInputMode: types.TrainingInputModeFile,
		},
		HyperParameters: map[string]string{
			"mode": "supervised", "epochs": "10", "min_count": "2", "learning_rate": "0.05", "vector_dim": "10",
			"early_stopping": "True", "patience": "4", "min_epochs": "5", "word_ngrams": "2",
		},
		InputDataConfig:   []types.Channel{channel("train", uri+"data/train"), channel("validation", uri+"data/validation")},
		OutputDataConfig:  &types.OutputDataConfig{S3OutputPath: aws.String(uri + "output")},
		ResourceConfig:    &types.ResourceConfig{InstanceType: types.TrainingInstanceTypeMlC44xlarge, InstanceCount: aws.Int32(1), VolumeSizeInGB: aws.Int32(30)},
		StoppingCondition: &types.StoppingCondition{MaxRuntimeInSeconds: aws.Int32(360000)},
	})
	check(err)
	describe := &sagemaker.DescribeTrainingJobInput{TrainingJobName: &name}
	check(sagemaker.NewTrainingJobCompletedOrStoppedWaiter(maker, func(o *sagemaker.TrainingJobCompletedOrStoppedWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, time.Second
	}).Wait(ctx, describe, time.Minute))
	job, err := maker.DescribeTrainingJob(ctx, describe)
	check(err)
	if job.TrainingJobStatus != types.TrainingJobStatusCompleted || len(job.FinalMetricDataList) != 6 {
		t.Fatalf("job is %s with %d metrics; %s", job.TrainingJobStatus, len(job.FinalMetricDataList), aws.ToString(job.FailureReason))
	}

	logs := cloudwatchlogs.NewFromConfig(cfg)
	group := "/aws/sagemaker/TrainingJobs"
	found, err := logs.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, LogStreamNamePrefix: aws.String(name + "/"), FilterPattern: aws.String(`"#validation_accuracy"`)})
	check(err)
	if len(found.Events) != 1 {
		t.Errorf("%d log events mention #validation_accuracy, want 1", len(found.Events))
	}

	_, err = maker.CreateModel(ctx, &sagemaker.CreateModelInput{ModelName: &name, ExecutionRoleArn: role.Role.Arn,
		PrimaryContainer: &types.ContainerDefinition{Image: job.AlgorithmSpecification.TrainingImage, ModelDataUrl: job.ModelArtifacts.S3ModelArtifacts}})
	check(err)
	_, err = maker.CreateEndpointConfig(ctx, &sagemaker.CreateEndpointConfigInput{EndpointConfigName: &name,
		ProductionVariants: []types.ProductionVariant{{VariantName: aws.String("AllTraffic"), ModelName: &name,
			InitialInstanceCount: aws.Int32(1), InstanceType: types.ProductionVariantInstanceTypeMlM4Xlarge, InitialVariantWeight: aws.Float32(1)}}})
	check(err)
	_, err = maker.CreateEndpoint(ctx, &sagemaker.CreateEndpointInput{EndpointName: &name, EndpointConfigName: &name})
	check(err)
	check(sagemaker.NewEndpointInServiceWaiter(maker, func(o *sagemaker.EndpointInServiceWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second
	}).Wait(ctx, &sagemaker.DescribeEndpointInput{EndpointName: &name}, time.Minute))

	runtime := sagemakerruntime.NewFromConfig(cfg)
	body := `{"instances": ["a singer and painter born in the village , the greatest dancer"], "configuration": {"k": 2}}`
	out, err := runtime.InvokeEndpoint(ctx, &sagemakerruntime.InvokeEndpointInput{EndpointName: &name, ContentType: aws.String("application/json"), Body: []byte(body)})
	check(err)
	var predictions []struct {
		Label []string
		Prob  []float64
	}
	check(json.Unmarshal(out.Body, &predictions))
	if len(predictions) != 1 || len(predictions[0].Label) != 2 || predictions[0].Label[0] != "__label__Artist" || predictions[0].Prob[0] < 0.5 {
		t.Errorf("prediction = %s", out.Body)
	}
	if aws.ToString(out.InvokedProductionVariant) != "AllTraffic" {
		t.Errorf("variant = %q", aws.ToString(out.InvokedProductionVariant))
	}

	_, err = maker.DeleteEndpoint(ctx, &sagemaker.DeleteEndpointInput{EndpointName: &name})
	check(err)
	check(sagemaker.NewEndpointDeletedWaiter(maker, func(o *sagemaker.EndpointDeletedWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second
	}).Wait(ctx, &sagemaker.DescribeEndpointInput{EndpointName: &name}, time.Minute))
	_, err = maker.DeleteEndpointConfig(ctx, &sagemaker.DeleteEndpointConfigInput{EndpointConfigName: &name})
	check(err)
	_, err = maker.DeleteModel(ctx, &sagemaker.DeleteModelInput{ModelName: &name})
	check(err)

	pages := s3.NewListObjectsV2Paginator(objects, &s3.ListObjectsV2Input{Bucket: &bucket, MaxKeys: aws.Int32(2)})
	keys := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		check(err)
		for _, o := range page.Contents {
			keys++
			got, err := objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: o.Key})
			check(err)
			n, err := io.Copy(io.Discard, got.Body)
			check(err)
			if n != *o.Size {
				t.Errorf("%s has %d bytes, listed with %d", *o.Key, n, *o.Size)
			}
			_, err = objects.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: o.Key})
			check(err)
		}
	}
	if keys != 3 {
		t.Errorf("%d objects in the bucket, want the two channels and the model", keys)
	}
	_, err = objects.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
	check(err)
}

func channel(name, uri string) types.Channel {
	return types.Channel{
		ChannelName: &name,
		ContentType: aws.String("text/plain"),
		DataSource:  &types.DataSource{S3DataSource: &types.S3DataSource{S3DataType: types.S3DataTypeS3Prefix, S3Uri: &uri}},
	}
}

// trainingJob is the input of CreateTrainingJob for the tests that are not
// about training: one channel, one epoch unless hyper says otherwise.
func trainingJob(name, trainURI, outputURI string, hyper map[string]string) *sagemaker.CreateTrainingJobInput {
	all := map[string]string{"mode": "supervised", "epochs": "1", "vector_dim": "10", "min_count": "1", "buckets": "1000"}
	for k, v := range hyper {
		all[k] = v
	}
	return &sagemaker.CreateTrainingJobInput{
		TrainingJobName: &name,
		RoleArn:         aws.String(fmt.Sprintf("arn:aws:iam::%s:role/SageMakerRole", "000000000000")),
		AlgorithmSpecification: &types.AlgorithmSpecification{
			TrainingImage: aws.String("811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"), TrainingInputMode: types.TrainingInputModeFile,
		},
		HyperParameters:   all,
		InputDataConfig:   []types.Channel{channel("train", trainURI)},
		OutputDataConfig:  &types.OutputDataConfig{S3OutputPath: &outputURI},
		ResourceConfig:    &types.ResourceConfig{InstanceType: types.TrainingInstanceTypeMlC44xlarge, InstanceCount: aws.Int32(1), VolumeSizeInGB: aws.Int32(30)},
		StoppingCondition: &types.StoppingCondition{MaxRuntimeInSeconds: aws.Int32(86400)},
	}
}
