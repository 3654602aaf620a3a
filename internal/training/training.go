// Package training runs SageMaker training jobs of the BlazingText algorithm.
//
// A job whose Create succeeded is on record: it runs to an end although the
// server stops or is killed in between; then it starts over. A job that
// Completed has its model, whole, under S3ModelArtifacts; one that Failed says in
// FailureReason what its owner can do. Its log can be read while it runs, half a
// second behind at most.
//
// docs/blazingtext.md is the contract that users see.
package training

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/search"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/tags"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// LogGroup is the log group of all training jobs; a job's stream in it is
// {TrainingJobName}/algo-1-{start in epoch seconds}.
const LogGroup = "/aws/sagemaker/TrainingJobs"

// Authorizer decides whether the principal of ctx may perform an action.
type Authorizer interface {
	Authorize(ctx context.Context, action, resource string) error
}

// Blobs is what training needs of a blob.Store: to find and read its data, and
// to write the model.
type Blobs interface {
	Bucket(ctx context.Context, name string) (blob.BucketInfo, error)
	List(ctx context.Context, bucket string, opt blob.ListOptions) (blob.ListPage, error)
	Stat(ctx context.Context, bucket, key string) (blob.ObjectInfo, error)
	Open(ctx context.Context, bucket, key string) (blob.Object, error)
	Put(ctx context.Context, bucket, key string, r io.Reader, opt blob.PutOptions) (blob.ObjectInfo, error)
}

// Options are what a Service is made of. Those without a remark are required.
type Options struct {
	DB         *store.DB
	Blobs      Blobs
	Authorizer Authorizer
	Roles      jobs.Roles // what a job does to buckets is authorised for its role
	Region     string
	AccountID  string

	Parallel       int              // jobs that run at once, at most; 0 means as many as there are cores, and 2 at least
	MemoryBytes    int64            // for all jobs that run at once; 0 means three quarters of the machine's memory
	Threads        int              // threads of a job that does not say; 0 means GOMAXPROCS
	MaxMemoryBytes int64            // for one job's process, 64 MiB aside; 0 means half of the machine's memory
	LeaseTTL       time.Duration    // after which a killed server's job is taken over; 0 means 10 s
	Now            func() time.Time // nil means time.Now
	Log            *slog.Logger     // nil means slog.Default()
	// Process is the command of a training process: a program that calls trainer.Main. Nil means
	// this program, called with trainer.Verb.
	Process []string
	// TempDir is the folder for texts that don't fit into a process's memory, in files without a name; empty
	// means the system's for such files.
	TempDir string
	Metrics *telemetry.Metrics // nil means some that nobody reads
	// Finished is told of each job that reached an end; it may be nil.
	Finished func(status string, took time.Duration)
	// Publish is told of each job that has final metrics, in the transaction that records its end; it may be nil.
	Publish func(ctx context.Context, job *Job) error
	// Measured is told that a tuning job's objective was recorded after an epoch; it may be nil.
	Measured func()
}

// Service is the training jobs of one server. Its methods are safe for
// concurrent use. Jobs run only while Run does.
type Service struct {
	Options
	jobs     *store.Collection[Job]
	searched search.Resource[Job]
	meters   meters
	owners   *jobs.Owners
	running  jobs.Running[context.CancelCauseFunc]
	wake     chan struct{} // there may be work

	mu    sync.Mutex
	stops bool // a job that is not running here was asked to stop
}

