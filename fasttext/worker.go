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

// An input is the rows that an example adds up: rows of the input matrix, or classes of them.
type input struct {
	rows  []int32
	sizes []float32 // of classes; nil if they are rows
	count int       // of rows
	own   []int32   // memory of rows, if they are not the example's own
}

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
	for i, v := range all {
		v += own[i] - base[i]
		all[i], own[i], base[i] = v, v, v
	}
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
	for !t.stop.Load() {
		from := int(t.next.Add(claim)) - claim
		if from >= len(t.order) {
			break
		}
		mine := t.order[from:min(from+claim, len(t.order))]
		for k := range min(lookAhead, len(mine)) {
			w.prepare(k, mine)
		}
		for k, i := range mine {
			if t.stop.Load() {
				break // one example may be long
			}
			if k+lookAhead < len(mine) {
				w.prepare(k+lookAhead, mine)
			}
			e := &t.examples[i]
			w.learn(e, &w.ahead[k%len(w.ahead)])
			if w.tokens += int64(e.tokens); w.tokens > int64(t.args.LRUpdateRate) {
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
func (w *worker) prepare(k int, claimed []int32) {
	w.list(&w.t.examples[claimed[k]], &w.ahead[k%len(w.ahead)])
}

// list lists the rows of an example and asks for them.
func (w *worker) list(e *example, in *input) {
	t := w.t
	if t.classes == nil {
		in.rows = e.data[e.labels:]
		in.count = len(in.rows)
		kernel.PrefetchRows(t.in.data, t.in.stride, in.rows)
		return
	}
	in.own, in.sizes, in.count = in.own[:0], in.sizes[:0], 0
	for _, word := range e.data[e.labels:][:e.words] {
		c := &t.classes.words[word]
		in.own = append(in.own, c.classes...)
		in.sizes = append(in.sizes, c.sizes...)
		in.count += int(c.rows)
	}
	for _, r := range e.ngrams() {
		in.own = append(in.own, r)
		in.sizes = append(in.sizes, 1)
	}
	in.count += len(e.ngrams())
	in.rows = in.own
	kernel.PrefetchRows(t.classes.sums.data, t.classes.sums.stride, in.rows)
}

// learn makes one gradient step: the mean of the example's rows through the loss
// and back.
func (w *worker) learn(e *example, in *input) {
	if in.count == 0 {
		return // its words are unknown and too short for a character n-gram
	}
	t := w.t
	target := 0
	if e.labels > 1 {
		target = w.rng.intn(int(e.labels))
	}
	m := t.in
	if t.classes != nil {
		m = t.classes.sums
	}
	t.gate.enter()
	m.sum(w.hidden, in.rows)
	scale := 1 / float32(in.count)
	kernel.Scale(w.hidden, scale)
	w.learnFrom(e.data[:e.labels], target)
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
