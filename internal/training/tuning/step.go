package tuning

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/training"
)

// step looks at the training jobs, decides what to do, puts that on record and
// does it. Each part may be repeated by the next step: what is on record is what
// counts, and a kill between any two lines leaves nothing that the next step
// doesn't finish.
func (s *Service) step(ctx context.Context, name, owner string) (done bool, err error) {
	r, err := s.jobs.Get(ctx, name)
	if err != nil {
		return false, err
	}
	job := jobOf(r)
	if job.Done() {
		return true, nil
	}
	before := slices.Clone(job.Trials)
	closed := job.Closing
	if err := s.observe(ctx, &job); err != nil {
		return false, err
	}
	s.judge(&job)
	s.close(&job)
	ended := s.finished(&job)
	if ended || closed != job.Closing || !reflect.DeepEqual(before, job.Trials) {
		err := s.update(ctx, name, owner, func(stored *Job) {
			stored.Trials, stored.Closing, stored.ConvergenceDetectedTime = job.Trials, job.Closing, job.ConvergenceDetectedTime
			if ended && (stored.HyperParameterTuningJobStatus != Stopping || job.HyperParameterTuningJobStatus == Stopped) {
				stored.end(job.HyperParameterTuningJobStatus, job.FailureReason, job.HyperParameterTuningEndTime)
			} else {
				ended = false // asked to stop just now
			}
		})
		if err != nil {
			return false, err
		}
		if ended {
			s.Ended(job.HyperParameterTuningJobStatus)
			s.Log.InfoContext(ctx, "tuning job ended", "job", name, "status", job.HyperParameterTuningJobStatus,
				"trials", len(job.Trials), "reason", job.FailureReason)
			return true, nil
		}
	}
	stopping := job.HyperParameterTuningJobStatus == Stopping || job.Closing != ""
	for i := range job.Trials {
		if t := &job.Trials[i]; t.Status != "" && !t.Done() && (stopping || t.Stopped) {
			if err := s.Jobs.StopTuned(ctx, t.Name); err != nil && !errs.Is(err, errs.NotFound) {
				return false, err
			}
		}
	}
	if stopping {
		return false, nil
	}
	if planned := s.plan(&job); len(planned) > 0 {
		err := s.update(ctx, name, owner, func(stored *Job) {
			if stored.HyperParameterTuningJobStatus == InProgress {
				stored.Trials = append(stored.Trials, planned...)
			} else {
				planned = nil
			}
		})
		if err != nil {
			return false, err
		}
		job.Trials = append(job.Trials, planned...)
	}
	return false, s.start(ctx, &job)
}

// start creates the training jobs that are on record and don't exist yet.
func (s *Service) start(ctx context.Context, job *Job) error {
	for i := range job.Trials {
		t := &job.Trials[i]
		if t.Status != "" {
			continue
		}
		_, err := s.Jobs.CreateTuned(ctx, job.child(t.Definition, t.Name, t.Values), training.Tuned{
			TuningJobArn: job.HyperParameterTuningJobArn,
			Objective:    job.Objective(t.Definition).MetricName,
			EveryEpoch:   job.everyEpoch(),
		})
		if err != nil {
			return fmt.Errorf("create training job %s: %w", t.Name, err)
		}
	}
	return nil
}

func (j *Job) everyEpoch() bool {
	c := &j.HyperParameterTuningJobConfig
	return c.Strategy == "Hyperband" || c.TrainingJobEarlyStoppingType == "Auto"
}

// observe brings the trials up to date with their training jobs.
func (s *Service) observe(ctx context.Context, job *Job) error {
	if job.HyperParameterTuningJobStatus == Stopping || job.Closing != "" {
		// What was planned and not created yet won't be.
		planned := func(t Trial) (gone bool) {
			_, err := s.Jobs.Tuned(ctx, t.Name)
			return t.Status == "" && errs.Is(err, errs.NotFound)
		}
		job.Trials = slices.DeleteFunc(slices.Clone(job.Trials), planned)
	}
	for i := range job.Trials {
		t := &job.Trials[i]
		if t.Done() {
			continue
		}
		child, err := s.Jobs.Tuned(ctx, t.Name)
		switch {
		case errs.Is(err, errs.NotFound) && t.Status == "":
			continue // start creates it
		case errs.Is(err, errs.NotFound):
			t.Status, t.FailureReason, t.Ended = training.Failed, "ClientError: The training job was deleted.", s.Now()
			continue
		case err != nil:
			return err
		}
		t.observe(&child, job.Objective(t.Definition).MetricName)
	}
	return nil
}

