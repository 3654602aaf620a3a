package training

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/training/trainer"
)

const (
	// programMemory is what a process may take beside matrices and text.
	programMemory = 64 << 20

	// memoryInterval is how often it is looked at what a process takes. In
	// that time it can take a few hundred megabytes more.
	memoryInterval = 50 * time.Millisecond

	// maxComplaint is how much of what a process says on its standard error is kept, the last part.
	maxComplaint = 16 << 10
)

// train runs the task in a process of its own and returns the final metrics.
// Whatever happens to the process, its end is an error here and nothing else. It
// has no secrets: its environment says how much memory it has and where temporary files go, for a text
// that does not fit into it, and it has no open files but its pipes.
func (s *Service) train(ctx context.Context, job string, task trainer.Task, host trainer.Host) ([]trainer.Metric, error) {
	cmd := exec.Command(s.Process[0], s.Process[1:]...)
	cmd.Dir = "/"
	cmd.Env = []string{fmt.Sprintf("GOMEMLIMIT=%d", s.MaxMemoryBytes), "TMPDIR=" + s.TempDir}
	cmd.SysProcAttr = attributes()
	complaint := &bothEnds{most: maxComplaint}
	cmd.Stderr = complaint
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("training process: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("training process: %w", err)
	}
	// The process ends with the thread that started it, so that must not be one that ends by chance.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("training process: %w", err)
	}
	var hungry atomic.Bool
	watched, unwatch := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		if exceeds(watched, cmd.Process.Pid, s.MaxMemoryBytes+programMemory) {
			hungry.Store(true)
			s.meters.hungry.Inc()
			_ = cmd.Process.Kill()
		}
	})
	metrics, err := trainer.Converse(ctx, in, out, task, host, func() { _ = cmd.Process.Kill() })
	unwatch()
	watch.Wait()
	_ = cmd.Wait() // how it ended counts only if it did so early
	if err == nil || context.Cause(ctx) != nil {
		return metrics, err
	}
	said := complaint.String()
	switch f, reported := errors.AsType[*trainer.Failure](err); {
	case reported:
		err = &jobs.Failure{Class: f.Class, Reason: f.Reason, Cause: errors.New(f.Cause)}
	case hungry.Load(), errors.Is(err, trainer.ErrEnded) && strings.Contains(said, "out of memory"):
		err = s.outOfMemory(task)
	case errors.Is(err, trainer.ErrEnded) && killed(cmd.ProcessState):
		err = &jobs.Failure{Class: "AlgorithmError", Cause: err, Reason: "The training process was killed by the machine or its operator, perhaps for lack of memory. " +
			"Create the job again; if that doesn't help, train on less data, or with fewer buckets or a smaller vector_dim."}
	case errors.Is(err, trainer.ErrEnded):
		err = &jobs.Failure{Class: "AlgorithmError", Cause: fmt.Errorf("%w (%v): %s", err, cmd.ProcessState, said),
			Reason: "The training ended in an internal fault; the server's log has the details under the job's name. Please report it."}
	}
	if said != "" {
		s.Log.ErrorContext(ctx, "a training process complained", "job", job, "process", cmd.ProcessState, "stderr", said)
	}
	return nil, err
}

// outOfMemory says what the owner of a job that took too much can do.
func (s *Service) outOfMemory(task trainer.Task) error {
	buckets := ""
	if task.Recipe == trainer.Linear {
		return jobs.ClientFailure(nil, "The training needed more memory than a training job on this server may have, %s. "+
			"Please use a server with more memory, reduce the size of the training data, or train with the recipe %s.", byteSize(s.MaxMemoryBytes), trainer.Original)
	}
	if a := task.Args; a.WordNgrams > 1 || a.Maxn > 0 {
		buckets = fmt.Sprintf(" buckets (%d) times vector_dim (%d) make a matrix of %s, of which the rows that occur are used.",
			a.Bucket, a.Dim, byteSize(int64(a.Bucket)*int64(a.Dim)*4))
	}
	return jobs.ClientFailure(nil, "The training needed more memory than a training job on this server may have, %s.%s "+
		"Please use a server with more memory, or reduce the size of the training data, buckets or vector_dim.", byteSize(s.MaxMemoryBytes), buckets)
}

// exceeds waits until the process takes more memory than most, and reports
// whether that was before ctx ended.
func exceeds(ctx context.Context, pid int, most int64) bool {
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
			if residentMemory(pid) > most {
				return true
			}
		}
	}
}

// thisProgram is the command that starts this program again as a training
// process.
func thisProgram() ([]string, error) {
	if runtime.GOOS == "linux" { // also after the file was replaced by a newer one
		return []string{"/proc/self/exe", trainer.Verb}, nil
	}
	path, err := os.Executable()
	return []string{path, trainer.Verb}, err
}

// bothEnds keeps the beginning, which of a panic says why, and the end of what is written to it, most bytes of each.
type bothEnds struct {
	mu         sync.Mutex
	most       int
	head, tail []byte
	left       int // bytes between them
}

func (e *bothEnds) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := min(len(p), e.most-len(e.head))
	e.head = append(e.head, p[:n]...)
	e.tail = append(e.tail, p[n:]...)
	if over := len(e.tail) - e.most; over > 0 {
		e.tail = append(e.tail[:0], e.tail[over:]...)
		e.left += over
	}
	return len(p), nil
}

func (e *bothEnds) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	text := append([]byte(nil), e.head...)
	if e.left > 0 {
		text = fmt.Appendf(text, "\n… %d bytes …\n", e.left)
	}
	return string(bytes.ToValidUTF8(bytes.TrimSpace(append(text, e.tail...)), []byte("\uFFFD")))
}
