package tuning_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/training"
	"github.com/heliograph/heliograph/internal/training/trainer"
	"github.com/heliograph/heliograph/internal/training/tuning"
)

// TestMain makes the test program its own training process.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == trainer.Verb {
		os.Exit(trainer.Main(os.Stdin, os.Stdout, func() { os.Exit(1) }))
	}
	os.Exit(m.Run())
}

const (
	region  = "us-east-1"
	account = "000000000000"
	role    = "arn:aws:iam::000000000000:role/SageMakerRole"
	image   = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"
	// patience is for machines that do much else, and the race detector.
	patience = 2 * time.Minute
)

// house is a tuning service over a training service, a store, blobs and
// permissions, all real, in a directory of its own.
type house struct {
	*tuning.Service
	t      *testing.T
	db     *store.DB
	blobs  *blob.Dir
	jobs   *training.Service
	access *iam.Service
	ctx    context.Context // of the root principal
	stop   func()          // ends the run of both services
	ahead  func(time.Duration)
}

// newHouse makes a house with something to learn from in the bucket "data", and
// runs it.
func newHouse(t *testing.T) *house {
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
	h.access, err = iam.New(iam.Config{RootKey: iam.Key{ID: "AKIAEXAMPLEEXAMPLE00", Secret: strings.Repeat("s", 40)}, AccountID: account, Region: region})
	if err != nil {
		t.Fatal(err)
	}
	h.ctx = iam.WithPrincipal(t.Context(), h.access.RootPrincipal())
	if err := h.blobs.CreateBucket(t.Context(), "data", region); err != nil {
		t.Fatal(err)
	}
	h.put("train", text(300, 1))
	h.put("validation", text(100, 2))
	h.run()
	return h
}

// run starts both services as a server would; stop ends them.
func (h *house) run() {
	h.t.Helper()
	var mu sync.Mutex
	var offset time.Duration
	h.ahead = func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		offset += d
	}
	var err error
	log := slog.New(slog.DiscardHandler)
	h.jobs, err = training.New(training.Options{
		DB: h.db, Blobs: h.blobs, Authorizer: h.access, Region: region, AccountID: account,
		Roles:    h.access.ForService("sagemaker.amazonaws.com", "SageMaker"),
		LeaseTTL: time.Minute, Log: log,
		Finished: func(string, time.Duration) { h.Wake() },
		Measured: func() { h.Wake() },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.Service, err = tuning.New(tuning.Options{
		DB: h.db, Jobs: h.jobs, Authorizer: h.access, Region: region, AccountID: account, LeaseTTL: time.Minute, Log: log,
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(offset)
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	var services sync.WaitGroup
	for _, run := range []func(context.Context) error{h.jobs.Run, h.Service.Run} {
		services.Go(func() {
			if err := run(ctx); err != nil {
				h.t.Errorf("Run: %v", err)
			}
		})
	}
	h.stop = sync.OnceFunc(func() {
		cancel()
		services.Wait()
	})
	h.t.Cleanup(h.stop)
}

func (h *house) put(key, content string) {
	h.t.Helper()
	if _, err := h.blobs.Put(h.t.Context(), "data", key, strings.NewReader(content), blob.PutOptions{}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) create(spec tuning.Spec) {
	h.t.Helper()
	if _, err := h.Create(h.ctx, spec); err != nil {
		h.t.Fatalf("Create %s: %v", spec.HyperParameterTuningJobName, err)
	}
}

func (h *house) wait(name, what string, ok func(tuning.Job) bool) tuning.Job {
	h.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		job, err := h.Describe(h.ctx, name)
		if err != nil {
			h.t.Fatal(err)
		}
		if ok(job) {
			return job
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s is %s (%s) and not %s after %v: %+v", name, job.HyperParameterTuningJobStatus, job.FailureReason, what, patience, job.Trials)
		}
	}
}

func (h *house) waitDone(name string) tuning.Job {
	h.t.Helper()
	return h.wait(name, "done", func(j tuning.Job) bool { return j.Done() })
}

// children are the names of the training jobs on record that begin with a name.
func (h *house) children(name string) (names []string) {
	h.t.Helper()
	jobs, _, err := h.jobs.List(h.ctx, store.Query{NameContains: name + "-", Limit: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, j := range jobs {
		names = append(names, j.TrainingJobName)
	}
	return names
}

// spec is a small tuning job of so many training jobs, two at once.
func spec(name, strategy string, trials int) tuning.Spec {
	return tuning.Spec{
		HyperParameterTuningJobName: name,
		HyperParameterTuningJobConfig: tuning.Config{
			Strategy:                         strategy,
			HyperParameterTuningJobObjective: &tuning.Objective{Type: "Maximize", MetricName: "validation:accuracy"},
			ResourceLimits:                   tuning.ResourceLimits{MaxNumberOfTrainingJobs: &trials, MaxParallelTrainingJobs: 2},
			TrainingJobEarlyStoppingType:     "Off",
			ParameterRanges: &tuning.ParameterRanges{
				ContinuousParameterRanges: []tuning.NumericRange{{Name: "learning_rate", MinValue: "0.001", MaxValue: "1", ScalingType: "Auto"}},
				IntegerParameterRanges:    []tuning.NumericRange{{Name: "word_ngrams", MinValue: "1", MaxValue: "3", ScalingType: "Linear"}},
			},
			RandomSeed: new(int64(7)),
		},
		TrainingJobDefinition: definition(),
	}
}

func definition() *tuning.Definition {
	return &tuning.Definition{
		StaticHyperParameters: map[string]string{"mode": "supervised", "epochs": "3", "min_count": "1", "vector_dim": "8", "buckets": "1000", "threads": "1"},
		AlgorithmSpecification: training.AlgorithmSpecification{
			TrainingImage: image, TrainingInputMode: "File"},
		RoleArn:                            role,
		InputDataConfig:                    []training.Channel{channel("train"), channel("validation")},
		OutputDataConfig:                   training.OutputDataConfig{S3OutputPath: "s3://data/output"},
		HyperParameterTuningResourceConfig: &tuning.ResourceConfig{InstanceType: "ml.c5.xlarge", InstanceCount: 1, VolumeSizeInGB: 30},
		StoppingCondition:                  training.StoppingCondition{MaxRuntimeInSeconds: new(3600)},
	}
}

func channel(name string) training.Channel {
	return training.Channel{ChannelName: name, ContentType: "text/plain", DataSource: training.DataSource{
		S3DataSource: &training.S3DataSource{S3DataType: "S3Prefix", S3Uri: "s3://data/" + name, S3DataDistributionType: "FullyReplicated"}}}
}

// text is n labelled lines that can be learned, with effort.
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
			if random.IntN(4) == 0 {
				from = words[label]
			}
			b.WriteString(" " + from[random.IntN(len(from))])
		}
		b.WriteString(" .\n")
	}
	return b.String()
}
