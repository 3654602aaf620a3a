package training_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/keyring"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/training"
)

// house is a training service over a real store, real blobs and real
// permissions, in a directory of its own.
type house struct {
	*training.Service
	t      *testing.T
	dir    string
	db     *store.DB
	blobs  *blob.Dir
	access *iam.Service
	opts   training.Options
	ctx    context.Context // of the root principal
}

const (
	region  = "us-east-1"
	account = "000000000000"
	role    = "arn:aws:iam::000000000000:role/SageMakerRole"
	// patience is for machines that do much else, and the race detector.
	patience = 2 * time.Minute

	image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"
)

// newHouse makes a house with the bucket "data". change may be nil. Nothing runs yet.
func newHouse(t *testing.T, change func(*training.Options)) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	var err error
	if h.db, err = store.Open(t.Context(), filepath.Join(h.dir, "heliograph.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.db.Close() })
	if h.blobs, err = blob.Open(filepath.Join(h.dir, "blobs")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.blobs.Close() })
	ring, err := keyring.Open(t.Context(), h.dir, keyring.Source{})
	if err != nil {
		t.Fatal(err)
	}
	access, err := iam.New(iam.Config{RootKey: iam.Key{ID: "AKIAEXAMPLEEXAMPLE00", Secret: strings.Repeat("s", 40)}, AccountID: account, Region: region,
		DB: h.db, Keyring: ring})
	if err != nil {
		t.Fatal(err)
	}
	h.access = access
	h.ctx = iam.WithPrincipal(t.Context(), access.RootPrincipal())
	h.opts = training.Options{
		DB: h.db, Blobs: h.blobs, Authorizer: access, Region: region, AccountID: account,
		Roles:    access.ForService("sagemaker.amazonaws.com", "SageMaker"),
		LeaseTTL: time.Minute,
		Log:      slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&h.opts)
	}
	h.Service = h.newService()
	if err := h.blobs.CreateBucket(t.Context(), "data", region); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) newService() *training.Service {
	h.t.Helper()
	s, err := training.New(h.opts)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// run runs the service until the test ends, or the returned function is called.
func (h *house) run(s *training.Service) (stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				h.t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			h.t.Errorf("Run did not end within %v", patience)
		}
	}
	h.t.Cleanup(stop)
	return stop
}

func (h *house) put(key, content string) {
	h.t.Helper()
	if _, err := h.blobs.Put(h.t.Context(), "data", key, strings.NewReader(content), blob.PutOptions{}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) create(spec training.Spec) training.Job {
	h.t.Helper()
	job, err := h.Create(h.ctx, spec)
	if err != nil {
		h.t.Fatalf("Create: %v", err)
	}
	return job
}

func (h *house) describe(name string) training.Job {
	h.t.Helper()
	job, err := h.Describe(h.ctx, name)
	if err != nil {
		h.t.Fatal(err)
	}
	return job
}

// wait waits for a job to satisfy ok.
func (h *house) wait(name, what string, ok func(training.Job) bool) training.Job {
	h.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		job := h.describe(name)
		if ok(job) {
			return job
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s is %s/%s (%s) and not %s after %v", name, job.TrainingJobStatus, job.SecondaryStatus, job.FailureReason, what, patience)
		}
	}
}

func (h *house) waitDone(name string) training.Job {
	h.t.Helper()
	return h.wait(name, "done", func(j training.Job) bool { return j.Done() })
}

// logOf returns the lines of a job's log.
func (h *house) logOf(job training.Job) string {
	h.t.Helper()
	events, err := h.db.Logs(h.t.Context(), store.LogQuery{Group: training.LogGroup, Streams: []string{job.LogStream}, Limit: 10000})
	if err != nil {
		h.t.Fatal(err)
	}
	var text strings.Builder
	for _, e := range events {
		text.WriteString(e.Message + "\n")
	}
	return text.String()
}

// spec is a small job over the objects train and validation.
func spec(name string, parameters ...string) training.Spec {
	s := training.Spec{
		TrainingJobName:        name,
		RoleArn:                role,
		AlgorithmSpecification: training.AlgorithmSpecification{TrainingImage: image, TrainingInputMode: "File"},
		HyperParameters: map[string]string{"mode": "supervised", "epochs": "5", "min_count": "1", "vector_dim": "10",
			"buckets": "1000", "learning_rate": "0.5", "threads": "1"},
		InputDataConfig:   []training.Channel{channel("train", "s3://data/train")},
		OutputDataConfig:  training.OutputDataConfig{S3OutputPath: "s3://data/output/"},
		ResourceConfig:    training.ResourceConfig{InstanceType: "ml.c5.xlarge", InstanceCount: 1, VolumeSizeInGB: 30},
		StoppingCondition: training.StoppingCondition{MaxRuntimeInSeconds: new(360000)},
	}
	for i := 0; i < len(parameters); i += 2 {
		s.HyperParameters[parameters[i]] = parameters[i+1]
	}
	return s
}

func channel(name, uri string) training.Channel {
	return training.Channel{ChannelName: name, ContentType: "text/plain", DataSource: training.DataSource{
		S3DataSource: &training.S3DataSource{S3DataType: "S3Prefix", S3Uri: uri, S3DataDistributionType: "FullyReplicated"}}}
}

// text is n labelled lines that can be learned. The same seed gives the same text.
func text(n int, seed uint64) string {
	words := map[string][]string{
		"billing":   strings.Fields("invoice card charged refund payment twice price bill account money"),
		"technical": strings.Fields("crash error screen login bug app install update server slow"),
		"general":   strings.Fields("hours shop address question thanks hello open store visit team"),
	}
	common := strings.Fields("i my the a is was it please help with to and today")
	labels := []string{"billing", "technical", "general"}
	random := rand.New(rand.NewPCG(seed, 7))
	var b strings.Builder
	for range n {
		label := labels[random.IntN(len(labels))]
		fmt.Fprintf(&b, "__label__%s", label)
		for range 8 {
			from := common
			if random.IntN(2) == 0 {
				from = words[label]
			}
			b.WriteString(" " + from[random.IntN(len(from))])
		}
		b.WriteString(" .\n")
	}
	return b.String()
}

// logTo is a logger whose lines a test reads after the service has ended.
func logTo(b *strings.Builder) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
