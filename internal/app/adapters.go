package app

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/function"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/iam/policy"
	"github.com/heliograph/heliograph/internal/route"
	"github.com/heliograph/heliograph/internal/serving"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
	"github.com/heliograph/heliograph/internal/triage"
)

// invoker asks endpoints in the name of the built-in functions' role, whoever
// called the function: that role is what decides which endpoints they reach.
type invoker struct {
	serving *serving.Service
	role    functionRole
}

func (i invoker) InvokeEndpoint(ctx context.Context, endpoint, contentType string, body []byte) ([]byte, error) {
	ctx, err := i.role.Assume(ctx, i.role.arn, "")
	if err != nil {
		return nil, errs.Wrap(err, errs.Denied, iam.CodeAccessDenied, "%s", errs.MessageOf(err))
	}
	out, err := i.serving.Invoke(ctx, serving.InvokeInput{Endpoint: endpoint, ContentType: contentType, Accept: contentType, Body: body})
	return out.Body, err
}

// InService names endpoints in service, as far as the functions' role may list
// them, for a function that is told of none.
func (i invoker) InService(ctx context.Context, most int) (names []string, err error) {
	if ctx, err = i.role.Assume(ctx, i.role.arn, ""); err != nil {
		return nil, errs.Wrap(err, errs.Denied, iam.CodeAccessDenied, "%s", errs.MessageOf(err))
	}
	endpoints, _, err := i.serving.ListEndpoints(ctx, store.Query{Status: serving.InService, Order: store.ByName, Limit: most, Members: []string{}})
	for _, e := range endpoints {
		names = append(names, e.EndpointName)
	}
	return names, err
}

// functionRole is what functions act as.
type functionRole struct {
	*iam.ServiceRoles
	arn string
}

// triager gives the functions triage without their knowing its types.
type triager struct{ *triage.Service }

func (t triager) Triage(ctx context.Context, text string) (any, error) {
	return t.Service.Triage(ctx, text)
}

// functions gives routes, the gateway and Lambda's API the functions by name.
type functions struct{ *function.Service }

func (f functions) Check(name string, c route.Config) error {
	return f.Registry.Check(name, function.Config(c))
}

// resourcePolicies asks each kind of resource that has policies for the one of a
// resource.
func resourcePolicies(kinds ...func(context.Context, string) (*policy.Attached, error)) func(context.Context, string) (*policy.Attached, error) {
	return func(ctx context.Context, resource string) (*policy.Attached, error) {
		for _, of := range kinds {
			if found, err := of(ctx, resource); found != nil || err != nil {
				return found, err
			}
		}
		return nil, nil
	}
}

// requests counts what a listener answered.
type requests struct {
	count *telemetry.Counter
	took  *telemetry.Histogram
}

// calls counts what the control listener answered. It finds the series of calls
// that were counted before at once: services, operations and kinds of status are few.
type calls struct {
	requests
	mu    sync.Mutex // of who adds one
	known atomic.Pointer[map[callName]callSeries]
}

type callName struct {
	service, operation string
	class              int // of the status: its first digit
}

type callSeries struct {
	count interface{ Inc() }
	took  interface{ Observe(seconds float64) }
}

func (c *calls) of(name callName, status int) callSeries {
	if known := c.known.Load(); known != nil {
		if s, ok := (*known)[name]; ok {
			return s
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[callName]callSeries{}
	if known := c.known.Load(); known != nil {
		next = maps.Clone(*known)
	}
	s := callSeries{c.count.With(name.service, name.operation, statusClass(status)), c.took.With(name.service)}
	next[name] = s
	c.known.Store(&next)
	return s
}

// latencies are the bounds of request times, in seconds.
var latencies = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// ObserveRequest is the gateway's count.
func (r requests) ObserveRequest(target, method string, status int, took time.Duration) {
	r.count.Inc(target, method, statusClass(status))
	r.took.Observe(took.Seconds(), target)
}

// ObserveCall is the control listener's count.
func (c *calls) ObserveCall(service, operation string, status int, took time.Duration) {
	s := c.of(callName{service, operation, status / 100}, status)
	s.count.Inc()
	s.took.Observe(took.Seconds())
}

func statusClass(status int) string {
	if status < 100 || status > 599 {
		return "none"
	}
	return string('0'+byte(status/100)) + "xx"
}
