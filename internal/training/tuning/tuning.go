// Package tuning runs SageMaker's automatic model tuning: it starts training
// jobs with hyperparameters that package search chooses, and finds the best.
//
// A tuning job whose Create succeeded is on record and goes on after the server
// was stopped or killed. What a training job is called and what it tries is on
// record before it exists, so that none is lost and none is run twice. With a
// RandomSeed, the strategies Random, Grid and Hyperband choose the same again;
// so does Bayesian if its training jobs end with the same metrics in the same order.
//
// docs/tuning.md is the contract that users see.
package tuning

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/tags"
	"github.com/heliograph/heliograph/internal/training"
)

// Options are what a Service is made of. Those without a remark are required.
type Options struct {
	DB         *store.DB
	Jobs       *training.Service
	Authorizer training.Authorizer
	Region     string
	AccountID  string

	LeaseTTL time.Duration    // after which a killed server's tuning job is taken over; 0 means 10 s
	Now      func() time.Time // nil means time.Now
	Log      *slog.Logger     // nil means slog.Default()
	// Ended is told of each tuning job that reached an end; it may be nil.
	Ended func(status string)
}

// Service is the tuning jobs of one server. Its methods are safe for concurrent
// use. Tuning jobs go on only while Run runs.
type Service struct {
	Options
	jobs    *store.Collection[Job]
	owners  *jobs.Owners
	running jobs.Running[chan struct{}] // wakes a tuning job
	wake    chan struct{}               // there may be a tuning job to take
	busy    chan struct{}               // held while choosing, which takes a core
}

// New returns a Service. It starts nothing.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Jobs == nil || o.Authorizer == nil || o.Region == "" || o.AccountID == "" {
		return nil, errors.New("tuning: DB, Jobs, Authorizer, Region and AccountID are required")
	}
	if o.LeaseTTL <= 0 {
		o.LeaseTTL = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Ended == nil {
		o.Ended = func(string) {}
	}
	return &Service{
		Options: o,
		jobs:    store.NewCollection[Job](o.DB, "hyperparameter tuning job"),
		owners:  jobs.NewOwners(),
		wake:    make(chan struct{}, 1),
		busy:    make(chan struct{}, 1),
	}, nil
}

// Create puts a tuning job on record, to run at once. What can be known to be
// wrong with it or its training jobs is refused here, as Invalid errors; a name
// that is taken is a Conflict with code ResourceInUse.
func (s *Service) Create(ctx context.Context, spec Spec) (Job, error) {
	arn := s.arn(spec.HyperParameterTuningJobName)
	if err := s.Authorizer.Authorize(ctx, "sagemaker:CreateHyperParameterTuningJob", arn); err != nil {
		return Job{}, err
	}
	if err := spec.autotune(); err != nil {
		return Job{}, err
	}
	if err := spec.validate(); err != nil {
		return Job{}, err
	}
	if err := s.check(ctx, &spec); err != nil {
		return Job{}, err
	}
	spec.complete()
	job := Job{Spec: spec, HyperParameterTuningJobArn: arn, HyperParameterTuningJobStatus: InProgress}
	if err := s.warmStart(ctx, &job); err != nil {
		return Job{}, err
	}
	if given := spec.HyperParameterTuningJobConfig.RandomSeed; given != nil {
		job.Seed = uint64(*given)
	} else {
		var b [8]byte
		rand.Read(b[:]) // never fails
		job.Seed = binary.LittleEndian.Uint64(b[:])
	}
	r, err := s.jobs.Create(ctx, store.Record[Job]{
		Name: spec.HyperParameterTuningJobName, Status: InProgress, Due: s.Now(), Doc: job})
	if errs.Is(err, errs.Conflict) {
		return Job{}, errs.Wrap(err, errs.Conflict, "ResourceInUse",
			"A hyperparameter tuning job with the name, %s, already exists. Choose a different name.", spec.HyperParameterTuningJobName)
	} else if err != nil {
		return Job{}, err
	}
	jobs.Signal(s.wake)
	return jobOf(r), nil
}

