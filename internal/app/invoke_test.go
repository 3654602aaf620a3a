package app

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"

	"github.com/heliograph/heliograph/fasttext"
)

// mustDeploy puts a small model in service as the endpoint of that name.
func (h *house) mustDeploy(t testing.TB, name string) {
	t.Helper()
	args := fasttext.SupervisedDefaults()
	args.Dim, args.Bucket = 10, 1000
	text := strings.Repeat("__label__good sun warm light day\n__label__bad rain cold dark night\n", 50)
	m, err := fasttext.Train(t.Context(), strings.NewReader(text), fasttext.TrainOptions{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := m.Save(&file); err != nil {
		t.Fatal(err)
	}
	key := credentials.NewStaticCredentialsProvider(rootKey.ID, rootKey.Secret, "")
	objects := s3.New(s3.Options{BaseEndpoint: aws.String(h.ControlURL()), Region: "us-east-1", UsePathStyle: true, Credentials: key})
	control := sagemaker.New(sagemaker.Options{BaseEndpoint: aws.String(h.ControlURL()), Region: "us-east-1", Credentials: key})
	if _, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: aws.String("model.bin"), Body: bytes.NewReader(file.Bytes())}); err != nil {
		t.Fatal(err)
	}
	if _, err := control.CreateModel(t.Context(), &sagemaker.CreateModelInput{ModelName: &name,
		PrimaryContainer: &types.ContainerDefinition{Image: aws.String("blazingtext"), ModelDataUrl: aws.String("s3://" + name + "/model.bin")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := control.CreateEndpointConfig(t.Context(), &sagemaker.CreateEndpointConfigInput{EndpointConfigName: &name, ProductionVariants: []types.ProductionVariant{
		{VariantName: aws.String("AllTraffic"), ModelName: &name, InitialInstanceCount: aws.Int32(1), InstanceType: "ml.m5.large"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := control.CreateEndpoint(t.Context(), &sagemaker.CreateEndpointInput{EndpointName: &name, EndpointConfigName: &name}); err != nil {
		t.Fatal(err)
	}
	if err := sagemaker.NewEndpointInServiceWaiter(control, func(o *sagemaker.EndpointInServiceWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 100*time.Millisecond
	}).Wait(t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: &name}, time.Minute); err != nil {
		t.Fatal(err)
	}
}

// invocation is a signed request to an endpoint, and what it takes to send it
// through a handler again and again.
type invocation struct {
	request *http.Request
	body    string
	reader  strings.Reader
	answer  discard
}

func newInvocation(t testing.TB, endpoint string) *invocation {
	t.Helper()
	i := &invocation{body: `{"instances": ["` + strings.TrimSpace(strings.Repeat("sun cold words that nobody knows ", 8)) + `"]}`}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost:9000/endpoints/"+endpoint+"/invocations", strings.NewReader(i.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "*/*")
	r.Header.Set("User-Agent", "Boto3/1.40.11 md/Botocore#1.40.11 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11.7")
	sign(t, r, i.body, rootKey, "sagemaker", time.Now())
	r.RemoteAddr = "127.0.0.1:50000"
	i.request, i.answer.header = r, make(http.Header)
	return i
}

// send sends the request and fails unless it is answered with 200.
func (i *invocation) send(t testing.TB, to http.Handler) {
	r := *i.request
	i.reader.Reset(i.body)
	r.Body = io.NopCloser(&i.reader)
	i.answer.status = 0
	clear(i.answer.header)
	to.ServeHTTP(&i.answer, &r)
	if i.answer.status != http.StatusOK {
		t.Fatalf("the answer has the status %d", i.answer.status)
	}
}

// discard takes an answer and keeps its status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header { return d.header }

func (d *discard) SetReadDeadline(time.Time) error { return nil }

func (d *discard) WriteHeader(status int) { d.status = status }

func (d *discard) Write(p []byte) (int, error) {
	if d.status == 0 {
		d.status = http.StatusOK
	}
	return len(p), nil
}

// BenchmarkInvoke is an invocation from the door to its answer, but for the
// connection: signature, decision, audit trail, prediction and metrics.
func BenchmarkInvoke(b *testing.B) {
	h := mustServe(b, nil)
	h.mustDeploy(b, "weather")
	handler := guardDoor(h.controlHandler(), true)
	b.Run("alone", func(b *testing.B) {
		i := newInvocation(b, "weather")
		b.ReportAllocs()
		for b.Loop() {
			i.send(b, handler)
		}
	})
	b.Run("among others", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			i := newInvocation(b, "weather")
			for pb.Next() {
				i.send(b, handler)
			}
		})
	})
}
