package training_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/training"
)

func TestJobLeavesAModel(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train/support.train", text(400, 1))
	h.put("validation/support.validation", text(100, 2))
	s := spec("Support-1")
	s.InputDataConfig = append(s.InputDataConfig, channel("validation", "s3://data/validation"))
	began := time.Now()
	created := h.create(s)
	if want := "arn:aws:sagemaker:us-east-1:000000000000:training-job/support-1"; created.TrainingJobArn != want {
		t.Errorf("ARN %s, want %s", created.TrainingJobArn, want)
	}
	job := h.waitDone("support-1")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("a tiny job took %v", took)
	}
	if job.TrainingJobStatus != training.Completed || job.SecondaryStatus != training.Completed {
		t.Fatalf("status %s/%s: %s", job.TrainingJobStatus, job.SecondaryStatus, job.FailureReason)
	}
	if want := "s3://data/output/Support-1/output/model.tar.gz"; job.S3ModelArtifacts != want {
		t.Errorf("artifacts %s, want %s", job.S3ModelArtifacts, want)
	}
	var states []string
	for i, tr := range job.SecondaryStatusTransitions {
		states = append(states, tr.Status)
		if tr.StartTime.IsZero() || tr.EndTime.Before(tr.StartTime) || tr.StatusMessage == "" {
			t.Errorf("transition %d is %+v", i, tr)
		}
	}
	if got := strings.Join(states, " "); got != "Starting Downloading Training Uploading Completed" {
		t.Errorf("transitions: %s", got)
	}
	if n := job.TrainingSeconds(); n < 1 {
		t.Errorf("trained %d seconds", n)
	}
	if job.LastModifiedTime.Before(job.CreationTime) || job.TrainingStartTime.IsZero() || job.TrainingEndTime.IsZero() {
		t.Errorf("times: %+v", job)
	}
	var metrics []string
	for _, m := range job.FinalMetricDataList {
		metrics = append(metrics, m.MetricName)
	}
	if got := strings.Join(metrics, " "); got != "train:accuracy validation:accuracy validation:precision validation:recall validation:f1 validation:macro_f1" {
		t.Fatalf("metrics: %+v", job.FinalMetricDataList)
	}
	for _, m := range job.FinalMetricDataList {
		if m.Value < 0.9 || m.Value > 1 || m.Timestamp.IsZero() {
			t.Errorf("metric %+v", m)
		}
	}

	model := h.model("output/Support-1/output/model.tar.gz")
	found := model.Predict(nil, "my card was charged twice please refund", 1, 0)
	if len(found) != 1 || found[0].Label != "__label__billing" {
		t.Errorf("the model answers %v", found)
	}

	log := h.logOf(job)
	for _, want := range []string{
		"Arguments: train\n",
		"Running single machine CPU BlazingText training using supervised mode.\n",
		"Processing /opt/ml/input/data/train/support.train . File size: 0.0",
		"Processing /opt/ml/input/data/validation/support.validation . File size: 0.0",
		"Read 0M words\n",
		"Number of words:  45\n",
		"Loading validation data from /opt/ml/input/data/validation/support.validation\n",
		"##### Alpha: 0.0000  Progress: 100.00%  Million Words/sec: ",
		"Training finished.\n",
		"Average throughput in Million words/sec: ",
		"Total training time in seconds: ",
		"#train_accuracy: 1.0000\n", "Number of train examples: 400\n",
		fmt.Sprintf("#validation_accuracy: %.4f\n", job.FinalMetricDataList[1].Value), // hundredths, of 100 examples
		"Number of validation examples: 100\n",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if !strings.HasPrefix(job.LogStream, "Support-1/algo-1-") {
		t.Errorf("log stream %q", job.LogStream)
	}
}

// model loads the model out of an archive, which must hold nothing else.
func (h *house) model(key string) *fasttext.Model {
	h.t.Helper()
	object, err := h.blobs.Open(h.t.Context(), "data", key)
	if err != nil {
		h.t.Fatal(err)
	}
	defer object.Close()
	zip, err := gzip.NewReader(object)
	if err != nil {
		h.t.Fatal(err)
	}
	archive := tar.NewReader(zip)
	header, err := archive.Next()
	if err != nil || header.Name != "model.bin" || header.Mode != 0o644 {
		h.t.Fatalf("the archive begins with %+v: %v", header, err)
	}
	model, err := fasttext.Load(archive)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := archive.Next(); err != io.EOF {
		h.t.Errorf("the archive goes on: %v", err)
	}
	return model
}

