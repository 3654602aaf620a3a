// Package app makes one server of all the rooms: it opens what is kept on disk,
// wires the services to each other and to their APIs, and runs the two listeners.
//
// Open claims the data directory: two servers never share one. Run returns when
// its context ends and the running requests are answered, or when a part that
// the server can't do without has failed.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/awsapi/s3"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/function"
	"github.com/heliograph/heliograph/internal/gateway"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/keyring"
	"github.com/heliograph/heliograph/internal/monitor"
	"github.com/heliograph/heliograph/internal/route"
	"github.com/heliograph/heliograph/internal/serving"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/tags"
	"github.com/heliograph/heliograph/internal/telemetry"
	"github.com/heliograph/heliograph/internal/training"
	"github.com/heliograph/heliograph/internal/training/tuning"
	"github.com/heliograph/heliograph/internal/transform"
	"github.com/heliograph/heliograph/internal/triage"
)

// App is a server.
type App struct {
	cfg     Config
	version string
	log     *slog.Logger
	metrics *telemetry.Metrics
	closers []io.Closer // closed in reverse order

	db    *store.DB
	blobs *blob.Dir
	ring  *keyring.Ring
	audit *audit.Trail // nil: there is none
	iam   *iam.Service

	training  *training.Service
	tuning    *tuning.Service
	transform *transform.Service
	serving   *serving.Service
	monitor   *monitor.Service
	tags      *tags.Service
	functions functions
	granted   *function.Policies // the functions' own
	routes    *route.Service

	attempts        *wire.Attempts
	control, public *listener
	newKey          *iam.Key // set if this start made the root key
}

