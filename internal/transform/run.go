package transform

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

// statusTooLarge is a Refusal's status if the answer would be longer than MaxAnswer.
const statusTooLarge = http.StatusRequestEntityTooLarge

func httpStatus(code int) string { return fmt.Sprintf("%d: ", code) }

// task is a job at work.
type task struct {
	*Service
	job         Job
	log         *jobLog
	model       Predictor
	contentType string
	processing  *processing // nil if there is none
	timeout     time.Duration
	workers     int             // for each object
	slots       []chan struct{} // one of each is taken while the model is asked
}

// execute takes a claimed job from its start to its last object. The end is left
// to the caller.
func (s *Service) execute(ctx context.Context, c *claim) error {
	again := c.job.LogStream != ""
	if err := s.begin(ctx, c); err != nil {
		return err
	}
	log, err := s.openLog(ctx, c.job.LogStream)
	if err != nil {
		return err
	}
	acting, err := s.Roles.Assume(ctx, c.job.Model.RoleArn, c.job.TransformJobArn)
	if err == nil {
		err = s.run(acting, c, log, again)
	}
	switch {
	case errors.Is(context.Cause(ctx), errStopped), errors.Is(err, errStopped):
		log.note("The job was stopped. Outputs of finished objects are kept.")
	case err != nil && ctx.Err() == nil:
		log.note("%s", jobs.FailureOf(err).Error())
	}
	// Whoever sees the job's end also sees all of its log.
	if err := log.close(); err != nil {
		s.Log.ErrorContext(ctx, "the end of a transform job's log can't be stored", "job", c.Name, "error", err)
	}
	return err
}

// begin records that the job runs, and where its log is.
func (s *Service) begin(ctx context.Context, c *claim) error {
	if c.job.Attempts >= maxAttempts {
		return &jobs.Failure{Class: "InternalServerError", Reason: fmt.Sprintf("The server ended unexpectedly %d times while this job ran and finished no object, "+
			"perhaps for lack of memory. Use a smaller MaxPayloadInMB, or smaller objects.", c.job.Attempts)}
	}
	return s.proceed(ctx, c, func(job *Job) {
		now := s.Now()
		job.Worker = c.Owner
		job.Attempts++
		if job.LogStream == "" {
			job.LogStream = fmt.Sprintf("%s/i-local-%d", job.TransformJobName, now.Unix())
			job.TransformStartTime = now
		}
	})
}

// run transforms every object. It goes on behind one that fails, and then reports
// the first failure.
func (s *Service) run(ctx context.Context, c *claim, log *jobLog, again bool) error {
	spec := &c.job.Spec
	processing, err := newProcessing(*spec.DataProcessing, spec.contentType())
	if err != nil {
		return err
	}
	list, err := s.inputs(ctx, spec, c.job.Model.RoleArn, 0)
	if err != nil {
		return err
	}
	total := len(list)
	if again {
		if list, err = s.unfinished(ctx, c, list); err != nil {
			return err
		}
		total = len(list) + c.job.Finished
		log.note("The server was restarted while this job ran. %d of %d objects were finished before.", c.job.Finished, total)
	}
	log.said("Arguments: serve")
	if err := s.mayLoad(ctx, c.job.Model); err != nil {
		return err
	}
	model, err := s.Models.Load(ctx, c.job.Model.DataURL)
	if err != nil {
		return err
	}
	defer model.Close()
	log.said("Loaded %s. Using %d workers.", c.job.Model.DataURL, s.Threads)

	t := &task{Service: s, job: c.job, log: log, model: model, contentType: spec.contentType(), processing: processing,
		timeout: spec.invocationTimeout(), workers: s.Threads, slots: []chan struct{}{s.processors}}
	if most := spec.MaxConcurrentTransforms; most != nil && *most > 0 && *most < s.Threads {
		t.workers = *most
		t.slots = []chan struct{}{make(chan struct{}, *most), s.processors}
	}
	strategy := "MULTI_RECORD"
	if spec.BatchStrategy == "SingleRecord" {
		strategy = "SINGLE_RECORD"
	}
	log.note("MaxConcurrentTransforms=%d, MaxPayloadInMB=%d, BatchStrategy=%s", t.workers, spec.maxPayload()>>20, strategy)
	return t.all(ctx, list, total)
}

// unfinished leaves out the objects whose output this job has written, also if
// such an output lies among the inputs. It records the progress: a job that made
// some may be started again as often as it takes.
func (s *Service) unfinished(ctx context.Context, c *claim, list []input) ([]input, error) {
	var todo []input
	own := func(bucket, key string) (source string, ok bool, err error) {
		info, err := s.Blobs.Stat(ctx, bucket, key)
		if errs.Is(err, errs.NotFound) || errs.Is(err, errs.TooLarge) {
			return "", false, nil
		}
		return info.Metadata[metaSource], err == nil && info.Metadata[metaJob] == c.job.ID, err
	}
	finished := 0
	outputs, _, _ := jobs.ParseURI(c.job.TransformOutput.S3OutputPath)
	for _, in := range list {
		if in.bucket == outputs && strings.HasSuffix(in.key, ".out") {
			if _, ours, err := own(in.bucket, in.key); err != nil {
				return nil, err
			} else if ours {
				continue
			}
		}
		bucket, key := c.job.output(in)
		source, done, err := own(bucket, key)
		if err != nil {
			return nil, err
		}
		if done {
			info, err := s.Blobs.Stat(ctx, in.bucket, in.key)
			if done = err == nil && info.ETag == source; done {
				finished++
				continue
			}
		}
		todo = append(todo, in)
	}
	return todo, s.proceed(ctx, c, func(job *Job) {
		if finished > job.Finished {
			job.Attempts = 1
		}
		job.Finished = finished
	})
}

// all transforms the objects, a few at once.
func (t *task) all(ctx context.Context, list []input, total int) error {
	var mu sync.Mutex
	var first *jobs.Failure
	failed := 0
	fail := func(in input, err error) {
		f := jobs.FailureOf(err)
		t.log.note("%s/%s: %s", in.bucket, in.key, f.Error())
		t.Log.WarnContext(ctx, "transform of an object failed", "job", t.job.TransformJobName, "object", in.uri(), "error", jobs.FullChain(err))
		mu.Lock()
		defer mu.Unlock()
		if failed++; first == nil {
			first = &jobs.Failure{Class: f.Class, Reason: in.bucket + "/" + in.key + ": " + f.Reason, Cause: err}
		}
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(max(t.workers, 2), maxFiles) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(list)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				if err := caught(func() error { return t.file(ctx, list[i]) }); err != nil && ctx.Err() == nil {
					fail(list[i], err)
				}
			}
		})
	}
	group.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case first != nil && total > 1:
		return &jobs.Failure{Class: first.Class, Reason: fmt.Sprintf("%s (%d of %d objects failed; the outputs of the others are there). See job logs for more information", first.Reason, failed, total), Cause: first}
	case first != nil:
		return &jobs.Failure{Class: first.Class, Reason: first.Reason + ". See job logs for more information", Cause: first}
	}
	return nil
}

// caught is what do returns, or a panic in it as an error: one object must not end
// the server. It catches what happens on its own goroutine alone.
func caught(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &jobs.Failure{Class: "AlgorithmError", Reason: "The transform ended in an internal fault; the server's log has the details. Please report it.", Cause: panicked(p)}
		}
	}()
	return do()
}