func TestSameSeedSameArchive(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train", text(200, 1))
	var archives [][]byte
	for _, name := range []string{"one", "two", "other"} {
		seed := map[string]string{"one": "3", "two": "3", "other": "4"}[name]
		h.create(spec(name, "seed", seed))
		if job := h.waitDone(name); job.TrainingJobStatus != training.Completed {
			t.Fatal(job.FailureReason)
		}
		object, err := h.blobs.Open(t.Context(), "data", "output/"+name+"/output/model.tar.gz")
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(object)
		if err != nil {
			t.Fatal(err)
		}
		object.Close()
		archives = append(archives, content)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the same seed and one thread gave different archives")
	}
	if bytes.Equal(archives[0], archives[2]) {
		t.Error("another seed gave the same archive")
	}
}

func TestEarlyStopping(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train", text(300, 1))
	h.put("validation", text(100, 2))
	s := spec("early", "early_stopping", "True", "epochs", "40", "min_epochs", "3", "patience", "2")
	s.InputDataConfig = append(s.InputDataConfig, channel("validation", "s3://data/validation"))
	h.create(s)
	job := h.waitDone("early")
	log := h.logOf(job)
	if job.TrainingJobStatus != training.Completed {
		t.Fatalf("%s\n%s", job.FailureReason, log)
	}
	// The text is easy: accuracy is 1 at once, and nothing is better than that.
	for _, want := range []string{
		"-------------- End of epoch: 3\n", "threads for prediction!\n", "Validation accuracy: 1\n",
		"Validation accuracy improved! Storing best weights...\n",
		"Validation accuracy has not improved for last 1 epochs.\n",
		"Validation accuracy has not improved for last 2 epochs.\n",
		"Reached patience. Terminating training.\nBest epoch: 3\n",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	for _, not := range []string{"End of epoch: 2\n", "End of epoch: 6\n"} {
		if strings.Contains(log, not) {
			t.Errorf("the log has %q:\n%s", not, log)
		}
	}

	// The notebook's own settings: fewer epochs than min_epochs.
	s.TrainingJobName, s.HyperParameters["epochs"], s.HyperParameters["min_epochs"] = "one-epoch", "1", "5"
	h.create(s)
	if job := h.waitDone("one-epoch"); job.TrainingJobStatus != training.Completed || strings.Contains(h.logOf(job), "End of epoch") {
		t.Errorf("%s: %s\n%s", job.TrainingJobStatus, job.FailureReason, h.logOf(job))
	}
}

// Best weights are kept: an accuracy that falls later doesn't reach the model.
func TestEarlyStoppingRestoresTheBestWeights(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train", text(60, 1))
	// Labels that disagree with the text make the accuracy move about.
	noisy := strings.NewReplacer("__label__billing", "__label__general", "__label__general", "__label__billing")
	h.put("validation", text(80, 2)+noisy.Replace(text(60, 3)))
	s := spec("best", "early_stopping", "true", "epochs", "30", "min_epochs", "1", "patience", "30", "learning_rate", "0.05", "vector_dim", "4")
	s.InputDataConfig = append(s.InputDataConfig, channel("validation", "s3://data/validation"))
	h.create(s)
	job := h.waitDone("best")
	log := h.logOf(job)
	if job.TrainingJobStatus != training.Completed {
		t.Fatalf("%s\n%s", job.FailureReason, log)
	}
	best := 0.0
	for line := range strings.Lines(log) {
		if v, ok := strings.CutPrefix(line, "Validation accuracy: "); ok {
			best = max(best, mustFloat(t, strings.TrimSpace(v)))
		}
	}
	if got := job.FinalMetricDataList[1].Value; best == 0 || got < best-1e-4 || got > best+1e-4 {
		t.Errorf("the model's accuracy is %v, the best epoch's %v\n%s", got, best, log)
	}
}

func TestDuplicateNames(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(10, 1))
	h.create(spec("Twice"))
	_, err := h.Create(h.ctx, spec("twice"))
	want := "Training job names must be unique within an AWS account and region, and a training job with this name already exists (arn:aws:sagemaker:us-east-1:000000000000:training-job/twice)"
	if errs.CodeOf(err) != "ResourceInUse" || errs.MessageOf(err) != want {
		t.Errorf("%s: %v", errs.CodeOf(err), err)
	}
}

func TestUnknownJob(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, err := h.Describe(h.ctx, "nobody")
	for _, err := range []error{err, h.Stop(h.ctx, "nobody")} {
		if !errs.Is(err, errs.Invalid) || errs.CodeOf(err) != "ValidationException" || errs.MessageOf(err) != "Requested resource not found." {
			t.Errorf("%v", err)
		}
	}
}

// Every method asks first; without a principal none does anything.
func TestAuthorization(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(10, 1))
	ctx := t.Context()
	_, created := h.Create(ctx, spec("job"))
	_, described := h.Describe(ctx, "job")
	_, _, listed := h.List(ctx, store.Query{})
	for what, err := range map[string]error{"Create": created, "Describe": described, "List": listed, "Stop": h.Stop(ctx, "job")} {
		if !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if jobs, _, err := h.List(h.ctx, store.Query{}); err != nil || len(jobs) != 0 {
		t.Errorf("%v, %v", jobs, err)
	}
}

func mustFloat(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
