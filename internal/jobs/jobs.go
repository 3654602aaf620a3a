// Package jobs is what the services that run jobs have in common: how requests
// are checked, how jobs are held under a lease, how their failures are worded, and
// how they log and find their data.
//
// It knows no kind of job.
package jobs

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
)

// Running knows the work under way in this process by the name, in any case, of
// what it is done on. The zero value knows of none. It is safe for concurrent use.
type Running[T any] struct {
	mu sync.Mutex
	by map[string]*T
}

// Enter makes work known until leave is called. The next work on the same name may
// enter before that; what it entered stays.
func (r *Running[T]) Enter(name string, work T) (leave func()) {
	key, own := strings.ToLower(name), &work
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string]*T{}
	}
	r.by[key] = own
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.by[key] == own {
			delete(r.by, key)
		}
	}
}

// Get returns the work under way on a name.
func (r *Running[T]) Get(name string) (work T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if own := r.by[strings.ToLower(name)]; own != nil {
		return *own, true
	}
	return work, false
}

// All returns all work under way, in no order.
func (r *Running[T]) All() (all []T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, own := range r.by {
		all = append(all, *own)
	}
	return all
}

// Owners names the holders of leases: each claim has an owner of its own, so that a job which was
// lost and claimed again isn't taken for the earlier one. It is safe for concurrent use.
type Owners struct {
	process string
	claims  atomic.Int64
}

// NewOwners returns Owners whose names no other process gives.
func NewOwners() *Owners { return &Owners{process: rand.Text()} }

// Next names the next owner.
func (o *Owners) Next() string { return fmt.Sprintf("%s-%d", o.process, o.claims.Add(1)) }

// Signal wakes a loop that waits on c, which has room for one element.
func Signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
