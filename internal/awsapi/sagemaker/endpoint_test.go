package sagemaker_test

import (
	"context"
	"encoding/json"
	"errors"
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

	"github.com/heliograph/heliograph/fasttext"
	api "github.com/heliograph/heliograph/internal/awsapi/sagemaker"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/serving"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// servingServer is the API over a serving service that runs, with a model at
// s3://models/good and something else at s3://models/bad.
type servingServer struct {
	*sagemaker.Client
	url string
}

func newServingServer(t *testing.T) *servingServer {
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
	service, err := serving.New(serving.Options{
		DB: db, Objects: blobs, Auth: allowAll{}, Roles: allowAll{}, Metrics: telemetry.New(), Log: slog.New(slog.DiscardHandler),
		Region: "us-east-1", Account: "000000000000", Dir: filepath.Join(dir, "models"),
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
	if err := blobs.CreateBucket(t.Context(), "models", "us-east-1"); err != nil {
		t.Fatal(err)
	}
	args := fasttext.SupervisedDefaults()
	args.Dim, args.Bucket, args.Thread = 4, 10, 1
	m, err := fasttext.Train(t.Context(), strings.NewReader("__label__a x\n__label__b y\n"), fasttext.TrainOptions{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	var good strings.Builder
	if err := m.Save(&good); err != nil {
		t.Fatal(err)
	}
	for key, content := range map[string]string{"good": good.String(), "bad": "no model"} {
		if _, err := blobs.Put(t.Context(), "models", key, strings.NewReader(content), blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(api.New(api.Services{Serving: service}, wire.Options{}))
	t.Cleanup(server.Close)
	client := sagemaker.New(sagemaker.Options{BaseEndpoint: &server.URL, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")})
	return &servingServer{client, server.URL}
}

const blazingText = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"

// deploy asks for model, config and endpoint of one name.
func (s *servingServer) deploy(t *testing.T, name, url string) {
	t.Helper()
	_, err := s.CreateModel(t.Context(), &sagemaker.CreateModelInput{ModelName: &name, ExecutionRoleArn: aws.String("arn:aws:iam::000000000000:role/SageMakerRole"),
		PrimaryContainer: &types.ContainerDefinition{Image: aws.String(blazingText), ModelDataUrl: &url, Environment: map[string]string{}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.CreateEndpointConfig(t.Context(), &sagemaker.CreateEndpointConfigInput{EndpointConfigName: &name, ProductionVariants: []types.ProductionVariant{{
		VariantName: aws.String("AllTraffic"), ModelName: &name, InitialVariantWeight: aws.Float32(1), InitialInstanceCount: aws.Int32(2), InstanceType: "ml.m4.xlarge"}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.CreateEndpoint(t.Context(), &sagemaker.CreateEndpointInput{EndpointName: &name, EndpointConfigName: &name, Tags: []types.Tag{}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "arn:aws:sagemaker:us-east-1:000000000000:endpoint/" + strings.ToLower(name); *out.EndpointArn != want {
		t.Errorf("endpoint's ARN is %s, want %s", *out.EndpointArn, want)
	}
}

func TestEndpointWithTheSDK(t *testing.T) {
	t.Parallel()
	s := newServingServer(t)
	const name = "BlazingText-2026-11-22"
	before := time.Now().Add(-time.Second)
	s.deploy(t, name, "s3://models/good")
	in := &sagemaker.DescribeEndpointInput{EndpointName: aws.String(name)}
	fast := func(o *sagemaker.EndpointInServiceWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 5*time.Millisecond
	}
	out, err := sagemaker.NewEndpointInServiceWaiter(s.Client, fast).WaitForOutput(t.Context(), in, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if *out.EndpointName != name || *out.EndpointConfigName != name || out.EndpointStatus != types.EndpointStatusInService || out.FailureReason != nil ||
		out.CreationTime.Before(before) || out.LastModifiedTime.Before(*out.CreationTime) || len(out.ProductionVariants) != 1 {
		t.Fatalf("in service: %+v", out)
	}
	v := out.ProductionVariants[0]
	if *v.VariantName != "AllTraffic" || *v.CurrentWeight != 1 || *v.DesiredWeight != 1 || *v.CurrentInstanceCount != 2 || *v.DesiredInstanceCount != 2 ||
		len(v.DeployedImages) != 1 || *v.DeployedImages[0].SpecifiedImage != blazingText || v.DeployedImages[0].ResolutionTime.Before(before) {
		t.Errorf("variant: %+v", v)
	}
	for _, status := range []types.EndpointStatus{types.EndpointStatusInService, types.EndpointStatusFailed} {
		page, err := s.ListEndpoints(t.Context(), &sagemaker.ListEndpointsInput{StatusEquals: status, NameContains: aws.String("blazing"), SortBy: types.EndpointSortKeyStatus})
		if err != nil || (len(page.Endpoints) == 1) != (status == types.EndpointStatusInService) {
			t.Errorf("%s endpoints: %+v, %v", status, page, err)
		}
	}
	if _, err := s.DeleteEndpoint(t.Context(), &sagemaker.DeleteEndpointInput{EndpointName: aws.String(name)}); err != nil {
		t.Fatal(err)
	}
	err = sagemaker.NewEndpointDeletedWaiter(s.Client, func(o *sagemaker.EndpointDeletedWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 5*time.Millisecond
	}).
		Wait(t.Context(), in, 20*time.Second)
	if err != nil {
		t.Errorf("endpoint_deleted: %v", err)
	}
	_, err = s.DescribeEndpoint(t.Context(), in)
	wantAPIError(t, "a deleted endpoint", err, "ValidationException", `Could not find endpoint "arn:aws:sagemaker:us-east-1:000000000000:endpoint/blazingtext-2026-11-22".`)
}

func TestFailedEndpointWithTheSDK(t *testing.T) {
	t.Parallel()
	s := newServingServer(t)
	s.deploy(t, "bad", "s3://models/bad")
	err := sagemaker.NewEndpointInServiceWaiter(s.Client, func(o *sagemaker.EndpointInServiceWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 5*time.Millisecond
	}).
		Wait(t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: aws.String("bad")}, 20*time.Second)
	if err == nil || !strings.Contains(err.Error(), "Failure") {
		t.Errorf("the waiter ends with %v", err)
	}
	out, err := s.DescribeEndpoint(t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: aws.String("bad")})
	if err != nil || out.EndpointStatus != types.EndpointStatusFailed || !strings.Contains(*out.FailureReason, "s3://models/bad") {
		t.Errorf("failed: %+v, %v", out, err)
	}
}

func TestServingErrorsWithTheSDK(t *testing.T) {
	t.Parallel()
	s := newServingServer(t)
	s.deploy(t, "there", "s3://models/good")
	ctx, name, gone := t.Context(), aws.String("there"), aws.String("gone")
	const arn = "arn:aws:sagemaker:us-east-1:000000000000:"
	variants := []types.ProductionVariant{{VariantName: name, ModelName: name, InitialInstanceCount: aws.Int32(1), InstanceType: "ml.m5.large"}}
	container := &types.ContainerDefinition{Image: aws.String(blazingText), ModelDataUrl: aws.String("s3://models/good")}
	wantAPIError(t, "a model twice", second(s.CreateModel(ctx, &sagemaker.CreateModelInput{ModelName: name, PrimaryContainer: container})),
		"ValidationException", `Cannot create already existing model "`+arn+`model/there".`)
	wantAPIError(t, "a config twice", second(s.CreateEndpointConfig(ctx, &sagemaker.CreateEndpointConfigInput{EndpointConfigName: name, ProductionVariants: variants})),
		"ValidationException", `Cannot create already existing endpoint configuration "`+arn+`endpoint-config/there".`)
	wantAPIError(t, "an endpoint twice", second(s.CreateEndpoint(ctx, &sagemaker.CreateEndpointInput{EndpointName: name, EndpointConfigName: name})),
		"ValidationException", `Cannot create already existing endpoint "`+arn+`endpoint/there".`)
	wantAPIError(t, "no model", second(s.DescribeModel(ctx, &sagemaker.DescribeModelInput{ModelName: gone})),
		"ValidationException", `Could not find model "`+arn+`model/gone".`)
	wantAPIError(t, "no config", second(s.DescribeEndpointConfig(ctx, &sagemaker.DescribeEndpointConfigInput{EndpointConfigName: gone})),
		"ValidationException", `Could not find endpoint configuration "`+arn+`endpoint-config/gone".`)
	wantAPIError(t, "delete no endpoint", second(s.DeleteEndpoint(ctx, &sagemaker.DeleteEndpointInput{EndpointName: gone})),
		"ValidationException", `Could not find endpoint "`+arn+`endpoint/gone".`)
	wantAPIError(t, "bad name", second(s.DescribeEndpoint(ctx, &sagemaker.DescribeEndpointInput{EndpointName: aws.String("a_b")})),
		"ValidationException", "1 validation error detected: Value 'a_b' at 'endpointName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
	wantAPIError(t, "sorted by nothing", second(s.ListModels(ctx, &sagemaker.ListModelsInput{SortBy: "Colour"})),
		"ValidationException", "1 validation error detected: Value 'Colour' at 'sortBy' failed to satisfy constraint: Member must satisfy enum value set: [Name, CreationTime]")
}

// call sends one raw request and returns what was answered.
func (s *servingServer) call(t *testing.T, operation, body string) map[string]any {
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
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s (%v)", operation, response.StatusCode, text, err)
	}
	var out map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestUpdateWithTheSDK(t *testing.T) {
	t.Parallel()
	s := newServingServer(t)
	s.deploy(t, "first", "s3://models/good")
	endpoint := &sagemaker.DescribeEndpointInput{EndpointName: aws.String("first")}
	wait := func() *sagemaker.DescribeEndpointOutput {
		t.Helper()
		out, err := sagemaker.NewEndpointInServiceWaiter(s.Client, func(o *sagemaker.EndpointInServiceWaiterOptions) {
			o.MinDelay, o.MaxDelay = time.Millisecond, 5*time.Millisecond
		}).WaitForOutput(t.Context(), endpoint, 20*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	wait()
	// A shadow variant, capture, and a step at which the update waits long enough to be seen.
	_, err := s.CreateEndpointConfig(t.Context(), &sagemaker.CreateEndpointConfigInput{EndpointConfigName: aws.String("second"),
		ProductionVariants:       []types.ProductionVariant{{VariantName: aws.String("AllTraffic"), ModelName: aws.String("first"), InitialInstanceCount: aws.Int32(4), InstanceType: "ml.m4.xlarge"}},
		ShadowProductionVariants: []types.ProductionVariant{{VariantName: aws.String("Shadow"), ModelName: aws.String("first"), InitialInstanceCount: aws.Int32(1), InstanceType: "ml.m4.xlarge"}},
		DataCaptureConfig: &types.DataCaptureConfig{EnableCapture: aws.Bool(true), InitialSamplingPercentage: aws.Int32(30), DestinationS3Uri: aws.String("s3://models/captured"),
			CaptureOptions: []types.CaptureOption{{CaptureMode: types.CaptureModeInput}}}})
	if err != nil {
		t.Fatal(err)
	}
	canary := &types.DeploymentConfig{BlueGreenUpdatePolicy: &types.BlueGreenUpdatePolicy{
		TrafficRoutingConfiguration: &types.TrafficRoutingConfig{Type: types.TrafficRoutingConfigTypeCanary, WaitIntervalInSeconds: aws.Int32(1),
			CanarySize: &types.CapacitySize{Type: types.CapacitySizeTypeInstanceCount, Value: aws.Int32(1)}},
		TerminationWaitInSeconds: aws.Int32(0), MaximumExecutionTimeoutInSeconds: aws.Int32(600)}}
	out, err := s.UpdateEndpoint(t.Context(), &sagemaker.UpdateEndpointInput{EndpointName: aws.String("first"), EndpointConfigName: aws.String("second"), DeploymentConfig: canary})
	if err != nil || *out.EndpointArn != "arn:aws:sagemaker:us-east-1:000000000000:endpoint/first" {
		t.Fatalf("UpdateEndpoint: %v, %v", out, err)
	}
	during, err := s.DescribeEndpoint(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if p := during.PendingDeploymentSummary; during.EndpointStatus != types.EndpointStatusUpdating || *during.EndpointConfigName != "first" || p == nil ||
		*p.EndpointConfigName != "second" || len(p.ProductionVariants) != 1 || len(p.ShadowProductionVariants) != 1 || len(p.ProductionVariants[0].VariantStatus) != 1 {
		t.Errorf("while it is updated: %+v", during)
	}
	e := wait()
	if d := e.DataCaptureConfig; *e.EndpointConfigName != "second" || e.PendingDeploymentSummary != nil || len(e.ShadowProductionVariants) != 1 ||
		*e.ProductionVariants[0].CurrentInstanceCount != 4 || e.LastDeploymentConfig == nil ||
		!*d.EnableCapture || d.CaptureStatus != types.CaptureStatusStarted || *d.CurrentSamplingPercentage != 30 || d.KmsKeyId == nil {
		t.Errorf("updated: %+v, %+v", e, e.DataCaptureConfig)
	}
	_, err = s.UpdateEndpointWeightsAndCapacities(t.Context(), &sagemaker.UpdateEndpointWeightsAndCapacitiesInput{EndpointName: aws.String("first"),
		DesiredWeightsAndCapacities: []types.DesiredWeightAndCapacity{{VariantName: aws.String("Shadow"), DesiredWeight: aws.Float32(0.25), DesiredInstanceCount: aws.Int32(3)}}})
	if err != nil {
		t.Fatal(err)
	}
	if v := wait().ShadowProductionVariants[0]; *v.CurrentWeight != 0.25 || *v.DesiredWeight != 0.25 || *v.CurrentInstanceCount != 3 {
		t.Errorf("weighed: %+v", v)
	}
	_, err = s.UpdateEndpoint(t.Context(), &sagemaker.UpdateEndpointInput{EndpointName: aws.String("gone"), EndpointConfigName: aws.String("second")})
	if err == nil || !strings.Contains(err.Error(), "ValidationException: Could not find endpoint") {
		t.Errorf("an endpoint that is not there: %v", err)
	}
}

// Every member that was sent comes back, those included that do nothing here.
func TestMembersComeBack(t *testing.T) {
	t.Parallel()
	s := newServingServer(t)
	const model = `{"ModelName":"M","ExecutionRoleArn":"arn:aws:iam::000000000000:role/SageMakerRole","VpcConfig":{"SecurityGroupIds":["sg-1"],"Subnets":["subnet-1"]},
		"EnableNetworkIsolation":true,"InferenceExecutionConfig":{"Mode":"Direct"},"Tags":[{"Key":"a","Value":"b"}],"SomethingNew":1,
		"Containers":[{"ContainerHostname":"host","Image":"blazingtext:latest","ImageConfig":{"RepositoryAccessMode":"Platform"},"Mode":"SingleModel",
			"ModelDataUrl":"s3://models/good","Environment":{"A":"b"}}]}`
	const config = `{"EndpointConfigName":"C","KmsKeyId":"key","ExecutionRoleArn":"arn:aws:iam::000000000000:role/SageMakerRole","DataCaptureConfig":{"EnableCapture":false,"InitialSamplingPercentage":10,
			"DestinationS3Uri":"s3://models/captured","CaptureOptions":[{"CaptureMode":"Input"}],"CaptureContentTypeHeader":{"JsonContentTypes":["application/json"]}},
		"Tags":[{"Key":"a","Value":"b"}],"VpcConfig":{"SecurityGroupIds":["sg-1"],"Subnets":["subnet-1"]},"EnableNetworkIsolation":true,
		"ProductionVariants":[
			{"VariantName":"one","ModelName":"m","InitialInstanceCount":3,"InstanceType":"ml.c5.large","InitialVariantWeight":0.7,"AcceleratorType":"ml.eia1.medium",
			 "CoreDumpConfig":{"DestinationS3Uri":"s3://models/core"},"VolumeSizeInGB":30,"ModelDataDownloadTimeoutInSeconds":600,"ContainerStartupHealthCheckTimeoutInSeconds":601,
			 "EnableSSMAccess":false,"ManagedInstanceScaling":{"Status":"DISABLED"},"RoutingConfig":{"RoutingStrategy":"RANDOM"},"InferenceAmiVersion":"al2-ami-sagemaker-inference-gpu-2"},
			{"VariantName":"two","ModelName":"m","ServerlessConfig":{"MemorySizeInMB":2048,"MaxConcurrency":5},"InitialVariantWeight":1}]}`
	if out := s.call(t, "CreateModel", model); out["ModelArn"] != "arn:aws:sagemaker:us-east-1:000000000000:model/m" {
		t.Errorf("CreateModel: %v", out)
	}
	if out := s.call(t, "CreateEndpointConfig", config); out["EndpointConfigArn"] != "arn:aws:sagemaker:us-east-1:000000000000:endpoint-config/c" {
		t.Errorf("CreateEndpointConfig: %v", out)
	}
	for _, c := range []struct{ sent, operation, name, arn string }{
		{model, "DescribeModel", `{"ModelName":"m"}`, "ModelArn"},
		{config, "DescribeEndpointConfig", `{"EndpointConfigName":"c"}`, "EndpointConfigArn"},
	} {
		var want map[string]any
		if err := json.Unmarshal([]byte(c.sent), &want); err != nil {
			t.Fatal(err)
		}
		got := s.call(t, c.operation, c.name)
		if got[c.arn] == "" || got["CreationTime"].(float64) < 1 {
			t.Errorf("%s: %v", c.operation, got)
		}
		for member, value := range want {
			if member == "Tags" || member == "SomethingNew" {
				if got[member] != nil {
					t.Errorf("%s shows %s", c.operation, member)
				}
			} else if !reflect.DeepEqual(got[member], value) {
				t.Errorf("%s: %s came back as %v, was sent as %v", c.operation, member, got[member], value)
			}
		}
	}
	// A list without members is a list.
	if out := s.call(t, "ListEndpoints", `{}`); !reflect.DeepEqual(out, map[string]any{"Endpoints": []any{}}) {
		t.Errorf("ListEndpoints: %v", out)
	}
}

func TestPagesWithTheSDK(t *testing.T) {
	t.Parallel()
	s := newServingServer(t)
	for _, name := range []string{"c", "a", "b"} {
		s.deploy(t, name, "s3://models/good")
	}
	var names []string
	models := sagemaker.NewListModelsPaginator(s.Client, &sagemaker.ListModelsInput{SortBy: types.ModelSortKeyName, SortOrder: types.OrderKeyAscending, MaxResults: aws.Int32(2)})
	for models.HasMorePages() {
		page, err := models.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Models {
			names = append(names, *m.ModelName)
		}
	}
	configs := sagemaker.NewListEndpointConfigsPaginator(s.Client, &sagemaker.ListEndpointConfigsInput{MaxResults: aws.Int32(1)})
	for configs.HasMorePages() {
		page, err := configs.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.EndpointConfigs {
			names = append(names, *c.EndpointConfigName)
		}
	}
	endpoints := sagemaker.NewListEndpointsPaginator(s.Client, &sagemaker.ListEndpointsInput{SortBy: types.EndpointSortKeyName, SortOrder: types.OrderKeyDescending})
	for endpoints.HasMorePages() {
		page, err := endpoints.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Endpoints {
			names = append(names, *e.EndpointName)
		}
	}
	if got := strings.Join(names, ""); got != "abc"+"bac"+"cba" { // configs: newest first
		t.Errorf("listed %s", got)
	}
	_, err := s.ListModels(t.Context(), &sagemaker.ListModelsInput{NextToken: aws.String("nonsense")})
	if err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a token that is none: %v", err)
	}
}