// New returns a Service. It starts nothing.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Blobs == nil || o.Authorizer == nil || o.Roles == nil || o.Region == "" || o.AccountID == "" {
		return nil, errors.New("training: DB, Blobs, Authorizer, Roles, Region and AccountID are required")
	}
	if o.Parallel <= 0 {
		o.Parallel = max(2, runtime.GOMAXPROCS(0))
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = machineMemory() / 4 * 3
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.MaxMemoryBytes <= 0 {
		o.MaxMemoryBytes = machineMemory() / 2
	}
	if o.Process == nil {
		var err error
		if o.Process, err = thisProgram(); err != nil {
			return nil, fmt.Errorf("training: %w", err)
		}
	}
	if o.TempDir == "" {
		o.TempDir = os.TempDir()
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
	if o.Metrics == nil {
		o.Metrics = telemetry.New()
	}
	if o.Finished == nil {
		o.Finished = func(string, time.Duration) {}
	}
	if o.Publish == nil {
		o.Publish = func(context.Context, *Job) error { return nil }
	}
	if o.Measured == nil {
		o.Measured = func() {}
	}
	records := store.NewCollection[Job](o.DB, "training job")
	return &Service{
		Options:  o,
		jobs:     records,
		searched: searchable(records),
		meters:   newMeters(o.Metrics),
		owners:   jobs.NewOwners(),
		wake:     make(chan struct{}, 1),
	}, nil
}

// Create puts a job on record, to run as soon as there is room. What can be
// known to be wrong with it is refused here, as Invalid errors in AWS's words; a
// name that is taken is a Conflict with code ResourceInUse.
func (s *Service) Create(ctx context.Context, spec Spec) (Job, error) {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:CreateTrainingJob", s.arn(spec.TrainingJobName)); err != nil {
		return Job{}, err
	}
	return s.put(ctx, spec, nil, s.checkFor(ctx, &spec))
}

// checkFor refuses what can be known to be wrong with a job, or that the caller
// may not hand its role on.
func (s *Service) checkFor(ctx context.Context, spec *Spec) error {
	if err := s.checkSpec(spec); err != nil {
		return err
	}
	if err := s.Roles.Pass(ctx, spec.RoleArn, s.arn(spec.TrainingJobName)); err != nil {
		return err
	}
	return s.checkData(ctx, spec)
}

// check is checkFor for a job whose creator was asked before.
func (s *Service) check(ctx context.Context, spec *Spec) error {
	if err := s.checkSpec(spec); err != nil {
		return err
	}
	return s.checkData(ctx, spec)
}

func (s *Service) checkSpec(spec *Spec) error {
	settings, err := spec.validate()
	if err != nil {
		return err
	}
	return s.checkMemory(settings)
}

// Describe returns the job of that name.
func (s *Service) Describe(ctx context.Context, name string) (Job, error) {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:DescribeTrainingJob", s.arn(name)); err != nil {
		return Job{}, err
	}
	r, err := s.jobs.Get(ctx, name)
	if err != nil {
		return Job{}, notFound(err)
	}
	return jobOf(r), nil
}

// List returns a page of jobs, with the members that q names, and the token of the
// next page, "" if there is none.
func (s *Service) List(ctx context.Context, q store.Query) ([]Job, string, error) {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:ListTrainingJobs", "*"); err != nil {
		return nil, "", err
	}
	records, next, err := s.jobs.List(ctx, q)
	list := make([]Job, len(records))
	for i, r := range records {
		list[i] = jobOf(r)
	}
	return list, next, err
}

// Stop asks the job to end without a model. One that has not been started is
// Stopped at once, one that runs is Stopping, for a moment; to stop it again
// changes nothing. One that has ended is refused.
func (s *Service) Stop(ctx context.Context, name string) error {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:StopTrainingJob", s.arn(name)); err != nil {
		return err
	}
	return s.stop(ctx, name)
}

