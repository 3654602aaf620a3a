//go:build e2e

package test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
)

// TestKilledWhileServing kills the server while endpoints are created, updated and
// asked, ten times. What was acknowledged holds: each endpoint gets to its last
// config, and every asynchronous request is answered.
func TestKilledWhileServing(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "serve")
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	objects, maker := s.s3(), sagemaker.NewFromConfig(s.sdk())
	bucket := aws.String("crash")
	_, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket})
	check(err)
	_, err = objects.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("in.jsonl"), Body: strings.NewReader(strings.Repeat("{\"source\": \"red blue\"}\n", 500))})
	check(err)
	variant := func(model string) []types.ProductionVariant {
		return []types.ProductionVariant{{VariantName: aws.String("AllTraffic"), ModelName: &model, InitialInstanceCount: aws.Int32(4), InstanceType: "ml.m5.large"}}
	}
	for _, name := range []string{"red", "blue"} {
		_, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &name, Body: bytes.NewReader(must(os.ReadFile(colourModel(t, name, "other"))))})
		check(err)
		_, err = maker.CreateModel(ctx, &sagemaker.CreateModelInput{ModelName: &name,
			PrimaryContainer: &types.ContainerDefinition{Image: aws.String("blazingtext"), ModelDataUrl: aws.String("s3://crash/" + name)}})
		check(err)
		_, err = maker.CreateEndpointConfig(ctx, &sagemaker.CreateEndpointConfigInput{EndpointConfigName: &name, ProductionVariants: variant(name)})
		check(err)
	}
	_, err = maker.CreateEndpointConfig(ctx, &sagemaker.CreateEndpointConfigInput{EndpointConfigName: aws.String("later"), ProductionVariants: variant("red"),
		AsyncInferenceConfig: &types.AsyncInferenceConfig{OutputConfig: &types.AsyncInferenceOutputConfig{S3OutputPath: aws.String("s3://crash/out")}}})
	check(err)
	configs := map[string]string{"e": "red", "later": "later"} // by endpoint, as acknowledged
	for name, config := range configs {
		_, err := maker.CreateEndpoint(ctx, &sagemaker.CreateEndpointInput{EndpointName: &name, EndpointConfigName: &config})
		check(err)
	}
	var mu sync.Mutex
	var outputs []string // of acknowledged requests
	settle := func() {
		t.Helper()
		maker, runtime := sagemaker.NewFromConfig(s.sdk()), sagemakerruntime.NewFromConfig(s.sdk())
		for name, config := range configs {
			out, err := sagemaker.NewEndpointInServiceWaiter(maker, func(o *sagemaker.EndpointInServiceWaiterOptions) {
				o.MinDelay, o.MaxDelay = 10*time.Millisecond, 100*time.Millisecond
			}).WaitForOutput(ctx, &sagemaker.DescribeEndpointInput{EndpointName: &name}, time.Minute)
			if err != nil || *out.EndpointConfigName != config || out.FailureReason != nil {
				t.Fatalf("endpoint %s was to serve %s: %+v, %v", name, config, out, err)
			}
			if name == "later" {
				continue
			}
			answer, err := runtime.InvokeEndpoint(ctx, &sagemakerruntime.InvokeEndpointInput{EndpointName: &name, ContentType: aws.String("application/json"), Body: []byte(`{"instances": ["red blue"]}`)})
			if err != nil || !strings.Contains(string(answer.Body), "__label__"+config) {
				t.Fatalf("endpoint %s, which serves %s, says %+v, %v", name, config, answer, err)
			}
		}
	}
	settle()
	for round := range 10 {
		cfg := s.sdk()
		cfg.RetryMaxAttempts = 1
		maker, runtime := sagemaker.NewFromConfig(cfg), sagemakerruntime.NewFromConfig(cfg)
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for {
					out, err := runtime.InvokeEndpointAsync(ctx, &sagemakerruntime.InvokeEndpointAsyncInput{EndpointName: aws.String("later"), InputLocation: aws.String("s3://crash/in.jsonl"), ContentType: aws.String("application/jsonlines")})
					if err != nil {
						return
					}
					mu.Lock()
					outputs = append(outputs, strings.TrimPrefix(*out.OutputLocation, "s3://crash/"))
					mu.Unlock()
					time.Sleep(5 * time.Millisecond)
				}
			})
		}
		next := []string{"blue", "red"}[round%2]
		linear := &types.DeploymentConfig{BlueGreenUpdatePolicy: &types.BlueGreenUpdatePolicy{TrafficRoutingConfiguration: &types.TrafficRoutingConfig{
			Type: types.TrafficRoutingConfigTypeLinear, WaitIntervalInSeconds: aws.Int32(int32(round % 2)), LinearStepSize: &types.CapacitySize{Type: types.CapacitySizeTypeInstanceCount, Value: aws.Int32(2)}}}}
		_, err := maker.UpdateEndpoint(ctx, &sagemaker.UpdateEndpointInput{EndpointName: aws.String("e"), EndpointConfigName: &next, DeploymentConfig: linear})
		check(err)
		configs["e"] = next
		created := fmt.Sprintf("new-%d", round)
		_, err = maker.CreateEndpoint(ctx, &sagemaker.CreateEndpointInput{EndpointName: &created, EndpointConfigName: &next})
		check(err)
		configs[created] = next
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		s.kill()
		all.Wait()
		s = start(t, data, "serve")
		settle()
	}
	objects = s.s3()
	for _, key := range outputs {
		if err := s3.NewObjectExistsWaiter(objects, func(o *s3.ObjectExistsWaiterOptions) {
			o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second
		}).Wait(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: &key}, time.Minute); err != nil {
			t.Fatalf("an acknowledged request was not answered: %s: %v", key, err)
		}
		head, err := objects.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: &key})
		if err != nil || *head.ContentLength < 500*20 {
			t.Errorf("%s: %+v, %v", key, head, err)
		}
	}
	if len(outputs) < 20 {
		t.Errorf("only %d requests were acknowledged before the kills; the test proved little", len(outputs))
	}
	t.Logf("%d requests and %d endpoints survived ten kills", len(outputs), len(configs))
}
