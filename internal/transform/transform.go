// Package transform runs SageMaker batch transform jobs: a model's answers to
// every record of the objects under a prefix.
//
// A job whose Create succeeded is on record: it runs to an end although the
// server stops or is killed in between, and then does not repeat the objects it
// had finished. An output appears whole, with the answers in the order of the
// records, or not at all. Memory is bounded whatever the size of the objects.
//
// docs/transform.md is the contract that users see.
package transform

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/tags"
)

// LogGroup is the log group of all transform jobs. A job's streams in it are
// {TransformJobName}/i-local-{start in epoch seconds}, and that with /data-log.
const LogGroup = "/aws/sagemaker/TransformJobs"

// Authorizer decides whether the principal of ctx may perform an action.
type Authorizer interface {
	Authorize(ctx context.Context, action, resource string) error
}

// Models is where jobs find their models.
type Models interface {
	// Find returns what a model was made of. One that does not exist is an error
	// in SageMaker's words.
	Find(ctx context.Context, name string) (Model, error)
	// Load brings the model in an artifact into memory, until it is closed.
	Load(ctx context.Context, dataURL string) (Predictor, error)
}

// Model is what a model was made of.
type Model struct {
	DataURL string // s3:// address of the artifact
	RoleArn string // whose rights jobs of the model have
}

// Predictor is a model in memory. Predict is safe for concurrent use.
type Predictor interface {
	// Predict answers a payload as an endpoint would. What the model refuses is a *Refusal.
	Predict(ctx context.Context, p Payload) ([]byte, error)
	Close()
}

// Payload is a request to a model.
type Payload struct {
	ContentType string
	Body        []byte // not kept, not changed
	FirstLine   int    // of Body in its object, from 1, for messages
	MaxAnswer   int    // bytes
	Timeout     time.Duration
}

// A Refusal is what the model's own server would answer instead of results:
// 4xx for bad records, 413 if the answer would be too long, 0 if it took too long.
type Refusal struct {
	Status  int
	Message string
}

func (r *Refusal) Error() string { return r.Message }

// Blobs is what transform needs of a blob.Store: to find and read objects, and
// to write outputs.
type Blobs interface {
	Bucket(ctx context.Context, name string) (blob.BucketInfo, error)
	List(ctx context.Context, bucket string, opt blob.ListOptions) (blob.ListPage, error)
	Open(ctx context.Context, bucket, key string) (blob.Object, error)
	Stat(ctx context.Context, bucket, key string) (blob.ObjectInfo, error)
	Put(ctx context.Context, bucket, key string, r io.Reader, opt blob.PutOptions) (blob.ObjectInfo, error)
}

// Options are what a Service is made of. Those without a remark are required.
type Options struct {
	DB         *store.DB
	Blobs      Blobs
	Models     Models
	Authorizer Authorizer
	Roles      jobs.Roles // what a job does to buckets is authorised for its model's role
	Region     string
	AccountID  string

	Parallel int              // jobs that run at once; 0 means 2
	Threads  int              // payloads that all jobs have computed at once; 0 means GOMAXPROCS
	LeaseTTL time.Duration    // after which a killed server's job is taken over; 0 means 10 s
	Now      func() time.Time // nil means time.Now
	Log      *slog.Logger     // nil means slog.Default()
	// Ended is told of each job that reached an end; it may be nil.
	Ended func(status string)
}

// Service is the transform jobs of one server. Its methods are safe for
// concurrent use. Jobs run only while Run does.
type Service struct {
	Options
	jobs       *store.Collection[Job]
	owners     *jobs.Owners
	running    jobs.Running[context.CancelCauseFunc]
	wake       chan struct{} // there may be work
	processors chan struct{} // one taken while a payload is computed
}

// New returns a Service. It starts nothing.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Blobs == nil || o.Models == nil || o.Authorizer == nil || o.Roles == nil || o.Region == "" || o.AccountID == "" {
		return nil, errors.New("transform: DB, Blobs, Models, Authorizer, Roles, Region and AccountID are required")
	}
	if o.Parallel <= 0 {
		o.Parallel = 2
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
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
		Options:    o,
		jobs:       store.NewCollection[Job](o.DB, "transform job"),
		owners:     jobs.NewOwners(),
		wake:       make(chan struct{}, 1),
		processors: make(chan struct{}, o.Threads),
	}, nil
}