// Open opens the data directory and both listeners. logs is where the server's
// own log goes; version is what it calls itself.
func Open(ctx context.Context, cfg Config, version string, logs io.Writer) (a *App, err error) {
	a = &App{cfg: cfg, version: version, metrics: telemetry.New(), attempts: wire.NewAttempts(nil)}
	if a.log, err = telemetry.NewLogger(logs, cfg.LogFormat, cfg.LogLevel); err != nil {
		return nil, err
	}
	for _, open := range []func(context.Context) error{a.openData, a.openServices, a.openListeners} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// openData claims the data directory and opens everything in it.
func (a *App) openData(ctx context.Context) error {
	if err := os.MkdirAll(a.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := refuseUnfinishedRestore(a.cfg.Data); err != nil {
		return err
	}
	if err := closeToOthers(a.cfg.Data, a.log); err != nil {
		return err
	}
	blobs, err := blob.Open(a.cfg.blobDir()) // holds the lock that keeps a second server out
	if err != nil {
		return fmt.Errorf("data directory %s: %w", a.cfg.Data, err)
	}
	a.blobs, a.closers = blobs, append(a.closers, blobs)
	if a.db, err = store.Open(ctx, a.cfg.databaseFile()); err != nil {
		return err
	}
	a.closers = append(a.closers, a.db)
	if err := a.db.ReleaseLeases(ctx); err != nil {
		return err
	}
	key, created, err := iam.LoadOrCreateRootKey(a.cfg.Data, a.cfg.AccessKeyID, a.cfg.SecretAccessKey)
	if err != nil {
		return err
	}
	if created {
		a.newKey = &key
	}
	if a.ring, err = keyring.Open(ctx, a.cfg.Data, a.cfg.masterKey()); err != nil {
		return err
	}
	recorder, err := a.openAudit()
	if err != nil {
		return err
	}
	if a.granted, err = function.NewPolicies(ctx, a.db, a.cfg.Region, a.cfg.AccountID); err != nil {
		return err
	}
	a.iam, err = iam.New(iam.Config{
		RootKey: key, AccountID: a.cfg.AccountID, Region: a.cfg.Region, BucketOfHost: s3.BucketOfHost(s3Hosts),
		DB: a.db, Keyring: a.ring, Recorder: recorder, Log: a.log,
		ResourcePolicy: resourcePolicies(s3.NewPolicies(blobs).Of, a.granted.Of),
	})
	if err != nil {
		return err
	}
	return a.iam.Prepare(ctx)
}

// openServices makes the services of level 3 and fills in what each needs of
// the others.
func (a *App) openServices(ctx context.Context) (err error) {
	temp, err := filepath.Abs(a.cfg.tempDir()) // training processes work in another folder
	if err == nil {
		err = os.MkdirAll(temp, 0o700)
	}
	if err != nil {
		return fmt.Errorf("folder for temporary files: %w", err)
	}
	if err := a.openMonitor(); err != nil {
		return err
	}
	roles := a.iam.ForService("sagemaker.amazonaws.com", "SageMaker")
	a.training, err = training.New(training.Options{
		DB: a.db, Blobs: a.blobs, Authorizer: a.iam, Region: a.cfg.Region, AccountID: a.cfg.AccountID,
		Roles:    roles,
		TempDir:  temp,
		Parallel: a.cfg.TrainingJobs, MaxMemoryBytes: int64(a.cfg.TrainingMemory) << 20,
		Log:      a.log,
		Metrics:  a.metrics,
		Finished: func(string, time.Duration) { a.tuning.Wake() },
		Measured: func() { a.tuning.Wake() },
		Publish:  a.publishJob,
	})
	if err != nil {
		return err
	}
	tuned := a.metrics.Counter("heliograph_tuning_jobs_total", "Tuning jobs that reached an end.", "status")
	a.tuning, err = tuning.New(tuning.Options{
		DB: a.db, Jobs: a.training, Authorizer: a.iam, Region: a.cfg.Region, AccountID: a.cfg.AccountID, Log: a.log,
		Ended: func(status string) { tuned.Inc(status) },
	})
	if err != nil {
		return err
	}
	a.serving, err = serving.New(serving.Options{
		DB: a.db, Objects: a.blobs, Auth: a.iam, Alarms: a.monitor, Metrics: a.metrics, Log: a.log,
		Region: a.cfg.Region, Account: a.cfg.AccountID, Dir: a.cfg.cacheDir(), DefaultRole: a.iam.RoleARN(iam.ExecutionRole),
		Roles: roles,
	})
	if err != nil {
		return err
	}
	a.closers = append(a.closers, a.serving)
	transformed := a.metrics.Counter("heliograph_transform_jobs_total", "Transform jobs that reached an end.", "status")
	a.transform, err = transform.New(transform.Options{
		DB: a.db, Blobs: a.blobs, Models: batchModels{a.serving}, Authorizer: a.iam, Region: a.cfg.Region, AccountID: a.cfg.AccountID,
		Roles: roles,
		Log:   a.log,
		Ended: func(status string) { transformed.Inc(status) },
	})
	if err != nil {
		return err
	}
	if err := a.openTags(); err != nil {
		return err
	}
	functionRole := functionRole{a.iam.ForService("lambda.amazonaws.com", "function"), a.iam.RoleARN(iam.FunctionRole)}
	ask := invoker{a.serving, functionRole}
	triage := triager{triage.New(function.NewClassifier(ask), triage.DefaultConfig())}
	a.functions.Service, err = function.NewService(ctx, function.Options{
		Registry: function.NewRegistry(ask, triage), Policies: a.granted, Authorizer: a.iam, Endpoints: ask, Role: functionRole.arn, Logger: a.log,
	})
	if err != nil {
		return err
	}
	a.routes, err = route.New(ctx, route.Options{
		DB: a.db, Authorizer: a.iam, Functions: a.functions, Permissions: a.granted, Roles: functionRole, Role: functionRole.arn, Region: a.cfg.Region, Account: a.cfg.AccountID,
	})
	return err
}

// openTags gathers what has tags.
func (a *App) openTags() (err error) {
	resources := map[string]tags.Resource{}
	for _, tagged := range []interface {
		Tagged() map[string]tags.Resource
	}{a.training, a.tuning, a.transform, a.serving} {
		maps.Copy(resources, tagged.Tagged())
	}
	a.tags, err = tags.New(tags.Options{Authorizer: a.iam, Region: a.cfg.Region, AccountID: a.cfg.AccountID, Resources: resources})
	return err
}

func (a *App) openListeners(ctx context.Context) (err error) {
	if a.control, err = listen(ctx, "control", a.cfg.ControlListen); err != nil {
		return err
	}
	a.closers = append(a.closers, a.control.socket)
	if a.public, err = listen(ctx, "public", a.cfg.PublicListen); err != nil {
		return err
	}
	a.closers = append(a.closers, a.public.socket)
	if err := a.control.secure(a.cfg.TLSCert, a.cfg.TLSKey, a.cfg.TLSClientCA, a.log); err != nil {
		return err
	}
	cert, key := a.cfg.PublicTLSCert, a.cfg.PublicTLSKey
	if cert == "" {
		cert, key = a.cfg.TLSCert, a.cfg.TLSKey
	}
	return a.public.secure(cert, key, "", a.log)
}

// Run serves until ctx ends.
func (a *App) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.iam.Run(ctx) })
	group.Go(func() error { return a.training.Run(ctx) })
	group.Go(func() error { return a.tuning.Run(ctx) })
	group.Go(func() error { return a.serving.Run(ctx) })
	group.Go(func() error { return a.transform.Run(ctx) })
	group.Go(func() error { return a.monitor.Run(ctx) })
	group.Go(func() error { return a.functions.Run(ctx) })
	group.Go(func() error { return a.tidy(ctx) })
	if a.audit != nil {
		group.Go(func() error { return a.audit.Run(ctx) })
	}
	group.Go(func() error { return a.control.serve(ctx, a.controlHandler(), a.cfg.DrainTimeout, a.log) })
	group.Go(func() error { return a.public.serve(ctx, a.publicHandler(), a.cfg.DrainTimeout, a.log) })
	err := group.Wait()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// Close gives up the data directory and the listeners. Run must have returned.
func (a *App) Close() error {
	var faults []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		if err := a.closers[i].Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// ControlURL and PublicURL are where clients on this machine reach the listeners.
func (a *App) ControlURL() string { return a.control.url() }
func (a *App) PublicURL() string  { return a.public.url() }

// NewKey returns the root key if this start has made it, nil otherwise. It is to
// be shown to the operator once.
func (a *App) NewKey() *iam.Key { return a.newKey }

// publicHandler is the public listener.
func (a *App) publicHandler() http.Handler {
	return gateway.New(gateway.Config{
		Routes: a.routes, Functions: a.functions, Sites: a.blobs, Authorizer: a.iam,
		Anonymous: func(ctx context.Context) context.Context {
			return iam.WithPrincipal(ctx, a.iam.AnonymousPrincipal())
		},
		Service: func(ctx context.Context, source string) context.Context {
			return iam.WithPrincipal(ctx, a.iam.ServicePrincipal(route.GatewayService, source))
		},
		Metrics: requests{
			a.metrics.Counter("heliograph_public_requests_total", "Requests of the public listener.", "target", "method", "status"),
			a.metrics.Histogram("heliograph_public_request_seconds", "Time to answer a request of the public listener.", latencies, "target"),
		},
		Audit: a.iam, Logger: a.log, Account: a.cfg.AccountID, RootSite: a.cfg.RootSite,
	})
}