func (s *Service) stop(ctx context.Context, name string) error {
	r, err := s.jobs.Update(ctx, name, func(r *store.Record[Job]) error {
		job, now := &r.Doc, s.Now()
		if job.Done() {
			return errs.Invalidf("The request was rejected because the training job is in status %s.", job.TrainingJobStatus)
		}
		if job.TrainingJobStatus == Stopping {
			return nil
		}
		job.TrainingJobStatus = Stopping
		job.enter(Stopping, "Stopping the training job", now)
		r.Due = time.Unix(1, 0) // before all other work, if its worker is gone
		if job.Worker == "" {
			job.end(Stopped, Stopped, "Training job stopped", now)
			r.Due = time.Time{}
		}
		r.Status = job.TrainingJobStatus
		return nil
	})
	if err != nil {
		return notFound(err)
	}
	cancel, here := s.running.Get(name)
	s.mu.Lock()
	s.stops = s.stops || !here
	s.mu.Unlock()
	if r.Doc.Done() {
		s.ended(&r.Doc)
		jobs.Signal(s.wake)
		return nil
	}
	if here {
		cancel(errStopped)
	} else {
		jobs.Signal(s.wake)
	}
	return nil
}

// Delete removes a job that has ended. Its model and its log stay, and its name
// is free.
func (s *Service) Delete(ctx context.Context, name string) error {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:DeleteTrainingJob", s.arn(name)); err != nil {
		return err
	}
	_, err := s.jobs.Delete(ctx, name, func(r store.Record[Job]) error {
		if !r.Doc.Done() {
			return errs.Invalidf("The training job %s can't be deleted, as it is in status %s. Stop it, or wait for its end.", r.Name, r.Doc.TrainingJobStatus)
		}
		return nil
	})
	return notFound(err)
}

// checkData looks whether there is data and a place for the model, so that the
// common slips are told at once and not in a failed job.
func (s *Service) checkData(ctx context.Context, spec *Spec) error {
	ctx, err := s.Roles.Assume(ctx, spec.RoleArn, s.arn(spec.TrainingJobName))
	if err != nil {
		return err
	}
	for _, ch := range spec.InputDataConfig {
		if _, err := s.listChannel(ctx, spec, ch, maxChecked); err != nil {
			return err
		}
	}
	bucket, key, err := spec.artifact()
	if err != nil {
		return err
	}
	if err := s.Authorizer.Authorize(ctx, "s3:PutObject", jobs.ObjectARN(bucket, key)); err != nil {
		return errs.Wrap(err, errs.Invalid, "", "The role %q may not write the model to %q. Allow it s3:PutObject there.",
			spec.RoleArn, spec.OutputDataConfig.S3OutputPath)
	}
	if _, err := s.Blobs.Bucket(ctx, bucket); errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
		return errs.Wrap(err, errs.Invalid, "", "The S3 bucket %q given in output data config does not exist. "+
			"Create it, or give another S3OutputPath. Error message from S3: %s", bucket, errs.MessageOf(err))
	} else if err != nil {
		return err
	}
	return nil
}

// checkMemory refuses what this machine can't hold.
func (s *Service) checkMemory(p settings) error {
	if need := p.hashed() * int64(p.int("vector_dim")) * 4; need > s.MaxMemoryBytes {
		return errs.Invalidf("The hyperparameters 'buckets' (%d) and 'vector_dim' (%d) make a matrix of %s, and a training job on this server may have %s. "+
			"Choose fewer buckets or dimensions.", p.int("buckets"), p.int("vector_dim"), byteSize(need), byteSize(s.MaxMemoryBytes))
	}
	return nil
}

// Tagged is what has tags, by the kind in its ARN.
func (s *Service) Tagged() map[string]tags.Resource {
	return map[string]tags.Resource{"training-job": tags.Of(s.jobs, func(j *Job) *[]tags.Tag { return &j.Tags })}
}

func (s *Service) arn(name string) string {
	return fmt.Sprintf("arn:aws:sagemaker:%s:%s:training-job/%s", s.Region, s.AccountID, strings.ToLower(name))
}

func jobOf(r store.Record[Job]) Job {
	job := r.Doc
	job.CreationTime, job.LastModifiedTime = r.Created, r.Updated
	return job
}

// notFound words a missing job as SageMaker does.
func notFound(err error) error {
	if errs.Is(err, errs.NotFound) {
		return errs.Wrap(err, errs.Invalid, "ValidationException", "Requested resource not found.")
	}
	return err
}

// byteSize is for messages.
func byteSize(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}
