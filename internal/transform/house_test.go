package transform_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/serving"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
	"github.com/heliograph/heliograph/internal/transform"
)

const (
	region  = "us-east-1"
	account = "000000000000"
	role    = "arn:aws:iam::000000000000:role/SageMakerRole"
	// patience is for machines that do much else, and the race detector.
	patience = 2 * time.Minute
)

// house is a transform service over a real store, real blobs, real permissions
// and real models, in a directory of its own, with the bucket "data" and the
// model "model".
type house struct {
	*transform.Service
	t       testing.TB
	db      *store.DB
	blobs   *blob.Dir
	serving *serving.Service
	opts    transform.Options
	ctx     context.Context // of the root principal
}

// newHouse makes a house. change may be nil. No job runs yet.
func newHouse(t testing.TB, change func(*transform.Options)) *house {
	t.Helper()
	h := &house{t: t}
	dir := t.TempDir()
	var err error
	if h.db, err = store.Open(t.Context(), filepath.Join(dir, "heliograph.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.db.Close() })
	if h.blobs, err = blob.Open(filepath.Join(dir, "blobs")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.blobs.Close() })
	access, err := iam.New(iam.Config{RootKey: iam.Key{ID: "AKIAEXAMPLEEXAMPLE00", Secret: strings.Repeat("s", 40)}, AccountID: account, Region: region})
	if err != nil {
		t.Fatal(err)
	}
	h.ctx = iam.WithPrincipal(t.Context(), access.RootPrincipal())
	log := slog.New(slog.DiscardHandler)
	roles := access.ForService("sagemaker.amazonaws.com", "SageMaker")
	h.serving, err = serving.New(serving.Options{DB: h.db, Objects: h.blobs, Auth: access, Roles: roles, Metrics: telemetry.New(), Log: log,
		Region: region, Account: account, Dir: filepath.Join(dir, "models")})
	if err != nil {
		t.Fatal(err)
	}
	h.run(h.serving.Run)
	h.opts = transform.Options{
		DB: h.db, Blobs: h.blobs, Models: models{h.serving}, Authorizer: access, Region: region, AccountID: account,
		Roles:    roles,
		LeaseTTL: time.Minute,
		Log:      log,
	}
	if change != nil {
		change(&h.opts)
	}
	h.Service = h.newService()
	if err := h.blobs.CreateBucket(t.Context(), "data", region); err != nil {
		t.Fatal(err)
	}
	h.put("model.bin", string(classifier(t)))
	_, err = h.serving.CreateModel(h.ctx, serving.Model{ModelName: "model", ExecutionRoleArn: role,
		PrimaryContainer: &serving.Container{Image: "blazingtext", ModelDataUrl: "s3://data/model.bin"}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// classifier is a model of the labels __label__a and __label__b that knows the
// words one and two, the same bytes each time.
var classifierBytes = sync.OnceValues(func() ([]byte, error) {
	args := fasttext.SupervisedDefaults()
	args.Dim, args.Epoch, args.Thread, args.MinCount, args.LR = 8, 50, 1, 1, 0.5
	m, err := fasttext.Train(context.Background(), strings.NewReader(strings.Repeat("__label__a one\n__label__a one\n__label__b two\n", 50)), fasttext.TrainOptions{Args: args})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = m.Save(&b)
	return b.Bytes(), err
})

func classifier(t testing.TB) []byte {
	t.Helper()
	b, err := classifierBytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// models is what internal/app fills in.
type models struct{ serving *serving.Service }

func (m models) Find(ctx context.Context, name string) (transform.Model, error) {
	address, role, err := m.serving.BatchSource(ctx, name)
	return transform.Model{DataURL: address, RoleArn: role}, err
}

func (m models) Load(ctx context.Context, dataURL string) (transform.Predictor, error) {
	model, err := m.serving.OpenBatch(ctx, dataURL)
	return predictor{model}, err
}

type predictor struct{ *serving.BatchModel }

func (p predictor) Predict(ctx context.Context, in transform.Payload) ([]byte, error) {
	answer, err := p.BatchModel.Predict(ctx, serving.BatchInput(in))
	if refused, ok := errors.AsType[*serving.ModelError](err); ok {
		return nil, &transform.Refusal{Status: refused.OriginalStatusCode, Message: refused.OriginalMessage}
	}
	return answer, err
}

func (h *house) newService() *transform.Service {
	h.t.Helper()
	s, err := transform.New(h.opts)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// run runs something until the test ends, or the returned function is called.
func (h *house) run(run func(context.Context) error) (stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				h.t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			h.t.Errorf("Run did not end within %v", patience)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

func (h *house) put(key, content string) {
	h.t.Helper()
	if _, err := h.blobs.Put(h.t.Context(), "data", key, strings.NewReader(content), blob.PutOptions{}); err != nil {
		h.t.Fatal(err)
	}
}

// get returns an object's content; ok is false if there is none.
func (h *house) get(key string) (content string, ok bool) {
	h.t.Helper()
	object, err := h.blobs.Open(h.t.Context(), "data", key)
	if err != nil {
		return "", false
	}
	defer object.Close()
	b, err := io.ReadAll(object)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b), true
}

func (h *house) keys(prefix string) (keys []string) {
	h.t.Helper()
	page, err := h.blobs.List(h.t.Context(), "data", blob.ListOptions{Prefix: prefix})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, o := range page.Objects {
		keys = append(keys, o.Key)
	}
	return keys
}

func (h *house) create(spec transform.Spec) transform.Job {
	h.t.Helper()
	job, err := h.Create(h.ctx, spec)
	if err != nil {
		h.t.Fatalf("Create: %v", err)
	}
	return job
}

// wait waits for a job to satisfy ok.
func (h *house) wait(name, what string, ok func(transform.Job) bool) transform.Job {
	h.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		job, err := h.Describe(h.ctx, name)
		if err != nil {
			h.t.Fatal(err)
		}
		if ok(job) {
			return job
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s is %s (%s) and not %s after %v", name, job.TransformJobStatus, job.FailureReason, what, patience)
		}
	}
}

func (h *house) waitDone(name string) transform.Job {
	h.t.Helper()
	return h.wait(name, "done", func(j transform.Job) bool { return j.Done() })
}

// complete runs a job and expects it to complete.
func (h *house) complete(spec transform.Spec) transform.Job {
	h.t.Helper()
	h.create(spec)
	job := h.waitDone(spec.TransformJobName)
	if job.TransformJobStatus != transform.Completed {
		h.t.Fatalf("%s is %s: %s", job.TransformJobName, job.TransformJobStatus, job.FailureReason)
	}
	return job
}

// dataLog is what the job's log says about the data.
func (h *house) dataLog(job transform.Job) string {
	h.t.Helper()
	events, err := h.db.Logs(h.t.Context(), store.LogQuery{Group: transform.LogGroup, Streams: []string{job.LogStream + "/data-log"}, Limit: 10000})
	if err != nil {
		h.t.Fatal(err)
	}
	var text strings.Builder
	for _, e := range events {
		text.WriteString(e.Message + "\n")
	}
	return text.String()
}

// spec is a job over in/, of JSON Lines, cut at newlines.
func spec(name string, change ...func(*transform.Spec)) transform.Spec {
	s := transform.Spec{
		TransformJobName: name,
		ModelName:        "model",
		TransformInput: transform.Input{ContentType: "application/jsonlines", SplitType: "Line",
			DataSource: transform.DataSource{S3DataSource: &transform.S3DataSource{S3DataType: "S3Prefix", S3Uri: "s3://data/in/"}}},
		TransformOutput:    transform.Output{S3OutputPath: "s3://data/out/" + name, AssembleWith: "Line"},
		TransformResources: transform.Resources{InstanceType: "ml.m5.large", InstanceCount: 1},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}
