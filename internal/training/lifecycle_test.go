package training_test

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
	"github.com/heliograph/heliograph/internal/training"
)

// long is a job that trains until it is told to end.
func long(name string) training.Spec { return spec(name, "epochs", "100000000") }

func inTraining(j training.Job) bool { return j.SecondaryStatus == training.Training }

func TestStopWhileTraining(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train", text(200, 1))
	h.create(long("endless"))
	h.wait("endless", "training", inTraining)
	began := time.Now()
	if err := h.Stop(h.ctx, "endless"); err != nil {
		t.Fatal(err)
	}
	if err := h.Stop(h.ctx, "Endless"); err != nil && !strings.Contains(err.Error(), "in status Stopped") {
		t.Errorf("stopping twice: %v", err)
	}
	job := h.waitDone("endless")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if job.TrainingJobStatus != training.Stopped || job.SecondaryStatus != training.Stopped || job.S3ModelArtifacts != "" || job.TrainingEndTime.IsZero() {
		t.Errorf("%+v", job)
	}
	var states []string
	for _, tr := range job.SecondaryStatusTransitions {
		states = append(states, tr.Status)
	}
	if got := strings.Join(states, " "); got != "Starting Downloading Training Stopping Stopped" {
		t.Errorf("transitions: %s", got)
	}
	if _, err := h.blobs.Stat(t.Context(), "data", "output/endless/output/model.tar.gz"); !errs.Is(err, errs.NotFound) {
		t.Errorf("a stopped job has a model: %v", err)
	}
	err := h.Stop(h.ctx, "endless")
	if want := "The request was rejected because the training job is in status Stopped."; errs.MessageOf(err) != want {
		t.Errorf("stopping a stopped job: %v", err)
	}
	if log := h.logOf(job); !strings.HasSuffix(log, "The job was stopped. No model was stored.\n") {
		t.Errorf("the log ends with %q", log[max(0, len(log)-200):])
	}
}

// A job that waits is stopped at once, whether there is room for it or not.
func TestStopWhileStarting(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *training.Options) { o.Parallel = 1 })
	h.put("train", text(200, 1))
	h.create(spec("unstarted"))
	if err := h.Stop(h.ctx, "unstarted"); err != nil {
		t.Fatal(err)
	}
	if job := h.describe("unstarted"); job.TrainingJobStatus != training.Stopped || job.TrainingSeconds() != 0 {
		t.Errorf("%+v", job)
	}
	h.run(h.Service)
	h.create(long("busy"))
	h.wait("busy", "training", inTraining)
	h.create(spec("waiting"))
	job := h.wait("waiting", "pending", func(j training.Job) bool { return j.SecondaryStatus == training.Pending })
	if last := job.SecondaryStatusTransitions[len(job.SecondaryStatusTransitions)-1]; last.StatusMessage != "Training job waiting for capacity" {
		t.Errorf("with one job at once, a second is %+v", last)
	}
	if err := h.Stop(h.ctx, "waiting"); err != nil {
		t.Fatal(err)
	}
	if job := h.describe("waiting"); job.TrainingJobStatus != training.Stopped {
		t.Errorf("%+v", job)
	}
	h.create(spec("next"))
	if err := h.Stop(h.ctx, "busy"); err != nil {
		t.Fatal(err)
	}
	if job := h.waitDone("next"); job.TrainingJobStatus != training.Completed {
		t.Errorf("the job after a stopped one: %s %s", job.TrainingJobStatus, job.FailureReason)
	}
}

func TestMaxRuntime(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train", text(200, 1))
	s := long("bounded")
	s.StoppingCondition.MaxRuntimeInSeconds = new(1)
	h.create(s)
	job := h.waitDone("bounded")
	if job.TrainingJobStatus != training.Stopped || job.SecondaryStatus != training.MaxRuntimeExceeded || job.S3ModelArtifacts != "" {
		t.Errorf("%s/%s %s", job.TrainingJobStatus, job.SecondaryStatus, job.FailureReason)
	}
	last := job.SecondaryStatusTransitions[len(job.SecondaryStatusTransitions)-1]
	if last.StatusMessage != "Training job runtime exceeded MaxRuntimeInSeconds" {
		t.Errorf("%+v", last)
	}
}

