package training

import (
	"context"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/training/trainer"
)

// Tuned says that a job is one of a tuning job's.
type Tuned struct {
	TuningJobArn string
	Objective    string // the metric that the tuning job looks at
	EveryEpoch   bool   // measure Objective after each epoch, and record it in Job.Epochs
}

// EpochMetric is the objective of a tuning job after an epoch of one of its jobs.
type EpochMetric struct {
	Epoch int // from 1
	Value float64
	At    time.Time
}

// CreateTuned is Create for a tuning job: who may have it was decided when that
// was created. A job that Create would refuse is on record too, as Failed. To
// create a job again that the same tuning job has created returns that job, so
// that a tuning job that was interrupted can go on.
func (s *Service) CreateTuned(ctx context.Context, spec Spec, tuned Tuned) (Job, error) {
	job, err := s.put(ctx, spec, &tuned, s.check(ctx, &spec))
	if errs.CodeOf(err) != "ResourceInUse" {
		return job, err
	}
	if job, gerr := s.Tuned(ctx, spec.TrainingJobName); gerr == nil && job.Tuned != nil && job.Tuned.TuningJobArn == tuned.TuningJobArn {
		return job, nil
	}
	return Job{}, err
}

// CheckTuned returns the error that Create would return for spec, for a tuning
// job that is about to be created.
func (s *Service) CheckTuned(ctx context.Context, spec Spec) error { return s.checkFor(ctx, &spec) }

// Tuned is Describe for the tuning job that created the job.
func (s *Service) Tuned(ctx context.Context, name string) (Job, error) {
	r, err := s.jobs.Get(ctx, name)
	return jobOf(r), err
}

// StopTuned is Stop for the tuning job that created the job. To stop a job that
// has ended changes nothing.
func (s *Service) StopTuned(ctx context.Context, name string) error {
	r, err := s.jobs.Get(ctx, name)
	if err != nil || r.Doc.Done() {
		return err
	}
	if err = s.stop(ctx, name); errs.Is(err, errs.Invalid) {
		return nil // it has ended just now
	}
	return err
}

// put records a job; refusal is why it is Failed from the start, or nil.
func (s *Service) put(ctx context.Context, spec Spec, tuned *Tuned, refusal error) (Job, error) {
	arn := s.arn(spec.TrainingJobName)
	if refusal != nil {
		switch errs.KindOf(refusal) {
		case errs.Invalid, errs.NotFound, errs.Denied, errs.TooLarge, errs.Unsupported:
		default: // it may be different soon
			return Job{}, refusal
		}
		if tuned == nil {
			return Job{}, refusal
		}
	}
	if spec.StoppingCondition.MaxRuntimeInSeconds == nil {
		day := int((24 * time.Hour).Seconds())
		spec.StoppingCondition.MaxRuntimeInSeconds = &day
	}
	now := s.Now()
	job := Job{Spec: spec, TrainingJobArn: arn, TrainingJobStatus: InProgress, Tuned: tuned}
	job.enter(Starting, "Starting the training job", now)
	r := store.Record[Job]{Name: spec.TrainingJobName, Due: now}
	if refusal != nil {
		job.FailureReason = jobs.FailureReason(refusal)
		job.end(Failed, Failed, job.FailureReason, now)
		r.Due = time.Time{}
	}
	r.Status, r.Doc = job.TrainingJobStatus, job
	r, err := s.jobs.Create(ctx, r)
	if errs.Is(err, errs.Conflict) {
		return Job{}, errs.Wrap(err, errs.Conflict, "ResourceInUse", "Training job names must be unique within an AWS account and region, "+
			"and a training job with this name already exists (%s)", arn)
	} else if err != nil {
		return Job{}, err
	}
	jobs.Signal(s.wake)
	return jobOf(r), nil
}

// reportEpoch records the objective of a tuning job after an epoch.
func (s *Service) reportEpoch(ctx context.Context, c *claim, epoch trainer.Epoch) error {
	at := s.Now()
	for _, metric := range epoch.Metrics {
		if c.job.Tuned != nil && metric.Name == c.job.Tuned.Objective {
			err := s.proceed(ctx, c, func(job *Job) {
				job.Epochs = append(job.Epochs, EpochMetric{epoch.Number, metric.Value, at})
			})
			s.Measured()
			return err
		}
	}
	return nil
}
