// Package serving keeps models, endpoint configs and endpoints, and answers
// invocations with them.
//
// It guarantees: a record is on disk when its Create call returns; an endpoint
// moves from Creating to InService or Failed, and from one config to another, by
// work that survives a killed process; it answers all through an update; an endpoint in service is loaded again at once after a restart,
// whatever became of its model, its config or the object it came from; one
// artifact is unpacked once and in memory once, however many endpoints use it.
// Invoke takes no lock that others hold for long and never reads the database.
//
// What the caller sends is predicted as it stands: like BlazingText, this
// package splits text at white space and does not lower-case or clean it.
package serving

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/tags"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// Authorizer decides whether the caller of ctx may do action on resource.
type Authorizer interface {
	Authorize(ctx context.Context, action, resource string) error
}

// Objects is where model artifacts and asynchronous requests are read from, and
// where answers to these and captured data are put.
type Objects interface {
	Open(ctx context.Context, bucket, key string) (blob.Object, error)
	Stat(ctx context.Context, bucket, key string) (blob.ObjectInfo, error)
	Put(ctx context.Context, bucket, key string, r io.Reader, opt blob.PutOptions) (blob.ObjectInfo, error)
}

// Options are what a Service works with. Zero limits mean the defaults given.
type Options struct {
	DB      *store.DB
	Objects Objects
	Auth    Authorizer
	Metrics *telemetry.Metrics
	Log     *slog.Logger
	Region  string // e.g. "us-east-1"
	Account string // 12 digits
	Dir     string // folder of unpacked models; created if need be, and nobody else's

	// Roles are what models and endpoints act as: model data, asynchronous requests and
	// captured data are read and put as the execution role.
	Roles       jobs.Roles
	DefaultRole string // ARN of the role of models that name none; who creates one hands it on

	// Alarms roll updates back; nil: updates that name alarms are refused.
	Alarms     Alarms
	AlarmPause time.Duration // between two looks at the alarms of an update; default 1 s

	Instance         string        // names this server in log streams; default "i-local"
	MaxModelBytes    int64         // size of one unpacked model; default 8 GiB
	MaxResponseBytes int           // size of one answer; default 25 MiB
	Loaders          int           // models unpacked or loaded at once; default the number of processors, at least 2
	Concurrency      int           // invocations computed at once; default 16 per processor
	Queue            int           // invocations that may wait for their turn; default 4096
	Timeout          time.Duration // of one invocation; default 60 s, as SageMaker's
	AsyncConcurrency int           // asynchronous requests answered at once; default the number of processors, at least 2
	CapturePause     time.Duration // between two writes of captured data; default 5 s
}

func (o *Options) setDefaults() error {
	switch {
	case o.DB == nil, o.Objects == nil, o.Auth == nil, o.Roles == nil, o.Metrics == nil, o.Log == nil:
		return errors.New("serving: DB, Objects, Auth, Roles, Metrics and Log must be given")
	case o.Region == "" || o.Account == "" || o.Dir == "":
		return errors.New("serving: Region, Account and Dir must be given")
	}
	procs := runtime.GOMAXPROCS(0)
	setDefault(&o.AlarmPause, time.Second)
	setDefault(&o.Instance, "i-local")
	setDefault(&o.MaxModelBytes, 8<<30)
	setDefault(&o.MaxResponseBytes, 25<<20)
	setDefault(&o.Loaders, max(2, procs))
	setDefault(&o.Concurrency, 16*procs)
	setDefault(&o.Queue, 4096)
	setDefault(&o.Timeout, 60*time.Second)
	setDefault(&o.AsyncConcurrency, max(2, procs))
	setDefault(&o.CapturePause, 5*time.Second)
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Service is the models, endpoint configs and endpoints of one account. All
// methods are safe for concurrent use; each asks the Authorizer first.
type Service struct {
	opt       Options
	models    *store.Collection[Model]
	configs   *store.Collection[EndpointConfig]
	endpoints *store.Collection[endpointDoc]
	requests  *store.Collection[asyncDoc]

	table    table
	backlog  *backlog
	recorder *recorder
	library  *library
	journal  *journal
	meters   meters
	slots    chan struct{} // one taken per invocation being computed
	shadows  chan struct{} // one taken per copy that a shadow variant answers
	copied   atomic.Int64  // bytes of the copies that wait for one
	waiting  atomic.Int64  // invocations that wait for a slot

	wake  chan struct{} // a record has become due
	ready chan struct{} // closed once every endpoint in service was loaded or given up
	owner string        // of leases

	running jobs.Running[context.CancelFunc] // ends the work going on, by endpoint
}

// New returns a Service; endpoints answer once Run is at work.
func New(opt Options) (*Service, error) {
	if err := opt.setDefaults(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("serving: %w", err)
	}
	host, _ := os.Hostname()
	return &Service{
		opt:       opt,
		models:    store.NewCollection[Model](opt.DB, "model"),
		configs:   store.NewCollection[EndpointConfig](opt.DB, "endpoint configuration"),
		endpoints: store.NewCollection[endpointDoc](opt.DB, "endpoint"),
		requests:  store.NewCollection[asyncDoc](opt.DB, "asynchronous request"),
		backlog:   newBacklog(),
		recorder: &recorder{
			objects: opt.Objects, roles: opt.Roles, auth: opt.Auth, log: opt.Log, pause: opt.CapturePause, full: make(chan struct{}, 1),
			dropped: opt.Metrics.Counter("heliograph_capture_dropped_total", "Sampled invocations that could not be captured.", "endpoint", "variant"),
			pending: map[captureFile][]captured{},
		},
		library: newLibrary(opt.Dir, opt.Objects, opt.MaxModelBytes, opt.Loaders),
		journal: newJournal(opt.DB, opt.Log),
		meters:  newMeters(opt.Metrics),
		slots:   make(chan struct{}, opt.Concurrency),
		shadows: make(chan struct{}, max(opt.Concurrency/16, 1)),
		wake:    make(chan struct{}, 1),
		ready:   make(chan struct{}),
		owner:   fmt.Sprintf("serving %s %d %d", host, os.Getpid(), time.Now().UnixNano()),
	}, nil
}

// Close writes captured data that waits. Run must have returned, and no
// invocation may be under way.
func (s *Service) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.recorder.flush(ctx)
}

// Ready reports whether every endpoint that was in service when Run began has
// been loaded, or has failed to.
func (s *Service) Ready() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

// WaitReady returns when Ready would report true, or with ctx's error.
func (s *Service) WaitReady(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Tagged is what has tags, by the kind in its ARN.
func (s *Service) Tagged() map[string]tags.Resource {
	return map[string]tags.Resource{
		"model":           tags.Of(s.models, func(m *Model) *[]tags.Tag { return &m.Tags }),
		"endpoint-config": tags.Of(s.configs, func(c *EndpointConfig) *[]tags.Tag { return &c.Tags }),
		"endpoint":        tags.Of(s.endpoints, func(e *endpointDoc) *[]tags.Tag { return &e.Tags }),
	}
}

// arn names a resource of this account. SageMaker writes names in lower case here.
func (s *Service) arn(kind, name string) string {
	return "arn:aws:sagemaker:" + s.opt.Region + ":" + s.opt.Account + ":" + kind + "/" + strings.ToLower(name)
}

func (s *Service) notify() {
	select {
	case s.wake <- struct{}{}:
	default: // a wake-up is already on its way
	}
}