// gated holds back reads of the data until it is opened, so that a test can
// end the server in the middle of a job.
type gated struct {
	*blob.Dir
	mu     sync.Mutex
	closed bool
	gate   chan struct{}
}

func newGated(d *blob.Dir) *gated { return &gated{Dir: d, closed: true, gate: make(chan struct{})} }

func (g *gated) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		g.closed = false
		close(g.gate)
	}
}

func (g *gated) Put(ctx context.Context, bucket, key string, r io.Reader, opt blob.PutOptions) (blob.ObjectInfo, error) {
	select {
	case <-g.gate:
	case <-ctx.Done():
		return blob.ObjectInfo{}, ctx.Err()
	}
	return g.Dir.Put(ctx, bucket, key, r, opt)
}

// A server that is shut down gives its jobs back; the next one starts them over
// at once and finishes them.
func TestRestart(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(300, 1))
	held := newGated(h.blobs)
	h.opts.Blobs = held
	first := h.newService()
	stop := h.run(first)
	h.create(spec("survivor"))
	h.wait("survivor", "uploading", func(j training.Job) bool { return j.SecondaryStatus == training.Uploading })
	before := h.logOf(h.describe("survivor"))
	stop()
	if job := h.describe("survivor"); job.TrainingJobStatus != training.InProgress || job.Worker != "" || job.Attempts != 0 {
		t.Fatalf("after the shutdown: %+v", job)
	}
	held.open()
	h.run(h.newService())
	began := time.Now()
	job := h.waitDone("survivor")
	if took := time.Since(began); took > 30*time.Second { // less than the lease
		t.Errorf("the restarted job took %v", took)
	}
	h.checkRestarted(job, before)
}

// checkRestarted checks a job that was Uploading when its server ended.
func (h *house) checkRestarted(job training.Job, before string) {
	h.t.Helper()
	if job.TrainingJobStatus != training.Completed {
		h.t.Fatalf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
	var states []string
	for i, tr := range job.SecondaryStatusTransitions {
		states = append(states, tr.Status)
		if tr.EndTime.IsZero() {
			h.t.Errorf("transition %d never ended: %+v", i, tr)
		}
	}
	if got := strings.Join(states, " "); got != "Starting Downloading Training Uploading Restarting Downloading Training Uploading Completed" {
		h.t.Errorf("transitions: %s", got)
	}
	// One stream, in which what was read before is still where it was.
	log := h.logOf(job)
	if !strings.HasPrefix(log, before) || !strings.Contains(log[len(before):], "The training starts over.\n") {
		h.t.Errorf("log before:\n%s\nafter:\n%s", before, log)
	}
	streams, err := h.db.LogStreams(h.t.Context(), training.LogGroup, job.TrainingJobName+"/", "", 10)
	if err != nil || len(streams) != 1 {
		h.t.Errorf("streams %v, %v", streams, err)
	}
	h.model("output/" + job.TrainingJobName + "/output/model.tar.gz")
}

// kill lets a service claim the job and never be heard of again: the record is
// what a killed process leaves, with a lease that nobody renews.
func (h *house) kill(name string) {
	h.t.Helper()
	jobs := store.NewCollection[training.Job](h.db, "training job")
	_, ok, err := jobs.Claim(h.t.Context(), "dead-1", h.opts.LeaseTTL)
	if err != nil || !ok {
		h.t.Fatalf("claim: %v, %v", ok, err)
	}
	_, err = jobs.UpdateLeased(h.t.Context(), name, "dead-1", func(r *store.Record[training.Job]) error {
		r.Doc.Worker, r.Doc.Attempts = "dead-1", r.Doc.Attempts+1
		r.Doc.TrainingStartTime = time.Now()
		if r.Doc.LogStream == "" {
			r.Doc.LogStream = fmt.Sprintf("%s/algo-1-%d", name, time.Now().Unix())
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// The lease of a killed server runs out, or the next one ends it at its start.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		ttl         time.Duration
		released    bool
		least, most time.Duration // until the job has ended
	}{
		{"lease runs out", 2 * time.Second, false, time.Second, patience},
		{"lease is ended", time.Minute, true, 0, 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(o *training.Options) { o.LeaseTTL = c.ttl })
			h.put("train", text(300, 1))
			h.create(spec("orphan"))
			h.kill("orphan")
			if c.released {
				if err := h.db.ReleaseLeases(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			began := time.Now()
			h.run(h.newService())
			job := h.waitDone("orphan")
			if took := time.Since(began); took < c.least || took > c.most {
				t.Errorf("with a lease of %v the job ended after %v", c.ttl, took)
			}
			if job.TrainingJobStatus != training.Completed || !strings.Contains(h.logOf(job), "The training starts over.\n") {
				t.Errorf("%s: %s\n%s", job.TrainingJobStatus, job.FailureReason, h.logOf(job))
			}
		})
	}
}

// A job that was asked to stop while nobody runs it ends although all are busy.
func TestStopOfAnOrphan(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *training.Options) { o.Parallel, o.LeaseTTL = 1, 4*time.Second })
	h.put("train", text(300, 1))
	h.create(spec("orphan"))
	h.kill("orphan")
	h.create(long("busy"))
	h.run(h.Service)
	h.wait("busy", "training", inTraining)
	if err := h.db.ReleaseLeases(t.Context()); err != nil { // its lease is over
		t.Fatal(err)
	}
	// "busy" lost its lease as well, which a server must survive.
	if err := h.Stop(h.ctx, "orphan"); err != nil {
		t.Fatal(err)
	}
	if job := h.waitDone("orphan"); job.TrainingJobStatus != training.Stopped {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
	h.wait("busy", "training again", func(j training.Job) bool {
		return j.SecondaryStatus == training.Training && len(j.SecondaryStatusTransitions) > 4
	})
	if err := h.Stop(h.ctx, "busy"); err != nil {
		t.Fatal(err)
	}
	h.waitDone("busy")
}

// The server that is asked to stop a job need not be the one that runs it.
func TestStopFromElsewhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *training.Options) { o.LeaseTTL = 4 * time.Second })
	h.put("train", text(200, 1))
	h.run(h.newService())
	h.create(long("remote"))
	h.wait("remote", "training", inTraining)
	if err := h.Stop(h.ctx, "remote"); err != nil {
		t.Fatal(err)
	}
	if job := h.waitDone("remote"); job.TrainingJobStatus != training.Stopped {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
}

