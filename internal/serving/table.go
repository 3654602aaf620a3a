package serving

import (
	"maps"
	"math/rand/v2"
	"slices"
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

	unlogged atomic.Int64           // refused requests that it kept out
	lost     atomic.Pointer[string] // why what it served cannot be loaded again, once an attempt said so
	mu       sync.Mutex             // of those who change state
	state    atomic.Pointer[state]
}

// state is replaced as a whole, so that an invocation sees one or the other.
type state struct {
	status   string
	variants *variantSet // what answers; nil while nothing is loaded
	next     *variantSet // of an update: takes over by and by; else nil
	share    float64     // of the requests, from 0 to 1: what next answers
}

// choose returns the variants that answer one request, nil if there are none.
func (st *state) choose() *variantSet {
	if st.next != nil && (st.variants == nil || st.share >= 1 || st.share > 0 && rand.Float64() < st.share) {
		return st.next
	}
	return st.variants
}

func newLive(name, arn string, created time.Time, status string) *live {
	l := &live{name: name, arn: arn, created: created, loaded: make(chan struct{}), errors: rate.NewLimiter(2, 50)}
	l.done = sync.OnceFunc(func() { close(l.loaded) })
	l.state.Store(&state{status: status})
	return l
}

// become gives an endpoint that does not answer any more its status, and lets go
// of its models.
func (l *live) become(status string) {
	l.mu.Lock()
	before := l.state.Swap(&state{status: status})
	l.mu.Unlock()
	before.variants.release()
	before.next.release()
}

// change replaces the state by what fn makes of it, unless the endpoint is being
// deleted; then, and if fn says no, it returns false and nothing changes.
func (l *live) change(fn func(*state) bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := *l.state.Load()
	if st.status == Deleting || !fn(&st) {
		return false
	}
	l.state.Store(&st)
	return true
}

// serve puts variants in service where none are. If it returns false they stay
// the caller's.
func (l *live) serve(status string, variants *variantSet) bool {
	return l.change(func(st *state) bool {
		if st.variants != nil {
			return false
		}
		st.status, st.variants = status, variants
		return true
	})
}

// shift lets next answer a share of the requests.
func (l *live) shift(next *variantSet, share float64) bool {
	return l.change(func(st *state) bool {
		if st.next != next {
			st.next.release() // of an attempt that was given up
		}
		st.status, st.next, st.share = Updating, next, share
		return true
	})
}

// promote lets next answer alone.
func (l *live) promote() {
	l.change(func(st *state) bool {
		st.variants.release()
		st.status, st.variants, st.next, st.share = InService, st.next, nil, 0
		return true
	})
}

// retreat lets the variants from before the update answer alone.
func (l *live) retreat(status string) {
	l.change(func(st *state) bool {
		st.next.release()
		st.status, st.next, st.share = status, nil, 0
		return true
	})
}

// reweigh shares the traffic anew among the variants that serve.
func (l *live) reweigh(d *deployment) {
	l.change(func(st *state) bool {
		if st.variants == nil {
			return false
		}
		next := *st.variants
		next.variants = slices.Clone(next.variants)
		for i := range d.Variants {
			if k := d.Variants[i].ServerlessConfig; k != nil && *k.MaxConcurrency != cap(next.variants[i].slots) {
				v := *next.variants[i]
				v.slots = make(chan struct{}, *k.MaxConcurrency)
				next.variants[i] = &v
			}
		}
		next.weigh(d)
		next.asyncLimit = d.asyncLimit()
		st.variants = &next
		return true
	})
}

// variantSet is the variants of an endpoint, loaded, and how traffic is shared.
type variantSet struct {
	variants []*variant
	upTo     []float64 // for each variant, the weights of it and those before it
	shadows  []*variant
	copied   []float64 // for each shadow, the share of the requests that it gets a copy of

	capture    *capture              // of requests and answers; nil for none
	async      *AsyncInferenceConfig // nil: requests are answered at once
	asyncLimit int                   // asynchronous requests answered at once
	role       string                // what objects are read and written as
}

// variant is a production variant that can answer.
type variant struct {
	name   string
	stream string // of its log
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
	x := rand.Float64() * s.upTo[len(s.upTo)-1]
	for i, v := range s.variants {
		if x < s.upTo[i] {
			return v
		}
	}
	return s.variants[len(s.variants)-1] // not reached but for rounding
}

// weigh shares the traffic as the weights of d say.
func (s *variantSet) weigh(d *deployment) {
	s.upTo, s.copied = make([]float64, len(s.variants)), make([]float64, len(s.shadows))
	total := 0.0
	for i := range d.Variants {
		total += d.Variants[i].Weight()
		s.upTo[i] = total
		instances := int64(0)
		if n := d.Variants[i].InitialInstanceCount; n != nil {
			instances = int64(*n)
		}
		s.variants[i].meter.counted.instances.Store(instances)
	}
	for i := range d.Shadows {
		if total > 0 {
			s.copied[i] = min(d.Shadows[i].Weight()/total, 1)
		}
	}
}

func (s *variantSet) names() string {
	names := make([]string, len(s.variants))
	for i, v := range s.variants {
		names[i] = v.name
	}
	return strings.Join(names, ", ")
}

func (s *variantSet) release() {
	if s == nil {
		return
	}
	for _, v := range s.variants {
		v.hold.release()
	}
	for _, v := range s.shadows {
		v.hold.release()
	}
}
