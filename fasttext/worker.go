package fasttext

import (
	"math"
	"sync/atomic"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// A worker is one goroutine's part of training: scratch, random numbers and counts.
type worker struct {
	t            *trainer
	out          *dense    // the output matrix, or an own copy of it
	shared       *dense    // the output matrix, if out is a copy
	base         []float32 // shared as it was when out was copied
	rng          *rng
	ahead        [lookAhead + 1]input // of the example under way and of the next ones, in turn
	hidden, grad []float32            // as wide as a row with its padding
	scores       []float32            // one per output row
	wanted       []bool               // the same; all false between examples
	diverged     bool
	careful      bool // whether every step is measured, see clip.go
	unchecked    int  // examples since one was measured
	lr           float32

	sinceExchange int // examples

	loss     float64
	examples int64
	tokens   int64 // since the last report

	// What report last made known.
	knownLoss     atomic.Uint64 // bits of a float64
	knownExamples atomic.Int64
}

// lookAhead is how many examples ahead a worker asks for the rows it will need.
const lookAhead = 2

func newWorker(t *trainer, i int, ownOutput bool) *worker {
	rows, dim := t.out.size()
	if t.vectors == nil && t.in.stride == t.out.stride {
		dim = t.in.stride
	}
	w := &worker{
		t: t, out: t.out, rng: newRNG(t.args.Seed, workerStream-i),
		hidden: make([]float32, dim), grad: make([]float32, dim),
		scores: make([]float32, rows), wanted: make([]bool, rows),
	}
	if ownOutput {
		own := *t.out
		own.data = make([]float32, len(t.out.data))
		w.shared, w.out = t.out, &own
		w.base = make([]float32, len(w.out.data))
	}
	return w
}

// exchange adds what this worker has changed in its copy of the output matrix to
// the shared one, and takes over what others have.
//
// Softmax and one-vs-all change every output row for every example. If all workers did
// so in one matrix, its cache lines would travel between the cores all the time, which costs
// more than the arithmetic. Changes that arrive some examples late do no harm.
func (w *worker) exchange() {
	if w.shared == nil {
		return
	}
	w.t.outLock.Lock()
	defer w.t.outLock.Unlock()
	all, own := w.shared.data, w.out.data[:len(w.shared.data)]
	base := w.base[:len(all)]
	kernel.Axpy(own, -1, base)
	kernel.Axpy(all, 1, own)
	copy(own, all)
	copy(base, all)
	w.sinceExchange = 0
}

// claim is how many examples a worker takes at a time.
const claim = 16

// exchangeEvery is how many examples a worker learns from between exchanges.
const exchangeEvery = 32

// run works on the epoch's examples until none are left or training stops.
func (w *worker) run() {
	t := w.t
	w.startEpoch()
	w.lr = t.rate()
	w.exchange()
	var b *batch
	var mine []uint32
	for !t.stop.Load() {
		if b, mine = t.feed.claim(b, len(mine), claim); mine == nil {
			break
		}
		b.prefetch(mine)
		for k := range min(lookAhead, len(mine)) {
			w.prepare(k, b, mine)
		}
		for k := range mine {
			if t.stop.Load() {
				break // one example may be long
			}
			if k+lookAhead < len(mine) {
				w.prepare(k+lookAhead, b, mine)
			}
			in := &w.ahead[k%len(w.ahead)]
			w.learn(in)
			if w.tokens += int64(in.tokens); w.tokens > int64(t.args.LRUpdateRate) {
				w.report()
				w.lr = t.rate()
			}
		}
		if w.diverged {
			t.stop.Store(true)
		}
		if w.sinceExchange += claim; w.sinceExchange >= exchangeEvery {
			w.exchange()
		}
	}
	w.exchange()
	w.report()
}

func (w *worker) report() {
	w.t.done.Add(w.tokens)
	w.tokens = 0
	w.knownLoss.Store(math.Float64bits(w.loss))
	w.knownExamples.Store(w.examples)
}

// prepare lists the rows of an example, the k-th of its claim, and asks for them: rows of
// n-grams are anywhere in memory, and waiting for them is what training does most.
func (w *worker) prepare(k int, b *batch, claimed []uint32) {
	w.list(b.example(claimed[k]), &w.ahead[k%len(w.ahead)])
}

// list lists the rows of an example and asks for them.
func (w *worker) list(units []uint16, in *input) {
	t := w.t
	t.expander.expand(units, in)
	m := t.inputRows()
	kernel.PrefetchRows(m.data, m.stride, in.rows)
}

// learn makes one gradient step: the mean of the example's rows through the loss
// and back.
func (w *worker) learn(in *input) {
	if in.count == 0 {
		return // its words are unknown and too short for a character n-gram
	}
	t := w.t
	target := 0
	if len(in.labels) > 1 {
		target = w.rng.intn(len(in.labels))
	}
	m := t.inputRows()
	t.gate.enter()
	m.sum(w.hidden, in.rows)
	scale := 1 / float32(in.count)
	kernel.Scale(w.hidden, scale)
	w.learnFrom(in.labels, target)
	if !w.diverged {
		kernel.Scale(w.grad, scale)
		if t.classes != nil {
			kernel.AddScaledToRows(m.data, m.stride, in.rows, in.sizes, w.grad)
		} else {
			kernel.AddToRows(m.data, m.stride, in.rows, w.grad)
		}
	}
	t.gate.leave()
	w.examples++
}
