//go:build e2e

package test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// wantError checks that err is the protocol's own error of that code, and that
// its message has each of the words.
func wantError(t *testing.T, err error, code string, words ...string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		t.Errorf("error = %v, want the API's %s", err, code)
		return
	}
	if api.ErrorCode() != code {
		t.Errorf("error code = %s (%s), want %s", api.ErrorCode(), api.ErrorMessage(), code)
	}
	for _, w := range words {
		if !strings.Contains(api.ErrorMessage(), w) {
			t.Errorf("%s says %q, which does not mention %q", code, api.ErrorMessage(), w)
		}
	}
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.Bytes()
}

// TestBadTrainingData trains on data that is wrong in every way; the job must
// fail with a reason that says what to do, or cope.
func TestBadTrainingData(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	client, maker := s.s3(), sagemaker.NewFromConfig(s.sdk())
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("bad")}); err != nil {
		t.Fatal(err)
	}
	good := strings.Repeat("__label__a one two three\n__label__b four five six\n", 50)
	whole := gzipped(strings.Repeat(good, 20))
	for _, test := range []struct {
		name string
		data []byte
		gzip bool
		want string // in the failure reason; "" means that the job completes
	}{
		{"empty-file", nil, false, "ClientError: "},
		{"only-newlines", []byte("\n\n\n"), false, "ClientError: "},
		{"no-labels", []byte("one two three\nfour five six\n"), false, "__label__"},
		{"one-label", []byte(strings.Repeat("__label__a one two three\n", 20)), false, ""},
		{"line-of-10-MB", []byte(good + "__label__a " + strings.Repeat("word ", 2<<20) + "\n" + good), false, ""},
		{"word-of-10-MB", []byte(good + "__label__a " + strings.Repeat("x", 10<<20) + "\n" + good), false, ""},
		{"invalid-UTF-8", []byte(good + "__label__a \xff\xfe\xc0 two\n"), false, ""},
		{"good-gzip", whole, true, ""},
		{"truncated-gzip", whole[:len(whole)/2], true, "gzip"},
		{"not-gzip", []byte(good), true, "gzip"},
	} {
		t.Run(test.name, func(t *testing.T) {
			key := test.name + "/train"
			if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bad"), Key: &key, Body: bytes.NewReader(test.data)}); err != nil {
				t.Fatal(err)
			}
			job := trainingJob(test.name, "s3://bad/"+test.name+"/", "s3://bad/out", nil)
			if test.gzip {
				job.InputDataConfig[0].CompressionType = types.CompressionTypeGzip
			}
			if _, err := maker.CreateTrainingJob(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			got := waitJob(t, s, test.name, func(j *sagemaker.DescribeTrainingJobOutput) bool {
				return j.TrainingJobStatus != types.TrainingJobStatusInProgress
			})
			reason := aws.ToString(got.FailureReason)
			if test.want == "" {
				if got.TrainingJobStatus != types.TrainingJobStatusCompleted {
					t.Errorf("job is %s: %s", got.TrainingJobStatus, reason)
				}
				return
			}
			if got.TrainingJobStatus != types.TrainingJobStatusFailed || !strings.HasPrefix(reason, "ClientError: ") || !strings.Contains(reason, test.want) {
				t.Errorf("job is %s: %q, want a ClientError that mentions %q", got.TrainingJobStatus, reason, test.want)
			}
			if len(reason) > 1024 {
				t.Errorf("failure reason has %d characters", len(reason))
			}
		})
	}
}

