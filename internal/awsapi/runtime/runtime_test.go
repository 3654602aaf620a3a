package runtime_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime/types"
	"github.com/aws/smithy-go"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/awsapi/runtime"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/serving"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
)

type allowAll struct{}

func (allowAll) Authorize(context.Context, string, string) error { return nil }
func (allowAll) Pass(context.Context, string, string) error      { return nil }
func (allowAll) Assume(ctx context.Context, _, _ string) (context.Context, error) {
	return ctx, nil
}

// newServer is the API over an endpoint "colours" with the variant "main".
func newServer(t *testing.T) (*sagemakerruntime.Client, string) {
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
	deploy(t, service, blobs)
	server := httptest.NewServer(runtime.New(service, wire.Options{Logger: slog.New(slog.DiscardHandler)}))
	t.Cleanup(server.Close)
	return newClient(server.URL), server.URL
}

func newClient(url string) *sagemakerruntime.Client {
	return sagemakerruntime.New(sagemakerruntime.Options{BaseEndpoint: &url, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")})
}

func deploy(t *testing.T, service *serving.Service, blobs *blob.Dir) {
	t.Helper()
	args := fasttext.SupervisedDefaults()
	args.Dim, args.Bucket, args.Thread, args.LR, args.Epoch = 4, 10, 1, 1, 50
	m, err := fasttext.Train(t.Context(), strings.NewReader(strings.Repeat("__label__red red\n__label__blue blue\n", 20)), fasttext.TrainOptions{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := m.Save(&file); err != nil {
		t.Fatal(err)
	}
	if err := blobs.CreateBucket(t.Context(), "models", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := blobs.Put(t.Context(), "models", "m", &file, blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	one := 1
	_, err = service.CreateModel(t.Context(), serving.Model{ModelName: "m", PrimaryContainer: &serving.Container{Image: "blazingtext", ModelDataUrl: "s3://models/m"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = service.CreateEndpointConfig(t.Context(), serving.EndpointConfig{EndpointConfigName: "c", ProductionVariants: []serving.ProductionVariant{
		{VariantName: "main", ModelName: "m", InitialInstanceCount: &one, InstanceType: "ml.m5.large"}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = service.CreateEndpointConfig(t.Context(), serving.EndpointConfig{EndpointConfigName: "a", ProductionVariants: []serving.ProductionVariant{
		{VariantName: "main", ModelName: "m", InitialInstanceCount: &one, InstanceType: "ml.m5.large"}},
		AsyncInferenceConfig: &serving.AsyncInferenceConfig{OutputConfig: &serving.AsyncOutputConfig{S3OutputPath: "s3://models/out/", S3FailurePath: "s3://models/failed"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]string{"colours": "c", "later": "a"} {
		if _, err = service.CreateEndpoint(t.Context(), serving.Endpoint{EndpointName: name, EndpointConfigName: config}); err != nil {
			t.Fatal(err)
		}
		inService(t, service, name)
	}
}

func inService(t *testing.T, service *serving.Service, name string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		e, err := service.DescribeEndpoint(t.Context(), name)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%+v, %v", e, err)
		}
		if e.EndpointStatus == serving.InService {
			return
		}
	}
}

func TestInvokeWithTheSDK(t *testing.T) {
	t.Parallel()
	client, _ := newServer(t)
	out, err := client.InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{
		EndpointName: aws.String("Colours"), ContentType: aws.String("application/json"), Accept: aws.String("*/*"), TargetVariant: aws.String("main"),
		CustomAttributes: aws.String("trace=1"), InferenceId: aws.String("id-1"), Body: []byte(`{"instances": ["red", "blue"], "configuration": {"k": 1}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	var answer []struct {
		Label []string
		Prob  []float64
	}
	if err := json.Unmarshal(out.Body, &answer); err != nil || len(answer) != 2 || answer[0].Label[0] != "__label__red" || answer[1].Label[0] != "__label__blue" || answer[0].Prob[0] < 0.5 {
		t.Errorf("answer %s (%v)", out.Body, err)
	}
	if *out.ContentType != "application/json" || *out.InvokedProductionVariant != "main" {
		t.Errorf("output %+v", out)
	}
}

func TestModelErrorWithTheSDK(t *testing.T) {
	t.Parallel()
	client, url := newServer(t)
	// Without a content type the SDKs say application/octet-stream: the most common mistake.
	_, err := client.InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{EndpointName: aws.String("colours"), Body: []byte(`{}`)})
	var e *types.ModelError
	if !errors.As(err, &e) || *e.OriginalStatusCode != 415 || *e.OriginalMessage != "content-type application/octet-stream not supported" ||
		*e.LogStreamArn != "arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints/colours" ||
		!strings.HasPrefix(e.ErrorMessage(), `Received client error (415) from primary with message "content-type application/octet-stream not supported". See https://us-east-1.console.aws.amazon.com/`) {
		t.Errorf("octet-stream: %v", err)
	}
	status, header, body := post(t, url+"/endpoints/colours/invocations", "application/json", `"{}"`)
	var parsed map[string]any
	if err := json.Unmarshal(body, &parsed); err != nil {
		t.Fatal(err)
	}
	if status != http.StatusFailedDependency || header.Get("X-Amzn-Errortype") != "ModelError" || header.Get("X-Amzn-Requestid") == "" ||
		parsed["ErrorCode"] != "INTERNAL_FAILURE_FROM_MODEL" || parsed["OriginalStatusCode"] != 500.0 || !strings.HasPrefix(parsed["OriginalMessage"].(string), "TypeError: string indices must be integers") {
		t.Errorf("JSON string: %d %s", status, body)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	client, url := newServer(t)
	_, err := client.InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{EndpointName: aws.String("gone"), Body: []byte(`{}`)})
	if e, ok := errors.AsType[*types.ValidationError](err); !ok || e.ErrorMessage() != "Endpoint gone of account 000000000000 not found." {
		t.Errorf("missing endpoint: %v", err)
	}
	_, err = client.InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{EndpointName: aws.String("colours"), TargetModel: aws.String("m.tar.gz"), Body: []byte(`{}`)})
	if e, ok := errors.AsType[*types.ValidationError](err); !ok || !strings.Contains(e.ErrorMessage(), "multi-model") {
		t.Errorf("target model: %v", err)
	}
	_, err = client.InvokeEndpointAsync(t.Context(), &sagemakerruntime.InvokeEndpointAsyncInput{EndpointName: aws.String("colours"), InputLocation: aws.String("s3://b/k")})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "ValidationError" || !strings.Contains(e.ErrorMessage(), "no AsyncInferenceConfig") {
		t.Errorf("async: %v", err)
	}
	_, err = client.InvokeEndpointWithResponseStream(t.Context(), &sagemakerruntime.InvokeEndpointWithResponseStreamInput{EndpointName: aws.String("colours"), Body: []byte(`{}`)})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "ValidationError" || !strings.Contains(e.ErrorMessage(), "not offered") {
		t.Errorf("stream: %v", err)
	}
	large := strings.Repeat(" ", serving.MaxBody+1)
	for what, body := range map[string]io.Reader{"with its length": strings.NewReader(large), "chunked": struct{ io.Reader }{strings.NewReader(large)}} {
		status, header, answer := postReader(t, url+"/endpoints/colours/invocations", "application/json", body)
		if status != http.StatusRequestEntityTooLarge || header.Get("X-Amzn-Errortype") != "ValidationError" || !bytes.Contains(answer, []byte("6291456")) {
			t.Errorf("a large body %s: %d %s", what, status, answer)
		}
	}
	for path, want := range map[string]int{"/endpoints/colours": 400, "/endpoints/colours/elsewhere": 400, "/endpoints//invocations": 400, "/other": 400, "/endpoints/a%2Fb/invocations": 400} {
		if status, header, answer := post(t, url+path, "application/json", "{}"); status != want || header.Get("X-Amzn-Errortype") == "" {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
}

func TestAsyncWithTheSDK(t *testing.T) {
	t.Parallel()
	client, url := newServer(t)
	out, err := client.InvokeEndpointAsync(t.Context(), &sagemakerruntime.InvokeEndpointAsyncInput{
		EndpointName: aws.String("later"), InputLocation: aws.String("s3://models/m"), ContentType: aws.String("application/json"), Accept: aws.String("*/*"),
		CustomAttributes: aws.String("trace=1"), InferenceId: aws.String("id-1"), RequestTTLSeconds: aws.Int32(60), InvocationTimeoutSeconds: aws.Int32(5),
	})
	if err != nil {
		t.Fatal(err)
	}
	if *out.InferenceId != "id-1" || !strings.HasPrefix(*out.OutputLocation, "s3://models/out/") || !strings.HasPrefix(*out.FailureLocation, "s3://models/failed/") {
		t.Errorf("accepted: %s, %s, %s", *out.InferenceId, *out.OutputLocation, *out.FailureLocation)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/endpoints/later/async-invocations", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Amzn-SageMaker-InputLocation", "s3://models/m")
	for value, want := range map[string]int{"60": http.StatusAccepted, "soon": http.StatusBadRequest, "1": http.StatusBadRequest} {
		request.Header.Set("X-Amzn-SageMaker-RequestTTLSeconds", value)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("a TTL of %s: %s", value, answer.Status)
		}
	}
}

// failing answers every invocation with one error.
type failing struct{ err error }

func (f failing) Invoke(context.Context, serving.InvokeInput) (serving.InvokeOutput, error) {
	return serving.InvokeOutput{}, f.err
}

func (f failing) InvokeAsync(context.Context, serving.InvokeAsyncInput) (serving.InvokeAsyncOutput, error) {
	return serving.InvokeAsyncOutput{}, f.err
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	for _, c := range []struct {
		err    error
		code   string
		status int
	}{
		{errs.New(errs.Denied, "AccessDeniedException", "no"), "AccessDeniedException", 403},
		{errs.New(errs.Unavailable, "ModelNotReadyException", "wait"), "ModelNotReadyException", 429},
		{errs.New(errs.Throttled, "ThrottlingException", "slow"), "ThrottlingException", 429},
		{errs.New(errs.Unavailable, "ServiceUnavailable", "busy"), "ServiceUnavailable", 503},
		{errors.New("the disk is on fire"), "InternalFailure", 500},
	} {
		server := httptest.NewServer(runtime.New(failing{c.err}, wire.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}))
		status, header, body := post(t, server.URL+"/endpoints/e/invocations", "application/json", "{}")
		server.Close()
		if status != c.status || header.Get("X-Amzn-Errortype") != c.code || bytes.Contains(body, []byte("fire")) {
			t.Errorf("%v: %d %s %s", c.err, status, header.Get("X-Amzn-Errortype"), body)
		}
	}
	if strings.Count(log.String(), "on fire") != 1 || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("log: %s", log.String())
	}
}

func post(t *testing.T, url, contentType, body string) (int, http.Header, []byte) {
	t.Helper()
	return postReader(t, url, contentType, strings.NewReader(body))
}

func postReader(t *testing.T, url, contentType string, body io.Reader) (int, http.Header, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, answer
}
