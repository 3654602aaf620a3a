package function

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// Limits of AWS Lambda.
const (
	MaxPayload = 6 << 20 // bytes of an event that is answered, and of the answer
	Timeout    = 30 * time.Second
)

// Authorizer decides whether ctx's principal may do action on resource, with the
// policy that the resource itself has (see Policies).
type Authorizer interface {
	Authorize(ctx context.Context, action, resource string) error
}

// Endpoints is where a function that is told of no endpoint looks for one.
type Endpoints interface {
	// InService returns the names of endpoints in service, at most that many.
	InService(ctx context.Context, most int) ([]string, error)
}

// Options is what a Service needs.
type Options struct {
	Registry   *Registry
	Policies   *Policies
	Authorizer Authorizer
	Endpoints  Endpoints
	Role       string       // ARN of what functions act as
	Logger     *slog.Logger // nil: slog.Default()
}

// Service is the functions with who may call them. It is safe for concurrent use.
type Service struct {
	*Registry
	policies  *Policies
	auth      Authorizer
	endpoints Endpoints
	role      string
	log       *slog.Logger
	running   chan struct{} // holds one element for each call that runs
	queue     *queue
}

// maxRunning bounds the calls that run at a time; others are Throttled. Those of
// routes don't count, the gateway has a bound of its own.
const maxRunning = 512

// NewService returns the service of the functions in opt.Registry, with the events
// that the database has for them.
func NewService(ctx context.Context, opt Options) (*Service, error) {
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	events := newQueue(opt.Policies.db)
	if err := events.count(ctx); err != nil {
		return nil, fmt.Errorf("functions: load: %w", err)
	}
	return &Service{opt.Registry, opt.Policies, opt.Authorizer, opt.Endpoints, opt.Role, opt.Logger, make(chan struct{}, maxRunning), events}, nil
}

// Description is what is known of a function.
type Description struct {
	Name, ARN, Text, Role string
	Timeout               time.Duration
}

// ARN names a function.
func (s *Service) ARN(function string) string { return s.policies.ARN(function) }

// List returns all functions in the order of their names.
func (s *Service) List(ctx context.Context) ([]Description, error) {
	if err := s.auth.Authorize(ctx, "lambda:ListFunctions", "*"); err != nil {
		return nil, err
	}
	var all []Description
	for _, name := range s.Names() {
		all = append(all, s.describe(name))
	}
	return all, nil
}

// Get returns one function, with the action lambda:GetFunction or, for its
// configuration alone, lambda:GetFunctionConfiguration.
func (s *Service) Get(ctx context.Context, action, function string) (Description, error) {
	if err := s.authorize(ctx, action, function); err != nil {
		return Description{}, err
	}
	return s.describe(function), nil
}

func (s *Service) describe(name string) Description {
	return Description{Name: name, ARN: s.ARN(name), Text: texts[name], Role: s.role, Timeout: Timeout}
}

// texts say what functions do.
var texts = map[string]string{
	Classify:     "Words the most probable labels of a text in a sentence",
	ClassifyJSON: "Answers the labels of a text with the probability of each",
	Triage:       "Answers category, urgency, tone and priority of a request",
}

// Refusal is the error of Invoke for a caller that may not call the function at
// all, other than for what the function itself may not do.
type Refusal struct{ Err error }

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// Invoke runs a function for ctx's principal, set up by config, if the principal
// may call it; else the error is a *Refusal.
func (s *Service) Invoke(ctx context.Context, function string, config Config, event []byte) ([]byte, error) {
	if err := s.auth.Authorize(ctx, actionInvoke, s.ARN(function)); err != nil {
		return nil, &Refusal{err}
	}
	return s.Registry.Invoke(ctx, function, config, event)
}

// authorize asks for action on a function and then whether that exists.
func (s *Service) authorize(ctx context.Context, action, function string) error {
	if err := s.auth.Authorize(ctx, action, s.ARN(function)); err != nil {
		return err
	}
	if _, ok := s.builders[function]; !ok {
		return NotFound(s.ARN(function))
	}
	return nil
}

// NotFound is the error for a function that there isn't.
func NotFound(arn string) error {
	return errs.New(errs.NotFound, codeNotFound, "Function not found: %.300s", arn)
}
