//go:build e2e

package test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
)

// colourModel trains a model that tells the colours by their names.
func colourModel(t *testing.T, colours ...string) string {
	t.Helper()
	dir := t.TempDir()
	var text strings.Builder
	for range 50 {
		for _, c := range colours {
			text.WriteString("__label__" + c + " " + c + " filler words\n")
		}
	}
	train := filepath.Join(dir, "train.txt")
	if err := os.WriteFile(train, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, cleanEnv(), binary, "fasttext", "supervised", "-input", train, "-output", filepath.Join(dir, "model"),
		"-dim", "8", "-bucket", "100", "-epoch", "20", "-lr", "0.5", "-thread", "1", "-minCount", "1")
	return filepath.Join(dir, "model.bin")
}

func TestEndpointsWithBoto3(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	if out := command(t, s.clientEnv(), "/usr/bin/python3", "endpoints.py", colourModel(t, "red", "blue")); !strings.HasSuffix(out, "ok\n") {
		t.Error(out)
	}
}

func TestEndpointsWithJavaScript(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("js/node_modules/@aws-sdk/client-sagemaker"); err != nil {
		t.Fatal("the AWS SDK for JavaScript is not installed: run make setup, or npm ci in test/js")
	}
	s := start(t, t.TempDir(), "serve")
	env := append(s.clientEnv(), "AWS_REGION="+region)
	if out := command(t, env, "node", "js/endpoints.mjs", colourModel(t, "red", "blue")); !strings.HasSuffix(out, "ok\n") {
		t.Error(out)
	}
}

