package training_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/training"
)

func isPending(j training.Job) bool { return j.SecondaryStatus == training.Pending }

// Jobs start in the order of their creation; a small one doesn't pass a large
// one that waits for cores or memory.
func TestQueue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*training.Options)
		large  func(*training.Spec)
	}{
		{"cores", func(o *training.Options) { o.Parallel = 10 }, func(s *training.Spec) {
			s.HyperParameters["threads"] = strconv.Itoa(runtime.GOMAXPROCS(0))
		}},
		{"memory", func(o *training.Options) { o.Parallel, o.MemoryBytes = 10, 256<<20 }, func(s *training.Spec) {
			s.HyperParameters["buckets"], s.HyperParameters["vector_dim"] = "1000000", "60"
		}},
		{"number", func(o *training.Options) { o.Parallel = 1 }, func(*training.Spec) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, c.change)
			h.put("train", text(2000, 1))
			h.create(long("first"))
			h.run(h.Service)
			h.wait("first", "training", inTraining)
			large := long("large")
			c.large(&large)
			h.create(large)
			h.wait("large", "pending", isPending)
			h.create(spec("small"))
			time.Sleep(200 * time.Millisecond)
			if job := h.describe("small"); job.SecondaryStatus != training.Starting {
				t.Errorf("a small job behind a large one is %s", job.SecondaryStatus)
			}
			// With the first one gone, the large one runs although it may need all there is.
			if err := h.Stop(h.ctx, "first"); err != nil {
				t.Fatal(err)
			}
			h.wait("large", "training", inTraining)
			if err := h.Stop(h.ctx, "large"); err != nil {
				t.Fatal(err)
			}
			job := h.waitDone("large")
			var states []string
			for _, tr := range job.SecondaryStatusTransitions {
				states = append(states, tr.Status)
			}
			if got := strings.Join(states, " "); got != "Starting Pending Downloading Training Stopping Stopped" {
				t.Errorf("transitions: %s", got)
			}
			if job := h.waitDone("small"); job.TrainingJobStatus != training.Completed {
				t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
			}
		})
	}
}

// When the job that holds up the others is stopped, they go on at once.
func TestStopAtTheHeadOfTheQueue(t *testing.T) {
	t.Parallel()
	if runtime.GOMAXPROCS(0) < 2 {
		runtime.GOMAXPROCS(2)
	}
	h := newHouse(t, nil)
	h.put("train", text(200, 1))
	h.run(h.Service)
	h.create(long("busy"))
	h.wait("busy", "training", inTraining)
	large := long("large")
	large.HyperParameters["threads"] = strconv.Itoa(runtime.GOMAXPROCS(0))
	h.create(large)
	h.wait("large", "pending", isPending)
	h.create(spec("small"))
	if err := h.Stop(h.ctx, "large"); err != nil {
		t.Fatal(err)
	}
	if job := h.waitDone("small"); job.TrainingJobStatus != training.Completed || !inTraining(h.describe("busy")) {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
	if err := h.Stop(h.ctx, "busy"); err != nil {
		t.Fatal(err)
	}
	h.waitDone("busy")
}

// What a job may wait is bounded, while it waits and while it runs.
func TestWaitTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *training.Options) { o.Parallel = 1 })
	h.put("train", text(200, 1))
	h.run(h.Service)
	spot := long("spot")
	spot.EnableManagedSpotTraining = true
	spot.StoppingCondition = training.StoppingCondition{MaxRuntimeInSeconds: new(1), MaxWaitTimeInSeconds: new(1)}
	h.create(spot)
	job := h.waitDone("spot")
	if job.TrainingJobStatus != training.Stopped || job.SecondaryStatus != training.MaxWaitTimeExceeded {
		t.Errorf("%s/%s %s", job.TrainingJobStatus, job.SecondaryStatus, job.FailureReason)
	}
	h.create(long("busy"))
	h.wait("busy", "training", inTraining)
	spot.TrainingJobName = "spot-2"
	h.create(spot)
	if job := h.waitDone("spot-2"); job.SecondaryStatus != training.MaxWaitTimeExceeded || !job.TrainingStartTime.IsZero() {
		t.Errorf("%s/%s %s", job.TrainingJobStatus, job.SecondaryStatus, job.FailureReason)
	}
	if err := h.Stop(h.ctx, "busy"); err != nil {
		t.Fatal(err)
	}
	h.waitDone("busy")
}
