package fasttext

import (
	"sync"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// Deterministic training takes the examples in batches, each in a fixed number of lanes. A
// lane is a worker with its own copy of the output matrix and its own random numbers; in a batch
// it sees the input matrix as it was at the batch's start. Then all that the lanes have
// changed is added up, every value by one thread and in a fixed order. Which thread runs which
// lane, or sums which values, changes nothing.
const (
	lanes   = 4
	perLane = 8 // examples of a batch, at most
	// A batch is no more than this part of an epoch: in a large batch of a small text,
	// weights are seen too late for learning to get going.
	batches = 50
)

// A lane is one worker's part of a batch.
type lane struct {
	*worker
	grads []float32 // of each of its examples, one after another
	in    [perLane]input
}

// newLanes makes the workers of a deterministic training.
func newLanes(t *trainer) (workers []*worker) {
	for i := range lanes {
		w := newWorker(t, i, false)
		own := *t.out
		own.data = make([]float32, len(t.out.data))
		copy(own.data, t.out.data)
		w.out = &own
		workers = append(workers, w)
	}
	return workers
}

// runLanes works on an epoch with several threads.
func (t *trainer) runLanes(threads int) {
	all := make([]*lane, lanes)
	for i, w := range t.workers {
		w.startEpoch()
		all[i] = &lane{worker: w, grads: make([]float32, perLane*len(w.grad))}
	}
	threads = max(min(threads, lanes), 1)
	both := func(do func(thread int)) {
		var others sync.WaitGroup
		for thread := 1; thread < threads; thread++ {
			others.Go(func() { do(thread) })
		}
		do(0)
		others.Wait()
	}
	size := lanes * min(max(t.examples.size/(lanes*batches), 1), perLane)
	var of *batch
	var batch []uint32
	for !t.stop.Load() {
		if of, batch = t.feed.claim(of, len(batch), size); batch == nil {
			break
		}
		rate := t.rate()
		both(func(thread int) {
			for i := thread; i < lanes; i += threads {
				all[i].lr = rate
				all[i].learnBatch(i, of, batch)
			}
		})
		both(func(thread int) {
			t.addOutput(all, thread, threads)
			for place := range batch {
				all[place%lanes].addInput(place/lanes, thread, threads)
			}
		})
		for _, l := range all {
			if l.diverged {
				t.stop.Store(true)
			}
			l.report()
		}
	}
}

// learnBatch learns from every example of a batch that is lane i's, but leaves the input
// matrix as it is.
func (l *lane) learnBatch(i int, of *batch, batch []uint32) {
	t := l.t
	for place := i; place < len(batch); place += lanes {
		k := place / lanes
		in := &l.in[k]
		grad := l.grads[k*len(l.grad):][:len(l.grad)]
		clear(grad)
		l.list(of.example(batch[place]), in)
		l.tokens += int64(in.tokens)
		if in.count == 0 || l.diverged {
			in.count = 0
			continue
		}
		target := 0
		if len(in.labels) > 1 {
			target = l.rng.intn(len(in.labels))
		}
		scale := 1 / float32(in.count)
		t.inputRows().sum(l.hidden, in.rows)
		kernel.Scale(l.hidden, scale)
		l.learnFrom(in.labels, target)
		kernel.Scale(l.grad, scale)
		copy(grad, l.grad)
		l.examples++
	}
}

// addInput adds the gradient of the lane's k-th example to those of its rows that are
// the thread's.
func (l *lane) addInput(k, thread, threads int) {
	in := &l.in[k]
	if in.count == 0 {
		return
	}
	m := l.t.inputRows()
	grad := l.grads[k*len(l.grad):][:len(l.grad)]
	for i, r := range in.rows {
		if int(r)%threads != thread {
			continue
		}
		if in.sizes != nil {
			kernel.AddScaledToRows(m.data, m.stride, in.rows[i:i+1], in.sizes[i:i+1], grad)
		} else {
			kernel.AddToRows(m.data, m.stride, in.rows[i:i+1], grad)
		}
	}
}

// addOutput adds what the lanes have changed in their copies to the thread's part of the output
// matrix, and makes the copies the same again.
func (t *trainer) addOutput(all []*lane, thread, threads int) {
	n := len(t.out.data)
	from, to := n*thread/threads, n*(thread+1)/threads
	base := t.out.data[from:to]
	var own [lanes][]float32
	for i, l := range all {
		own[i] = l.out.data[from:to]
	}
	for j, was := range base {
		v := was
		for i := range own {
			v += own[i][j] - was
		}
		base[j] = v
		for i := range own {
			own[i][j] = v
		}
	}
}

// inputRows is the matrix that examples add up rows of.
func (t *trainer) inputRows() *dense {
	if t.classes != nil {
		return t.classes.sums
	}
	return t.in
}