// TestBadTrainingRequests makes requests that are refused, in AWS's words.
func TestBadTrainingRequests(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	uploadOntology(t, s, "requests")
	maker := sagemaker.NewFromConfig(s.sdk())
	for _, test := range []struct {
		name   string
		change func(*sagemaker.CreateTrainingJobInput)
		words  []string
	}{
		{"no mode", func(in *sagemaker.CreateTrainingJobInput) { delete(in.HyperParameters, "mode") }, []string{"mode"}},
		{"unknown hyperparameter", func(in *sagemaker.CreateTrainingJobInput) { in.HyperParameters["learnign_rate"] = "1" }, []string{"learnign_rate"}},
		{"not a number", func(in *sagemaker.CreateTrainingJobInput) { in.HyperParameters["epochs"] = "many" }, []string{"epochs", "integer"}},
		{"out of range", func(in *sagemaker.CreateTrainingJobInput) { in.HyperParameters["vector_dim"] = "0" }, []string{"vector_dim", "> 0"}},
		{"early stopping without validation", func(in *sagemaker.CreateTrainingJobInput) { in.HyperParameters["early_stopping"] = "True" }, []string{"validation"}},
		{"name with a dot", func(in *sagemaker.CreateTrainingJobInput) { in.TrainingJobName = aws.String("a.b") }, []string{"trainingJobName", "a.b"}},
		{"foreign image", func(in *sagemaker.CreateTrainingJobInput) {
			in.AlgorithmSpecification.TrainingImage = aws.String("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1")
		}, []string{"xgboost"}},
		{"strange instance", func(in *sagemaker.CreateTrainingJobInput) { in.ResourceConfig.InstanceType = "local" }, []string{"local", "instanceType"}},
	} {
		in := trainingJob("refused", "s3://requests/train", "s3://requests/out", nil)
		test.change(in)
		_, err := maker.CreateTrainingJob(t.Context(), in)
		t.Run(test.name, func(t *testing.T) { wantError(t, err, "ValidationException", test.words...) })
	}
	list, err := maker.ListTrainingJobs(t.Context(), &sagemaker.ListTrainingJobsInput{})
	if err != nil || len(list.TrainingJobSummaries) != 0 {
		t.Errorf("refused requests left %d jobs (%v)", len(list.TrainingJobSummaries), err)
	}

	// A bucket or prefix that isn't there is refused at once or fails the job, but never trains.
	in := trainingJob("nowhere", "s3://no-such-bucket/train", "s3://requests/out", nil)
	if _, err := maker.CreateTrainingJob(t.Context(), in); err != nil {
		wantError(t, err, "ValidationException", "no-such-bucket")
	} else if job := waitJob(t, s, "nowhere", func(j *sagemaker.DescribeTrainingJobOutput) bool {
		return j.TrainingJobStatus != types.TrainingJobStatusInProgress
	}); job.TrainingJobStatus != types.TrainingJobStatusFailed || !strings.Contains(aws.ToString(job.FailureReason), "no-such-bucket") {
		t.Errorf("job on a missing bucket is %s: %s", job.TrainingJobStatus, aws.ToString(job.FailureReason))
	}

	same := trainingJob("same", "s3://requests/train", "s3://requests/out", nil)
	if _, err := maker.CreateTrainingJob(t.Context(), same); err != nil {
		t.Fatal(err)
	}
	same.TrainingJobName = aws.String("SAME")
	_, err = maker.CreateTrainingJob(t.Context(), same)
	wantError(t, err, "ResourceInUse", "unique")
}

type entry struct {
	header tar.Header
	body   []byte
}

