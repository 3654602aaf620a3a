package serving

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// namespace is that of the metrics which SageMaker publishes of endpoints.
const namespace = "AWS/SageMaker"

// counted is what CloudWatch's metrics of a variant are made of. Its fleets
// before and after an update count together.
type counted struct {
	model, overhead telemetry.Distribution // microseconds
	requests        atomic.Int64
	refused         atomic.Int64 // answered with a status of 4xx
	failed          atomic.Int64 // answered with a status of 5xx
	modelErrors     atomic.Int64 // those of both that came from the model
	underWay        atomic.Int64
	instances       atomic.Int64 // 0: serverless
}

// add counts an invocation that took so long in all, and at its model.
func (c *counted) add(err error, took, model time.Duration) {
	c.requests.Add(1)
	c.model.Observe(model.Microseconds())
	c.overhead.Observe((took - model).Microseconds())
	if err == nil {
		return
	}
	switch result := resultOf(err); {
	case result == resultModelError:
		c.modelErrors.Add(1)
		if m := modelErrorOf(err); m.OriginalStatusCode >= 400 && m.OriginalStatusCode < 500 {
			c.refused.Add(1)
		} else {
			c.failed.Add(1)
		}
	case result == resultServerError:
		c.failed.Add(1)
	case errs.KindOf(err) != errs.Internal: // which is a client that went away
		c.refused.Add(1)
	}
}

// tell tells what was counted since the last time, and forgets it.
func (c *counted) tell(tell func(telemetry.Sample), dimensions []telemetry.Dimension) {
	sample := func(name, unit string, s telemetry.Statistics) {
		tell(telemetry.Sample{Namespace: namespace, Name: name, Dimensions: dimensions, Unit: unit, Statistics: s})
	}
	n := float64(c.requests.Swap(0))
	if underWay := c.underWay.Load(); n > 0 || underWay > 0 {
		sample("ConcurrentRequestsPerModel", "Count", telemetry.Repeated(float64(underWay), 1))
	}
	if n == 0 {
		return
	}
	sample("Invocations", "", telemetry.Repeated(1, n))
	if instances := c.instances.Load(); instances > 0 {
		sample("InvocationsPerInstance", "", telemetry.Repeated(1/float64(instances), n))
	}
	for name, errors := range map[string]*atomic.Int64{"Invocation4XXErrors": &c.refused, "Invocation5XXErrors": &c.failed, "InvocationModelErrors": &c.modelErrors} {
		sample(name, "", telemetry.Flags(min(float64(errors.Swap(0)), n), n))
	}
	sample("ModelLatency", "Microseconds", c.model.Take())
	sample("OverheadLatency", "Microseconds", c.overhead.Take())
}

// ledger has what was counted of all variants, those included that are gone and
// were not told of yet.
type ledger struct {
	mu       sync.Mutex
	variants map[variantName]*counted
	gone     map[variantName]bool
	async    map[string]*asyncCounted
}

type variantName struct{ endpoint, variant string }

func newLedger() *ledger {
	return &ledger{variants: map[variantName]*counted{}, gone: map[variantName]bool{}, async: map[string]*asyncCounted{}}
}

func (l *ledger) of(endpoint, variant string) *counted {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := variantName{endpoint, variant}
	delete(l.gone, name)
	if l.variants[name] == nil {
		l.variants[name] = new(counted)
	}
	return l.variants[name]
}

func (l *ledger) forget(endpoint, variant string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone[variantName{endpoint, variant}] = true
}

// asyncCounted is what happened to an endpoint's asynchronous requests.
type asyncCounted struct {
	processed, failed, expired float64
	waited, took               telemetry.Statistics // milliseconds
}

// asyncDone counts a request that has come to an end.
func (l *ledger) asyncDone(endpoint, result string, waited, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.async[endpoint]
	if c == nil {
		c = new(asyncCounted)
		l.async[endpoint] = c
	}
	switch result {
	case "expired":
		c.expired++
		return
	case "failed":
		c.failed++
	}
	c.processed++
	c.waited.Merge(telemetry.Repeated(float64(waited.Milliseconds()), 1))
	c.took.Merge(telemetry.Repeated(float64(took.Milliseconds()), 1))
}

// Measure tells CloudWatch's metrics of endpoints since it was called last.
func (s *Service) Measure(tell func(telemetry.Sample)) {
	l := s.meters.ledger
	l.mu.Lock()
	variants, async := make(map[variantName]*counted, len(l.variants)), l.async
	for name, c := range l.variants {
		if variants[name] = c; l.gone[name] {
			delete(l.variants, name)
		}
	}
	l.gone, l.async = map[variantName]bool{}, map[string]*asyncCounted{}
	l.mu.Unlock()
	for name, c := range variants {
		c.tell(tell, []telemetry.Dimension{{Name: "EndpointName", Value: name.endpoint}, {Name: "VariantName", Value: name.variant}})
	}
	for endpoint, c := range async {
		sample := asyncSampler(tell, endpoint)
		sample("InvocationsProcesssed", "Count", telemetry.Repeated(1, c.processed)) // so spelt by SageMaker
		sample("InvocationFailures", "Count", telemetry.Repeated(1, c.failed))
		sample("ExpiredRequests", "Count", telemetry.Repeated(1, c.expired))
		sample("TimeInBacklog", "Milliseconds", c.waited)
		sample("TotalProcessingTime", "Milliseconds", c.took)
	}
	s.measureBacklog(tell, time.Now())
}

func asyncSampler(tell func(telemetry.Sample), endpoint string) func(name, unit string, s telemetry.Statistics) {
	dimensions := []telemetry.Dimension{{Name: "EndpointName", Value: endpoint}}
	return func(name, unit string, s telemetry.Statistics) {
		if s.Count > 0 {
			tell(telemetry.Sample{Namespace: namespace, Name: name, Dimensions: dimensions, Unit: unit, Statistics: s})
		}
	}
}

// measureBacklog tells how many asynchronous requests wait at endpoints for them.
func (s *Service) measureBacklog(tell func(telemetry.Sample), now time.Time) {
	endpoints := s.table.current.Load()
	if endpoints == nil {
		return
	}
	for _, l := range *endpoints {
		set := l.state.Load().choose()
		if set == nil || set.async == nil {
			continue
		}
		size, oldest := s.backlog.size(l)
		sample := asyncSampler(tell, l.name)
		sample("ApproximateBacklogSize", "Count", telemetry.Repeated(float64(size), 1))
		instances := int64(0)
		for _, v := range set.variants {
			instances += v.meter.counted.instances.Load()
		}
		sample("ApproximateBacklogSizePerInstance", "Count", telemetry.Repeated(float64(size)/float64(max(instances, 1)), 1))
		if size > 0 {
			sample("ApproximateAgeOfOldestRequest", "Seconds", telemetry.Repeated(max(now.Sub(oldest), 0).Seconds(), 1))
		}
	}
}

// size is how many requests wait or are being answered, and since when the oldest
// of those that wait does.
func (b *backlog) size(l *live) (n int, oldest time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	queue := b.waiting[l]
	oldest = time.Now()
	if len(queue) > 0 {
		oldest = queue[0].since
	}
	return len(queue) + b.running[l], oldest
}
