package serving

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/errs"
)

// library is the models in memory, each once however many hold it, and the
// unpacked files they come from. A file goes when its last holder lets go.
type library struct {
	shelf   shelf
	objects Objects
	max     int64         // bytes of one model
	free    func() int64  // bytes of memory that are left
	loaders chan struct{} // bounds what is unpacked and loaded at once
	keys    keyLock       // by version while fetching, by digest while loading

	mu      sync.Mutex
	entries map[string]*entry    // by digest
	known   map[version]artifact // what was found in which version of an object
}

// collectAfter is how long after its last hold a model's memory is given back.
const collectAfter = time.Second

type entry struct {
	model *fasttext.Model
	holds int
}

// hold is the use of a model by one variant.
type hold struct {
	model    *fasttext.Model
	artifact artifact
	release  func()
}

func newLibrary(dir string, objects Objects, max int64, loaders int) *library {
	return &library{
		shelf:   shelf{dir},
		objects: objects,
		max:     max,
		free:    freeMemory,
		loaders: make(chan struct{}, loaders),
		entries: map[string]*entry{},
		known:   map[version]artifact{},
	}
}

// learn notes what an endpoint's record says was found in an artifact.
func (l *library) learn(a artifact) {
	if a.Digest != "" {
		l.mu.Lock()
		l.known[a.version()] = a
		l.mu.Unlock()
	}
}

// acquire returns the model in the artifact. If a names a model that was
// unpacked before, and that is still on disk or in memory, the object is not
// looked at; otherwise its present version is taken. The caller releases the
// hold.
func (l *library) acquire(ctx context.Context, a artifact) (*hold, error) {
	select {
	case l.loaders <- struct{}{}:
		defer func() { <-l.loaders }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if a.Digest != "" {
		h, err := l.open(ctx, a)
		if err == nil || ctx.Err() != nil || errs.Is(err, errs.Unavailable) {
			return h, err
		}
		// The file is gone or damaged: the object may still be whole.
		l.forget(a)
	}
	info, err := l.objects.Stat(ctx, a.Bucket, a.Key)
	if err != nil {
		return nil, err
	}
	unlock, err := l.keys.lock(ctx, "version "+info.ETag+" "+a.location.String())
	if err != nil {
		return nil, err
	}
	defer unlock()
	l.mu.Lock()
	found, ok := l.known[version{a.location, info.ETag, info.Size}]
	l.mu.Unlock()
	if ok {
		if h, err := l.open(ctx, found); !errors.Is(err, errGone) {
			return h, err
		}
	}
	if found, err = l.fetch(ctx, a.location); err != nil {
		return nil, err
	}
	l.learn(found)
	return l.open(ctx, found)
}

// open returns the unpacked model, from memory or else from disk.
func (l *library) open(ctx context.Context, a artifact) (*hold, error) {
	unlock, err := l.keys.lock(ctx, a.Digest)
	if err != nil {
		return nil, err
	}
	defer unlock()
	l.mu.Lock()
	e := l.entries[a.Digest]
	if e != nil {
		e.holds++
	}
	l.mu.Unlock()
	if e == nil {
		if !l.shelf.has(a.Digest, a.ModelBytes) {
			return nil, errGone
		}
		if free := l.free(); a.ModelBytes > free {
			runtime.GC() // for the next attempt: a model that was let go may be in memory still
			return nil, errs.New(errs.Unavailable, "", "The model takes %d MiB of memory and the server has %d MiB left. Delete an endpoint, train with fewer buckets or a smaller vector_dim, or give the server more memory.",
				a.ModelBytes>>20, free>>20)
		}
		m, err := l.shelf.load(a)
		if err != nil {
			l.forget(a)
			return nil, errors.Join(err, l.shelf.remove(a.Digest))
		}
		e = &entry{model: m, holds: 1}
		l.mu.Lock()
		l.entries[a.Digest] = e
		l.mu.Unlock()
	}
	return &hold{model: e.model, artifact: a, release: sync.OnceFunc(func() { l.release(a.Digest) })}, nil
}

func (l *library) release(digest string) {
	unlock, err := l.keys.lock(context.Background(), digest)
	if err != nil {
		return // a background context does not end
	}
	defer unlock()
	l.mu.Lock()
	e := l.entries[digest]
	e.holds--
	last := e.holds == 0
	if last {
		delete(l.entries, digest)
		for v, a := range l.known {
			if a.Digest == digest {
				delete(l.known, v)
			}
		}
	}
	l.mu.Unlock()
	if last {
		_ = l.shelf.remove(digest) // what stays is swept at the next start
		// The engine keeps matrices where the collector does not count them, so that
		// an idle server would sit on them. Requests that still use the model end first.
		time.AfterFunc(collectAfter, runtime.GC)
	}
}

func (l *library) forget(a artifact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, a.version())
}

// keyLock is a mutex per key whose waiting can be given up.
type keyLock struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when the key is free again
}

func (k *keyLock) lock(ctx context.Context, key string) (unlock func(), err error) {
	for {
		k.mu.Lock()
		if k.held == nil {
			k.held = map[string]chan struct{}{}
		}
		free, busy := k.held[key]
		if !busy {
			free = make(chan struct{})
			k.held[key] = free
			k.mu.Unlock()
			return func() {
				k.mu.Lock()
				delete(k.held, key)
				k.mu.Unlock()
				close(free)
			}, nil
		}
		k.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