func archive(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	w := tar.NewWriter(gz)
	for _, e := range entries {
		if e.header.Typeflag == 0 {
			e.header.Typeflag = tar.TypeReg
		}
		e.header.Size, e.header.Mode = int64(len(e.body)), 0o644
		if err := errors.Join(w.WriteHeader(&e.header), second(w.Write(e.body))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func second[T any](_ T, err error) error { return err }

// bomb is an archive of a few kilobytes that unpacks to tens of gigabytes.
func bomb(t *testing.T) []byte {
	t.Helper()
	const size = 20 << 30
	var head bytes.Buffer
	if err := tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "model.bin", Typeflag: tar.TypeReg, Size: size, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	first := gzip.NewWriter(&b)
	first.Write(head.Bytes())
	first.Close()
	var zeros bytes.Buffer // a gzip member of 64 MB, repeated: gzip files may be concatenated
	gz, _ := gzip.NewWriterLevel(&zeros, gzip.BestCompression)
	gz.Write(make([]byte, 64<<20))
	gz.Close()
	for range 320 {
		b.Write(zeros.Bytes())
	}
	return b.Bytes()
}

// TestBadModels deploys models that can't or must not be loaded; the endpoint
// must fail with a reason, the server and its disk must be none the worse.
func TestBadModels(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	uploadOntology(t, s, "models")
	client, maker := s.s3(), sagemaker.NewFromConfig(s.sdk())
	if _, err := maker.CreateTrainingJob(t.Context(), trainingJob("good", "s3://models/train", "s3://models/out", nil)); err != nil {
		t.Fatal(err)
	}
	waitJob(t, s, "good", func(j *sagemaker.DescribeTrainingJobOutput) bool {
		return j.TrainingJobStatus == types.TrainingJobStatusCompleted
	})
	object, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("models"), Key: aws.String("out/good/output/model.tar.gz")})
	if err != nil {
		t.Fatal(err)
	}
	packed, err := io.ReadAll(object.Body)
	if err != nil {
		t.Fatal(err)
	}
	gz, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	unpacked := tar.NewReader(gz)
	if _, err := unpacked.Next(); err != nil {
		t.Fatal(err)
	}
	model, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	crafted := bytes.Clone(model)
	copy(crafted[8:], bytes.Repeat([]byte{0xff, 0xff, 0xff, 0x7f}, 12)) // every argument at its largest

	for _, test := range []struct {
		name string
		body []byte
		want string
	}{
		{"empty", nil, "empty"},
		{"not-an-archive", []byte("hello, I am a text"), "model.tar.gz"},
		{"truncated-archive", packed[:len(packed)/2], "truncated"},
		{"without-model", archive(t, entry{tar.Header{Name: "readme.txt"}, []byte("x")}), "model.bin"},
		{"truncated-model", archive(t, entry{tar.Header{Name: "model.bin"}, model[:len(model)/2]}), "not a fastText model"},
		{"crafted-model", archive(t, entry{tar.Header{Name: "model.bin"}, crafted}), "dim is 2147483647"},
		{"escaping-path", archive(t, entry{tar.Header{Name: "../../model.bin"}, model}), ".."},
		{"absolute-path", archive(t, entry{tar.Header{Name: "/etc/model.bin"}, model}), "/etc/model.bin"},
		{"link", archive(t, entry{tar.Header{Name: "model.bin", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, nil}), "model.bin"},
		{"bomb", bomb(t), "larger than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			key := test.name + "/model.tar.gz"
			if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("models"), Key: &key, Body: bytes.NewReader(test.body)}); err != nil {
				t.Fatal(err)
			}
			deployAs(t, s, test.name, "s3://models/"+key)
			deadline := time.Now().Add(time.Minute)
			for {
				got, err := maker.DescribeEndpoint(t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: &test.name})
				if err != nil {
					t.Fatal(err)
				}
				if got.EndpointStatus == types.EndpointStatusFailed {
					if reason := aws.ToString(got.FailureReason); !strings.Contains(reason, test.want) {
						t.Errorf("failure reason %q does not mention %q", reason, test.want)
					}
					break
				}
				if got.EndpointStatus == types.EndpointStatusInService || time.Now().After(deadline) {
					t.Fatalf("the endpoint is %s", got.EndpointStatus)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	deployAs(t, s, "good", "s3://models/out/good/output/model.tar.gz")
	if err := sagemaker.NewEndpointInServiceWaiter(maker, func(o *sagemaker.EndpointInServiceWaiterOptions) { o.MinDelay = 50 * time.Millisecond }).Wait(
		t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: aws.String("good")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	badInvocations(t, s)
	duplicateNames(t, maker)
}

func badInvocations(t *testing.T, s *server) {
	runtime := sagemakerruntime.NewFromConfig(s.sdk())
	for _, test := range []struct {
		name, endpoint, contentType, body string
		code                              string
		words                             []string
	}{
		{"JSON that is a string", "good", "application/json", `"{\"instances\": [\"x\"]}"`, "ModelError", []string{"string indices must be integers"}},
		{"wrong content type", "good", "application/octet-stream", "x", "ModelError", []string{"415", "content-type application/octet-stream not supported"}},
		{"not JSON", "good", "application/json", "{", "ModelError", []string{"400"}},
		{"no instances", "good", "application/json", "{}", "ModelError", []string{"instances"}},
		{"bad JSON lines", "good", "application/jsonlines", "nonsense", "ModelError", []string{"Unable to decode payload"}},
		{"no such endpoint", "gone", "application/json", `{"instances":["x"]}`, "ValidationError", []string{"gone", "not found"}},
		{"failed endpoint", "bomb", "application/json", `{"instances":["x"]}`, "ValidationError", []string{"bomb"}},
		{"body over the limit", "good", "application/json", `{"instances":["` + strings.Repeat("x ", 4<<20) + `"]}`, "ValidationError", []string{"6291456"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := runtime.InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{
				EndpointName: &test.endpoint, ContentType: &test.contentType, Body: []byte(test.body)})
			wantError(t, err, test.code, test.words...)
		})
	}
}

func duplicateNames(t *testing.T, maker *sagemaker.Client) {
	name := aws.String("good")
	_, err := maker.CreateModel(t.Context(), &sagemaker.CreateModelInput{ModelName: name, ExecutionRoleArn: aws.String("arn:aws:iam::000000000000:role/SageMakerRole"),
		PrimaryContainer: &types.ContainerDefinition{Image: aws.String("x/blazingtext:1"), ModelDataUrl: aws.String("s3://models/out/good/output/model.tar.gz")}})
	wantError(t, err, "ValidationException", "Cannot create already existing model")
	_, err = maker.CreateEndpointConfig(t.Context(), &sagemaker.CreateEndpointConfigInput{EndpointConfigName: name,
		ProductionVariants: []types.ProductionVariant{{VariantName: aws.String("a"), ModelName: name, InitialInstanceCount: aws.Int32(1), InstanceType: "ml.m4.xlarge"}}})
	wantError(t, err, "ValidationException", "Cannot create already existing endpoint configuration")
	_, err = maker.CreateEndpoint(t.Context(), &sagemaker.CreateEndpointInput{EndpointName: name, EndpointConfigName: name})
	wantError(t, err, "ValidationException", "Cannot create already existing endpoint")
	_, err = maker.DescribeEndpoint(t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: aws.String("none")})
	wantError(t, err, "ValidationException", "Could not find endpoint")
}

// TestBadSignatures calls with wrong keys, times and bodies on each protocol.
func TestBadSignatures(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	with := func(id, key string) aws.Config {
		cfg := s.sdk()
		cfg.Credentials = credentials.NewStaticCredentialsProvider(id, key, "")
		cfg.RetryMaxAttempts = 1
		return cfg
	}
	for _, test := range []struct {
		name, id, secret         string
		json, query, s3, runtime string
	}{
		{"wrong secret", keyID, "wrong-secret-wrong-secret", "InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException"},
		{"unknown key", "AKIAUNKNOWNUNKNOWN00", secret, "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := with(test.id, test.secret)
			_, err := sagemaker.NewFromConfig(cfg).ListModels(t.Context(), &sagemaker.ListModelsInput{})
			wantError(t, err, test.json)
			_, err = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			wantError(t, err, test.query)
			_, err = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).ListBuckets(t.Context(), &s3.ListBucketsInput{})
			wantError(t, err, test.s3)
			_, err = sagemakerruntime.NewFromConfig(cfg).InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{EndpointName: aws.String("x"), Body: []byte("{}")})
			wantError(t, err, test.runtime)
		})
	}

	for _, off := range []time.Duration{-20 * time.Minute, 20 * time.Minute} {
		status, body := signed(t, s, "sagemaker", "SageMaker.ListModels", "{}", "{}", time.Now().Add(off))
		if status != 400 && status != 403 || !strings.Contains(body, "InvalidSignatureException") || !strings.Contains(body, "Signature") {
			t.Errorf("clock off by %s: %d %s", off, status, body)
		}
	}
	if status, body := signed(t, s, "sagemaker", "SageMaker.ListModels", "{}", "{}", time.Now()); status != 200 {
		t.Errorf("a good signature: %d %s", status, body)
	}
	if status, body := signed(t, s, "sagemaker", "SageMaker.ListModels", "{}", `{"MaxResults":1}`, time.Now()); status < 400 || !strings.Contains(body, "InvalidSignatureException") {
		t.Errorf("a changed body: %d %s", status, body)
	}
	unsigned := must(http.NewRequest("POST", s.control, strings.NewReader("{}")))
	unsigned.Header.Set("X-Amz-Target", "SageMaker.ListModels")
	if status, body := do(t, unsigned); status < 400 || !strings.Contains(body, "MissingAuthenticationToken") {
		t.Errorf("no signature: %d %s", status, body)
	}
	if status, body := get(t, s.control+"/some-bucket/key"); status != 403 || !strings.Contains(body, "<Code>AccessDenied</Code>") {
		t.Errorf("no signature on S3: %d %s", status, body)
	}
	if status, _ := get(t, s.control+"/api/v1/routes"); status != 401 && status != 403 {
		t.Errorf("no signature on the REST API: %d", status)
	}
}

// signed sends body with a signature made for signedBody at the given time.
func signed(t *testing.T, s *server, service, target, signedBody, body string, at time.Time) (int, string) {
	t.Helper()
	r := must(http.NewRequest("POST", s.control+"/", strings.NewReader(body)))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	hash := fmt.Sprintf("%x", sum256(signedBody))
	key := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	if err := v4.NewSigner().SignHTTP(context.Background(), key, r, hash, service, region, at); err != nil {
		t.Fatal(err)
	}
	return do(t, r)
}
