package serving

import (
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/heliograph/heliograph/fasttext"
)

// table finds endpoints by name without a lock.
type table struct {
	mu      sync.Mutex // of writers
	current atomic.Pointer[map[string]*live]
}

func (t *table) lookup(name string) *live {
	if m := t.current.Load(); m != nil {
		return (*m)[strings.ToLower(name)] // no allocation for a name in lower case
	}
	return nil
}

// put returns the endpoint of that name and creation; one of another creation
// is replaced by what make returns.
func (t *table) put(name string, created time.Time, make func() *live) *live {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.lookup(name); l != nil && l.created.Equal(created) {
		return l
	}
	l := make()
	t.change(func(m map[string]*live) { m[strings.ToLower(name)] = l })
	return l
}

// remove takes l out, unless another endpoint of the same name took its place.
func (t *table) remove(l *live) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lookup(l.name) == l {
		t.change(func(m map[string]*live) { delete(m, strings.ToLower(l.name)) })
	}
}

func (t *table) change(fn func(map[string]*live)) {
	next := map[string]*live{}
	if m := t.current.Load(); m != nil {
		next = maps.Clone(*m)
	}
	fn(next)
	t.current.Store(&next)
}

// live is an endpoint as invocations see it.
type live struct {
	name    string // as created
	arn     string
	created time.Time
	loaded  chan struct{} // closed when the first attempt to load it is over
	done    func()        // closes loaded, once
	errors  *rate.Limiter // of lines about refused requests in its log

	unlogged atomic.Int64 // refused requests that it kept out
	mu       sync.Mutex   // of those who change state
	state    atomic.Pointer[state]
}

// state is replaced as a whole, so that an invocation sees one or the other.
type state struct {
	status   string
	variants *variantSet // non-nil while it can answer
}

func newLive(name, arn string, created time.Time, status string) *live {
	l := &live{name: name, arn: arn, created: created, loaded: make(chan struct{}), errors: rate.NewLimiter(2, 50)}
	l.done = sync.OnceFunc(func() { close(l.loaded) })
	l.state.Store(&state{status: status})
	return l
}

// become replaces the state and lets go of the models that served before.
func (l *live) become(status string, variants *variantSet) {
	l.mu.Lock()
	before := l.state.Swap(&state{status: status, variants: variants})
	l.mu.Unlock()
	if before.variants != nil && before.variants != variants {
		before.variants.release()
	}
}

// serve puts variants in service, unless the endpoint is being deleted.
func (l *live) serve(variants *variantSet) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.Load().status == Deleting {
		return false
	}
	l.state.Store(&state{status: InService, variants: variants})
	return true
}

// variantSet is the variants of an endpoint, loaded, and how traffic is shared.
type variantSet struct {
	variants []*variant
	total    float64 // of the weights
}

// variant is a production variant that can answer.
type variant struct {
	name   string
	stream string  // of its log
	upTo   float64 // the weights of this and the variants before it
	model  *fasttext.Model
	labels int
	hold   *hold
	slots  chan struct{} // one taken per invocation, if serverless; else nil
	meter  meter
}

// pick chooses a variant by weight, or the one of that name; nil if there is none.
func (s *variantSet) pick(target string) *variant {
	if target != "" {
		for _, v := range s.variants {
			if strings.EqualFold(v.name, target) {
				return v
			}
		}
		return nil
	}
	if len(s.variants) == 1 {
		return s.variants[0]
	}
	x := rand.Float64() * s.total
	for _, v := range s.variants {
		if x < v.upTo {
			return v
		}
	}
	return s.variants[len(s.variants)-1] // not reached but for rounding
}

func (s *variantSet) names() string {
	names := make([]string, len(s.variants))
	for i, v := range s.variants {
		names[i] = v.name
	}
	return strings.Join(names, ", ")
}

func (s *variantSet) release() {
	for _, v := range s.variants {
		v.hold.release()
	}
}
