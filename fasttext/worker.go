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
	rows         []int32
	hidden, grad []float32
	scores       []float32 // one per output row
	wanted       []bool    // the same; all false between examples
	diverged     bool
	lr           float32

	sinceExchange int // examples

	loss     float64
	examples int64
	tokens   int64 // since the last report

	// What report last made known.
	knownLoss     atomic.Uint64 // bits of a float64
	knownExamples atomic.Int64
}

func newWorker(t *trainer, i int, ownOutput bool) (*worker, error) {
	rows, dim := t.out.size()
	w := &worker{
		t: t, out: t.out, rng: newRNG(t.args.Seed, workerStream-i),
		hidden: make([]float32, dim), grad: make([]float32, dim),
		scores: make([]float32, rows), wanted: make([]bool, rows),
	}
	if ownOutput {
		var err error
		if w.out, err = newDense(rows, dim, nil); err != nil {
			return nil, err
		}
		w.shared, w.base = t.out, make([]float32, len(w.out.data))
	}
	return w, nil
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
	w.lr = t.rate()
	w.exchange()
	for !t.stop.Load() {
		from := int(t.next.Add(claim)) - claim
		if from >= len(t.order) {
			break
		}
		for _, i := range t.order[from:min(from+claim, len(t.order))] {
			if t.stop.Load() {
				break // one example may be long
			}
			e := &t.examples[i]
			w.learn(e)
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

// learn makes one gradient step: the mean of the example's rows through the loss
// and back.
func (w *worker) learn(e *example) {
	t := w.t
	rows := e.data[e.labels:]
	if e.words > 0 {
		w.rows = e.appendRows(w.rows[:0], t.subwords)
		rows = w.rows
	}
	if len(rows) == 0 {
		return // its words are unknown and too short for a character n-gram
	}
	target := 0
	if e.labels > 1 {
		target = w.rng.intn(int(e.labels))
	}
	t.gate.enter()
	t.in.sum(w.hidden, rows)
	scale := 1 / float32(len(rows))
	kernel.Scale(w.hidden, scale)
	clear(w.grad)
	w.loss += float64(t.loss.step(w, w.out, e.data[:e.labels], target, w.lr))
	if !w.diverged {
		kernel.Scale(w.grad, scale)
		t.in.addToRows(rows, w.grad)
	}
	t.gate.leave()
	w.examples++
}