// Describe returns the tuning job of that name.
func (s *Service) Describe(ctx context.Context, name string) (Job, error) {
	return s.get(ctx, "sagemaker:DescribeHyperParameterTuningJob", name)
}

func (s *Service) get(ctx context.Context, action, name string) (Job, error) {
	if err := s.Authorizer.Authorize(ctx, action, s.arn(name)); err != nil {
		return Job{}, err
	}
	r, err := s.jobs.Get(ctx, name)
	if err != nil {
		return Job{}, notFound(err, name)
	}
	return jobOf(r), nil
}

// List returns a page of tuning jobs and the token of the next page, "" if there is none.
func (s *Service) List(ctx context.Context, q store.Query) ([]Job, string, error) {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:ListHyperParameterTuningJobs", "*"); err != nil {
		return nil, "", err
	}
	records, next, err := s.jobs.List(ctx, q)
	jobs := make([]Job, len(records))
	for i, r := range records {
		jobs[i] = jobOf(r)
	}
	return jobs, next, err
}

// Stop asks the tuning job to end, and stops its training jobs. To stop it again
// changes nothing. One that has ended is refused.
func (s *Service) Stop(ctx context.Context, name string) error {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:StopHyperParameterTuningJob", s.arn(name)); err != nil {
		return err
	}
	_, err := s.jobs.Update(ctx, name, func(r *store.Record[Job]) error {
		switch job := &r.Doc; {
		case job.Done():
			return errs.Invalidf("The request was rejected because the hyperparameter tuning job is in status %s.", job.HyperParameterTuningJobStatus)
		default:
			job.HyperParameterTuningJobStatus = Stopping
			r.Status = Stopping
			return nil
		}
	})
	if err != nil {
		return notFound(err, name)
	}
	s.wakeOne(name)
	jobs.Signal(s.wake)
	return nil
}

// Delete removes the record of a tuning job that has ended. Its training jobs stay.
func (s *Service) Delete(ctx context.Context, name string) error {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:DeleteHyperParameterTuningJob", s.arn(name)); err != nil {
		return err
	}
	_, err := s.jobs.Delete(ctx, name, func(r store.Record[Job]) error {
		if !r.Doc.Done() {
			return errs.Invalidf("The request was rejected because the hyperparameter tuning job is in status %s. Stop it, and delete it when it is Stopped.",
				r.Doc.HyperParameterTuningJobStatus)
		}
		return nil
	})
	return notFound(err, name)
}

// Wake tells the tuning jobs that a training job may have ended, of which they
// would know somewhat later anyway.
func (s *Service) Wake() {
	for _, c := range s.running.All() {
		jobs.Signal(c)
	}
}

func (s *Service) wakeOne(name string) {
	if c, here := s.running.Get(name); here {
		jobs.Signal(c)
	}
}

// Tagged is what has tags, by the kind in its ARN.
func (s *Service) Tagged() map[string]tags.Resource {
	return map[string]tags.Resource{"hyper-parameter-tuning-job": tags.Of(s.jobs, func(j *Job) *[]tags.Tag { return &j.Tags })}
}

func (s *Service) arn(name string) string {
	return fmt.Sprintf("arn:aws:sagemaker:%s:%s:hyper-parameter-tuning-job/%s", s.Region, s.AccountID, strings.ToLower(name))
}

// TrainingJobArn is the ARN of a trial.
func (s *Service) TrainingJobArn(t *Trial) string {
	return fmt.Sprintf("arn:aws:sagemaker:%s:%s:training-job/%s", s.Region, s.AccountID, strings.ToLower(t.Name))
}

func jobOf(r store.Record[Job]) Job {
	job := r.Doc
	job.CreationTime, job.LastModifiedTime = r.Created, r.Updated
	return job
}

func notFound(err error, name string) error {
	if errs.Is(err, errs.NotFound) {
		return errs.Wrap(err, errs.NotFound, "ResourceNotFound", "Amazon SageMaker can't find a hyperparameter tuning job with the name %q.", jobs.Clip(name, 63))
	}
	return err
}