// A job that takes the server down each time is given up.
func TestJobThatKillsTheServer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(300, 1))
	h.create(spec("killer"))
	for range 3 {
		h.kill("killer")
		if err := h.db.ReleaseLeases(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.run(h.Service)
	job := h.waitDone("killer")
	if job.TrainingJobStatus != training.Failed || !strings.HasPrefix(job.FailureReason, "InternalServerError: The server ended unexpectedly 3 times while this job ran") {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
}

// The log can be read while the job runs.
func TestLiveLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train", text(200, 1))
	h.create(long("live"))
	job := h.wait("live", "training", inTraining)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if strings.Contains(h.logOf(job), "Number of labels:  3\n") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("20 seconds into the training the log is:\n%s", h.logOf(job))
		}
	}
	if err := h.Stop(h.ctx, "live"); err != nil {
		t.Fatal(err)
	}
	h.waitDone("live")
}

// Many jobs, several services on one store: each job is run once.
func TestManyJobs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(60, 1))
	h.opts.Metrics = telemetry.New()
	h.run(h.newService())
	h.run(h.newService())
	const n = 12
	for i := range n {
		h.create(spec(fmt.Sprintf("job-%d", i)))
	}
	for i := range n {
		job := h.waitDone(fmt.Sprintf("job-%d", i))
		once := map[string]bool{}
		for _, tr := range job.SecondaryStatusTransitions {
			if once[tr.Status] {
				t.Errorf("job %d was %s twice", i, tr.Status)
			}
			once[tr.Status] = true
		}
		if job.TrainingJobStatus != training.Completed {
			t.Errorf("job %d: %+v", i, job)
		}
	}
	response := httptest.NewRecorder()
	h.opts.Metrics.Handler().ServeHTTP(response, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		fmt.Sprintf("heliograph_training_jobs_total{status=\"Completed\"} %d\n", n),
		fmt.Sprintf("heliograph_training_job_seconds_count{status=\"Completed\"} %d\n", n),
		"heliograph_training_jobs_running ",
	} {
		if !strings.Contains(response.Body.String(), want) {
			t.Errorf("the metrics lack %q:\n%s", want, response.Body)
		}
	}
}