func (t *Trial) observe(child *training.Job, metric string) {
	t.Status, t.FailureReason = child.TrainingJobStatus, child.FailureReason
	t.Created, t.Started, t.Ended = child.CreationTime, child.TrainingStartTime, child.TrainingEndTime
	if t.Done() && t.Ended.IsZero() { // it never started
		t.Ended = child.LastModifiedTime
	}
	t.Curve = nil
	for _, e := range child.Epochs {
		t.Curve = append(t.Curve, e.Value)
	}
	for _, m := range child.FinalMetricDataList {
		if m.MetricName == metric {
			t.Value = &m.Value
		}
	}
	if t.Stopped && t.Status == training.Stopped && len(t.Curve) > 0 {
		last := t.Curve[len(t.Curve)-1]
		t.Value = &last
	}
}

// planTime is after how long plan leaves further choices to the next step, so
// that those made already don't wait, nor does a stop.
const planTime = 200 * time.Millisecond

// plan chooses the next trials, as many as may run beside the others.
func (s *Service) plan(job *Job) (planned []Trial) {
	limits := job.HyperParameterTuningJobConfig.ResourceLimits
	running := 0
	for i := range job.Trials {
		if !job.Trials[i].Done() {
			running++
		}
	}
	for began := time.Now(); running+len(planned) < limits.MaxParallelTrainingJobs && time.Since(began) < planTime; {
		t, ok := s.retry(job, planned)
		if !ok {
			t, ok = s.choose(job, planned)
		}
		if !ok {
			break
		}
		t.Name = fmt.Sprintf("%s-%03d-%s", job.HyperParameterTuningJobName, len(job.Trials)+len(planned)+1, suffix())
		planned = append(planned, t)
	}
	return planned
}

func suffix() string {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// retryable reports whether a trial failed through no fault of its own.
func retryable(t *Trial) bool {
	return t.Status == training.Failed && strings.HasPrefix(t.FailureReason, "InternalServerError")
}

// retry is the repetition of a trial that failed through no fault of its own,
// where its definition asks for that.
func (s *Service) retry(job *Job, planned []Trial) (Trial, bool) {
	for i := range job.Trials {
		t := &job.Trials[i]
		strategy := job.Definitions()[t.Definition].RetryStrategy
		if !retryable(t) || strategy == nil || t.Retry >= strategy.MaximumRetryAttempts {
			continue
		}
		again := func(o Trial) bool {
			return o.Retry == t.Retry+1 && o.Definition == t.Definition && reflect.DeepEqual(o.Values, t.Values)
		}
		if !slices.ContainsFunc(job.Trials, again) && !slices.ContainsFunc(planned, again) {
			return Trial{Definition: t.Definition, Values: t.Values, Bracket: t.Bracket, Retry: t.Retry + 1}, true
		}
	}
	return Trial{}, false
}

// finished ends the job if there is nothing left to do, and reports whether.
func (s *Service) finished(job *Job) bool {
	for i := range job.Trials {
		if t := &job.Trials[i]; !t.Done() {
			return false
		}
	}
	now := s.Now()
	switch stopping := job.HyperParameterTuningJobStatus == Stopping; {
	case stopping:
		job.end(Stopped, "", now)
	case job.Closing == outOfTime:
		job.end(Stopped, fmt.Sprintf("The tuning job ran for MaxRuntimeInSeconds (%d).", *job.HyperParameterTuningJobConfig.ResourceLimits.MaxRuntimeInSeconds), now)
	case job.Closing == allFailed:
		job.end(Failed, job.noSuccess(), now)
	case job.Closing == enough:
		job.end(Completed, "", now)
	case s.more(job):
		return false
	case job.Counters().Succeeded == 0:
		job.end(Failed, job.noSuccess(), now)
	default:
		job.end(Completed, "", now)
	}
	return true
}

func (j *Job) noSuccess() string {
	text := fmt.Sprintf("No training job succeeded after %d attempts. For additional details, please take a look at the training job failures "+
		"by listing training jobs for the hyperparameter tuning job.", len(j.Trials))
	for i := range j.Trials {
		t := &j.Trials[i]
		if t.FailureReason != "" {
			return jobs.Clip(text+" The first failed with: "+t.FailureReason, 1020)
		}
		if t.Status == training.Completed {
			return text + " The first completed, but did not report the metric " + j.Objective(t.Definition).MetricName + "."
		}
	}
	return text
}

// runtime is how long the job has run.
func (j *Job) runtime(now time.Time) time.Duration {
	if !j.HyperParameterTuningEndTime.IsZero() {
		now = j.HyperParameterTuningEndTime
	}
	return max(0, now.Sub(j.CreationTime))
}

// RuntimeSeconds is for how long the job has run, up to now or its end.
func (j *Job) RuntimeSeconds(now time.Time) int { return int(j.runtime(now).Seconds()) }