// TestEndpointsWithAWS updates, weighs and asks for later with the command line.
func TestEndpointsWithAWS(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	s.mustAWS("s3", "mb", "s3://cli")
	s.mustAWS("s3", "cp", colourModel(t, "red", "blue"), "s3://cli/model.bin")
	s.mustAWS("sagemaker", "create-model", "--model-name", "m", "--execution-role-arn", "arn:aws:iam::000000000000:role/SageMakerRole",
		"--primary-container", "Image=blazingtext,ModelDataUrl=s3://cli/model.bin")
	const one = "VariantName=a,ModelName=m,InitialInstanceCount=1,InstanceType=ml.m5.large"
	s.mustAWS("sagemaker", "create-endpoint-config", "--endpoint-config-name", "one", "--production-variants", one)
	s.mustAWS("sagemaker", "create-endpoint-config", "--endpoint-config-name", "two", "--production-variants", one,
		"VariantName=b,ModelName=m,ServerlessConfig={MemorySizeInMB=2048,MaxConcurrency=5},InitialVariantWeight=0")
	s.mustAWS("sagemaker", "create-endpoint-config", "--endpoint-config-name", "later", "--production-variants", one,
		"--async-inference-config", "OutputConfig={S3OutputPath=s3://cli/out}")
	s.mustAWS("sagemaker", "create-endpoint", "--endpoint-name", "e", "--endpoint-config-name", "one")
	s.mustAWS("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "e")
	s.mustAWS("sagemaker", "update-endpoint", "--endpoint-name", "e", "--endpoint-config-name", "two", "--deployment-config",
		`{"BlueGreenUpdatePolicy":{"TrafficRoutingConfiguration":{"Type":"ALL_AT_ONCE","WaitIntervalInSeconds":0}}}`)
	s.mustAWS("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "e")
	s.mustAWS("sagemaker", "update-endpoint-weights-and-capacities", "--endpoint-name", "e", "--desired-weights-and-capacities",
		"VariantName=a,DesiredWeight=0", "VariantName=b,DesiredWeight=2")
	s.mustAWS("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "e")
	if out := s.mustAWS("sagemaker", "describe-endpoint", "--endpoint-name", "e"); !strings.Contains(out, `"EndpointConfigName": "two"`) || !strings.Contains(out, `"CurrentWeight": 2,`) {
		t.Errorf("described: %s", out)
	}
	answer := filepath.Join(t.TempDir(), "answer")
	out := s.mustAWS("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", "e", "--content-type", "application/json",
		"--cli-binary-format", "raw-in-base64-out", "--body", `{"instances": ["red"]}`, answer)
	if text := string(must(os.ReadFile(answer))); !strings.Contains(out, `"InvokedProductionVariant": "b"`) || !strings.Contains(text, "__label__red") {
		t.Errorf("answer %s\n%s", text, out)
	}
	s.mustAWS("sagemaker", "create-endpoint", "--endpoint-name", "later", "--endpoint-config-name", "later")
	s.mustAWS("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "later")
	out = s.mustAWS("sagemaker-runtime", "invoke-endpoint-async", "--endpoint-name", "later", "--content-type", "application/json", "--input-location", "s3://cli/model.bin")
	if !strings.Contains(out, `"OutputLocation": "s3://cli/out/`) {
		t.Errorf("accepted: %s", out)
	}
	if out, err := s.aws("sagemaker", "update-endpoint", "--endpoint-name", "e", "--endpoint-config-name", "gone"); err == nil || !strings.Contains(out, "Could not find endpoint configuration") {
		t.Errorf("a config that is not there: %v, %s", err, out)
	}
}

// TestUpdatesUnderLoad updates an endpoint ten times, from one model to another and
// in every way, while sixteen callers ask over the network. No request may fail.
func TestUpdatesUnderLoad(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	cfg := s.sdk()
	cfg.RetryMaxAttempts = 1 // a failure is not to be hidden
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	maker, runtime := sagemaker.NewFromConfig(cfg), sagemakerruntime.NewFromConfig(cfg)
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("load")})
	check(err)
	for _, name := range []string{"red", "blue"} {
		_, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("load"), Key: &name, Body: bytes.NewReader(must(os.ReadFile(colourModel(t, name, "other"))))})
		check(err)
		_, err = maker.CreateModel(ctx, &sagemaker.CreateModelInput{ModelName: &name,
			PrimaryContainer: &types.ContainerDefinition{Image: aws.String("blazingtext"), ModelDataUrl: aws.String("s3://load/" + name)}})
		check(err)
		_, err = maker.CreateEndpointConfig(ctx, &sagemaker.CreateEndpointConfigInput{EndpointConfigName: &name,
			ProductionVariants: []types.ProductionVariant{{VariantName: &name, ModelName: &name, InitialInstanceCount: aws.Int32(4), InstanceType: "ml.m5.large"}}})
		check(err)
	}
	endpoint := aws.String("e")
	_, err = maker.CreateEndpoint(ctx, &sagemaker.CreateEndpointInput{EndpointName: endpoint, EndpointConfigName: aws.String("red")})
	check(err)
	inService := func() *sagemaker.DescribeEndpointOutput {
		t.Helper()
		out, err := sagemaker.NewEndpointInServiceWaiter(maker, func(o *sagemaker.EndpointInServiceWaiterOptions) {
			o.MinDelay, o.MaxDelay = 10*time.Millisecond, 100*time.Millisecond
		}).WaitForOutput(ctx, &sagemaker.DescribeEndpointInput{EndpointName: endpoint}, time.Minute)
		check(err)
		return out
	}
	inService()

	asking, stop := context.WithCancel(ctx)
	defer stop()
	var callers sync.WaitGroup
	var answered [2]atomic.Int64
	for range 16 {
		callers.Go(func() {
			for asking.Err() == nil {
				out, err := runtime.InvokeEndpoint(asking, &sagemakerruntime.InvokeEndpointInput{EndpointName: endpoint, ContentType: aws.String("application/json"), Body: []byte(`{"instances": ["red blue"]}`)})
				if asking.Err() != nil {
					return
				}
				if err != nil || !strings.Contains(string(out.Body), "__label__"+*out.InvokedProductionVariant) {
					t.Errorf("answer %+v, error %v", out, err)
					return
				}
				if *out.InvokedProductionVariant == "red" {
					answered[0].Add(1)
				} else {
					answered[1].Add(1)
				}
			}
		})
	}
	way := func(kind types.TrafficRoutingConfigType, wait int32, size *types.CapacitySize) *types.DeploymentConfig {
		routing := &types.TrafficRoutingConfig{Type: kind, WaitIntervalInSeconds: &wait}
		switch kind {
		case types.TrafficRoutingConfigTypeCanary:
			routing.CanarySize = size
		case types.TrafficRoutingConfigTypeLinear:
			routing.LinearStepSize = size
		}
		return &types.DeploymentConfig{BlueGreenUpdatePolicy: &types.BlueGreenUpdatePolicy{TrafficRoutingConfiguration: routing}}
	}
	ways := []*types.DeploymentConfig{
		nil,
		way(types.TrafficRoutingConfigTypeAllAtOnce, 0, nil),
		way(types.TrafficRoutingConfigTypeCanary, 1, &types.CapacitySize{Type: types.CapacitySizeTypeInstanceCount, Value: aws.Int32(1)}),
		way(types.TrafficRoutingConfigTypeLinear, 0, &types.CapacitySize{Type: types.CapacitySizeTypeCapacityPercent, Value: aws.Int32(10)}),
	}
	for i := range 10 {
		next := i % 2
		config := []string{"blue", "red"}[next]
		before := answered[1-next].Load()
		_, err := maker.UpdateEndpoint(ctx, &sagemaker.UpdateEndpointInput{EndpointName: endpoint, EndpointConfigName: &config, DeploymentConfig: ways[i%len(ways)]})
		check(err)
		if e := inService(); *e.EndpointConfigName != config || e.FailureReason != nil {
			t.Fatalf("update %d: %+v", i, e)
		}
		for deadline := time.Now().Add(30 * time.Second); answered[1-next].Load() == before && !t.Failed(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("after update %d, %s answers nothing", i, config)
			}
		}
	}
	stop()
	callers.Wait()
}