// Create puts a job on record, to run as soon as there is room. What can be
// known to be wrong with it is refused here, as Invalid errors in AWS's words; a
// name that is taken is a Conflict with code ResourceInUse.
func (s *Service) Create(ctx context.Context, spec Spec) (Job, error) {
	arn := s.arn(spec.TransformJobName)
	if err := s.Authorizer.Authorize(ctx, "sagemaker:CreateTransformJob", arn); err != nil {
		return Job{}, err
	}
	spec.setDefaults()
	if err := spec.validate(); err != nil {
		return Job{}, err
	}
	model, err := s.Models.Find(ctx, spec.ModelName)
	if err != nil {
		return Job{}, err
	}
	if err := s.checkData(ctx, &spec, model); err != nil {
		return Job{}, err
	}
	job := Job{Spec: spec, TransformJobArn: arn, TransformJobStatus: InProgress, ID: rand.Text(), Model: model}
	r, err := s.jobs.Create(ctx, store.Record[Job]{Name: spec.TransformJobName, Status: InProgress, Due: s.Now(), Doc: job})
	if errs.Is(err, errs.Conflict) {
		return Job{}, errs.Wrap(err, errs.Conflict, "ResourceInUse", "Transform job names must be unique within an AWS account and region, "+
			"and a transform job with this name already exists (%s)", arn)
	} else if err != nil {
		return Job{}, err
	}
	jobs.Signal(s.wake)
	return jobOf(r), nil
}

// checkData looks whether there is data and a place for the results, so that the
// common slips are told at once and not in a failed job.
func (s *Service) checkData(ctx context.Context, spec *Spec, model Model) error {
	role := model.RoleArn
	ctx, err := s.Roles.Assume(ctx, role, s.arn(spec.TransformJobName))
	if err != nil {
		return err
	}
	list, err := s.inputs(ctx, spec, role, 1)
	if err != nil {
		return err
	}
	if err := s.mayLoad(ctx, model); err != nil {
		return err
	}
	bucket, key := spec.output(list[0])
	if err := s.Authorizer.Authorize(ctx, "s3:PutObject", jobs.ObjectARN(bucket, key)); err != nil {
		return errs.Wrap(err, errs.Invalid, "", "The role %q may not write to %q. Allow it s3:PutObject there.", role, spec.TransformOutput.S3OutputPath)
	}
	if _, err := s.Blobs.Bucket(ctx, bucket); errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
		return errs.Wrap(err, errs.Invalid, "", "The S3 bucket %q given in S3OutputPath does not exist. "+
			"Create it, or give another S3OutputPath. Error message from S3: %s", bucket, errs.MessageOf(err))
	} else if err != nil {
		return err
	}
	return nil
}

// mayLoad refuses a model whose artifact the role that acts in ctx may not read.
func (s *Service) mayLoad(ctx context.Context, model Model) error {
	bucket, key, err := jobs.ParseURI(model.DataURL)
	if err != nil {
		return err
	}
	if err := s.Authorizer.Authorize(ctx, "s3:GetObject", jobs.ObjectARN(bucket, key)); err != nil {
		return errs.Wrap(err, errs.Invalid, "", "The role %q may not read the model data at %s. Allow it s3:GetObject there.", model.RoleArn, model.DataURL)
	}
	return nil
}

// Describe returns the job of that name.
func (s *Service) Describe(ctx context.Context, name string) (Job, error) {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:DescribeTransformJob", s.arn(name)); err != nil {
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
	if err := s.Authorizer.Authorize(ctx, "sagemaker:ListTransformJobs", "*"); err != nil {
		return nil, "", err
	}
	records, next, err := s.jobs.List(ctx, q)
	jobs := make([]Job, len(records))
	for i, r := range records {
		jobs[i] = jobOf(r)
	}
	return jobs, next, err
}

// Stop asks the job to end; outputs of finished objects stay. One that no worker
// has is Stopped at once, one that runs is Stopping, for a moment; to stop it
// again changes nothing. One that has ended is refused.
func (s *Service) Stop(ctx context.Context, name string) error {
	if err := s.Authorizer.Authorize(ctx, "sagemaker:StopTransformJob", s.arn(name)); err != nil {
		return err
	}
	r, err := s.jobs.Update(ctx, name, func(r *store.Record[Job]) error {
		job := &r.Doc
		if job.Done() {
			return errs.Invalidf("The request was rejected because the transform job is in status %s.", job.TransformJobStatus)
		}
		job.TransformJobStatus = Stopping
		r.Due = time.Unix(1, 0) // before all other work, if its worker is gone
		if job.Worker == "" {
			job.end(Stopped, "", s.Now())
			r.Due = time.Time{}
		}
		r.Status = job.TransformJobStatus
		return nil
	})
	if err != nil {
		return notFound(err)
	}
	if r.Doc.Done() {
		s.Ended(Stopped)
		return nil
	}
	if cancel, here := s.running.Get(name); here {
		cancel(errStopped)
	} else {
		jobs.Signal(s.wake)
	}
	return nil
}

// Tagged is what has tags, by the kind in its ARN.
func (s *Service) Tagged() map[string]tags.Resource {
	return map[string]tags.Resource{"transform-job": tags.Of(s.jobs, func(j *Job) *[]tags.Tag { return &j.Tags })}
}

func (s *Service) arn(name string) string {
	return fmt.Sprintf("arn:aws:sagemaker:%s:%s:transform-job/%s", s.Region, s.AccountID, strings.ToLower(name))
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
