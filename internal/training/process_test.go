package training_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/training"
)

// children are the processes that this one has started and that run under the
// training verb. Tests that look for one run alone.
func children(t *testing.T) []int {
	t.Helper()
	self := strconv.Itoa(os.Getpid())
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 1 && fields[1] == self && fields[0] != "Z" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// training has a job train and returns its process.
func (h *house) training(s training.Spec) int {
	h.t.Helper()
	h.create(s)
	h.wait(s.TrainingJobName, "learning", func(j training.Job) bool {
		return inTraining(j) && strings.Contains(h.logOf(j), "Number of words")
	})
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if pids := children(h.t); len(pids) == 1 {
			return pids[0]
		}
	}
	h.t.Fatalf("the processes are %v", children(h.t))
	return 0
}

func TestProcessKilled(t *testing.T) {
	folder := t.TempDir()
	h := newHouse(t, func(o *training.Options) { o.TempDir = folder })
	h.run(h.Service)
	h.put("train", text(200, 1))
	pid := h.training(long("victim"))
	if environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ"); err != nil || !strings.HasPrefix(string(environ), "GOMEMLIMIT=") || !strings.HasSuffix(string(environ), "\x00TMPDIR="+folder+"\x00") || strings.Count(string(environ), "\x00") != 2 {
		t.Errorf("the process's environment is %q, %v", environ, err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	job := h.waitDone("victim")
	if job.TrainingJobStatus != training.Failed || !strings.HasPrefix(job.FailureReason, "AlgorithmError: The training process was killed by the machine or its operator") {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
	// The server goes on.
	h.create(spec("next"))
	if job := h.waitDone("next"); job.TrainingJobStatus != training.Completed {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
}

// A process that breaks, as after a panic, is a failed job and a line in the server's log.
func TestProcessCrashes(t *testing.T) {
	var said strings.Builder
	h := newHouse(t, func(o *training.Options) { o.Log = logTo(&said) })
	stop := h.run(h.Service)
	h.put("train", text(200, 1))
	pid := h.training(long("broken"))
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil { // the runtime prints all stacks and exits with 2
		t.Fatal(err)
	}
	job := h.waitDone("broken")
	if job.TrainingJobStatus != training.Failed || !strings.HasPrefix(job.FailureReason, "AlgorithmError: The training ended in an internal fault; ") {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
	stop()
	if !strings.Contains(said.String(), "SIGQUIT") || !strings.Contains(said.String(), "job=broken") {
		t.Errorf("the server's log has no trace of it: %s", said.String())
	}
}

// A process that takes more memory than it may is ended, and the job says what to do.
func TestProcessHungry(t *testing.T) {
	h := newHouse(t, func(o *training.Options) { o.MaxMemoryBytes = 48 << 20 })
	h.run(h.Service)
	// One example, whose n-grams take much more than its text.
	h.put("train", "__label__a "+strings.Repeat("b ", 4_000_000)+"\n")
	h.create(spec("hungry", "epochs", "1000", "word_ngrams", "16"))
	job := h.waitDone("hungry")
	if job.TrainingJobStatus != training.Failed || !strings.HasPrefix(job.FailureReason, "ClientError: The training needed more memory than a training job on this server may have, 48.0 MiB. ") {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
}

// Stopping a service, as a server's end does, ends its processes.
func TestProcessEndsWithTheService(t *testing.T) {
	h := newHouse(t, nil)
	stop := h.run(h.Service)
	h.put("train", text(200, 1))
	h.training(long("endless"))
	stop()
	if pids := children(t); len(pids) != 0 {
		t.Errorf("processes %v are left", pids)
	}
	h.run(h.Service)
	h.wait("endless", "training again", func(j training.Job) bool { return inTraining(j) && len(j.SecondaryStatusTransitions) > 3 })
	if err := h.Stop(context.WithoutCancel(h.ctx), "endless"); err != nil {
		t.Fatal(err)
	}
	h.waitDone("endless")
}
