package fasttext

import (
	"math"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// A vectorLearner learns from one line of words after another, for one worker.
type vectorLearner interface{ learn(line []int32) }

func newVectorLearner(w *worker) vectorLearner {
	a, v := w.t.args, &windows{worker: w, text: w.t.vectors}
	v.stride = (a.Dim + 15) &^ 15
	v.fan = kernel.NewFan(a.Dim)
	v.reach = min(a.WS, longestLine)
	v.scores = make([]float32, 2*v.reach*kernel.ScoreStride)
	v.h = make([]float32, a.Dim)
	v.yes = make([]bool, 1+a.Neg)
	v.yes[0] = true
	switch l := w.t.loss.(type) {
	case *negativeLoss:
		v.negatives = newDraws(l)
		if len(l.keep) < 2 {
			v.yes = v.yes[:1] // there is no other word to draw
		}
	case *huffmanLoss:
		v.tree = l
	}
	switch a.Model {
	case BatchSkipgram:
		n := 2 * v.reach * v.stride
		return &batchLearner{windows: v, x: make([]float32, n), grads: make([]float32, n)}
	case CBOW:
		c := &cbowLearner{windows: v, start: make([]float32, a.Dim)}
		if v.text.subwords != nil {
			n := (2*v.reach + 1) * v.stride
			c.sums, c.changes = make([]float32, n), make([]float32, n)
		}
		return c
	}
	return &skipgramLearner{windows: v, start: make([]float32, a.Dim)}
}

// windows is what all ways to learn from windows share.
type windows struct {
	*worker
	text      *vectorText
	negatives *draws       // of negative sampling, else nil
	tree      *huffmanLoss // of hierarchical softmax, else nil
	fan       *kernel.Fan
	stride    int // of vectors in scratch
	reach     int // how far a window can reach to each side
	scores    []float32
	yes       []bool // answers of a word and its negatives
	plans     [2]plan
	h         []float32 // the vector that learns
	single    [1]int32
	turn      uint
	wild      bool // whether a score of this line was beyond wildScore, see clip.go
}

// A plan is one window, drawn before its time so that its rows are on their way.
type plan struct {
	from, to int     // the window, with the word itself
	targets  []int32 // of each question group in the window, a word and its negatives
}

// draw plans the window around place i, and asks for its input and output rows.
func (v *windows) draw(p *plan, line []int32, i int, groups bool) {
	reach := 1 + v.rng.intn(v.t.args.WS)
	p.from, p.to = max(0, i-reach), min(len(line), i+reach+1)
	if v.negatives == nil {
		return
	}
	p.targets = p.targets[:0]
	if groups {
		for c := p.from; c < p.to; c++ {
			if c != i {
				p.targets = v.negatives.appendGroup(p.targets, line[c], len(v.yes)-1, v.rng)
			}
		}
	} else {
		p.targets = v.negatives.appendGroup(p.targets, line[i], len(v.yes)-1, v.rng)
	}
	kernel.PrefetchRows(v.out.data, v.out.stride, p.targets)
}

// halted reports whether the rest of the line is not wanted any more.
func (v *windows) halted() bool { return v.diverged || v.t.stop.Load() }

// rowsOf returns the input rows of a word, until the next call.
func (v *windows) rowsOf(word int32) []int32 {
	if v.text.subwords != nil {
		return v.text.subwords[word]
	}
	v.single[0] = word
	return v.single[:]
}

// prefetch asks for the input rows of a word.
func (v *windows) prefetch(word int32) {
	in := v.t.in
	kernel.PrefetchRows(in.data, in.stride, v.rowsOf(word))
}

// mean sets dst to the mean of the word's rows.
func (v *windows) mean(dst []float32, word int32) {
	rows := v.rowsOf(word)
	if len(rows) == 1 {
		copy(dst, v.t.in.row(int(rows[0])))
		return
	}
	v.t.in.sum(dst, rows)
	kernel.Scale(dst, 1/float32(len(rows)))
}

// move adds a change to each of the word's rows.
func (v *windows) move(word int32, change []float32) {
	rows := v.rowsOf(word)
	if len(rows) == 1 {
		kernel.Axpy(v.t.in.row(int(rows[0])), 1, change)
	} else {
		kernel.AddToRows(v.t.in.data, v.t.in.stride, rows, change)
	}
	if v.wild {
		v.tame(v.t.in, rows)
	}
}

// predict learns line[target] from h, the mean of input rows, and moves h as each of
// those rows has to move. group is the target with its negatives, if there are any.
func (v *windows) predict(h []float32, line []int32, target int, group []int32) {
	v.examples++
	v.turn++
	switch {
	case v.negatives != nil:
		v.answer(h, group, v.yes[:len(group)])
	case v.tree != nil:
		from, to := v.tree.way(line[target])
		v.answer(h, v.tree.path[from:to], v.tree.yes[from:to])
	default:
		copy(v.hidden, h)
		if v.learnFrom(line, target); !v.diverged {
			kernel.Axpy(h, 1, v.grad)
			v.wild = v.wild || !(kernel.Dot(h, h) <= wildScore)
		}
	}
}

// answer makes one step of yes-or-no questions, each of which one output row answers.
func (v *windows) answer(h []float32, rows []int32, yes []bool) {
	grad := h
	n := distinct(rows)
	if n < len(rows) {
		grad = v.grad
		copy(grad, h)
	}
	for {
		v.fan.Aim(v.out.data, v.out.stride, rows[:n])
		v.fan.Scores(v.scores, h, v.stride, 1)
		v.errors(v.scores, yes[:n])
		if v.diverged {
			return
		}
		v.fan.Learn(v.scores, h, grad, v.stride, 1)
		if v.wild {
			v.tame(v.out, rows[:n])
			if !shorten(grad, longestHidden) {
				v.diverged = true
				return
			}
		}
		if rows, yes = rows[n:], yes[n:]; len(rows) == 0 {
			break
		}
		n = distinct(rows)
	}
	if &grad[0] != &h[0] {
		copy(h, grad)
	}
}

// distinct returns how many rows from the start are different, and fit into a fan.
func distinct(rows []int32) int {
	for n := 1; n < len(rows); n++ {
		if n == kernel.FanSize {
			return n
		}
		for _, r := range rows[:n] {
			if r == rows[n] {
				return n
			}
		}
	}
	return len(rows)
}

// errors turns one vector's scores into what its step multiplies rows with. The
// loss is only worked out for some, since the report alone needs it.
func (v *windows) errors(scores []float32, yes []bool) {
	scores = scores[:kernel.FanSize]
	counts := v.turn%lossEvery == 0
	for k := range scores {
		if k >= len(yes) {
			scores[k] = 0
			continue
		}
		x := scores[k]
		var p float32
		if x >= -sigmoidMax && x <= sigmoidMax {
			p = sigmoidTable[int((x+sigmoidMax)*tableSteps/sigmoidMax/2)]
		} else if p = sigmoid(x); !(x < wildScore && x > -wildScore) {
			if v.wild = true; x != x {
				v.diverged = true
				return
			}
		}
		if yes[k] {
			scores[k] = v.lr * (1 - p)
		} else {
			scores[k] = -v.lr * p
			p = 1 - p
		}
		if counts {
			v.loss -= lossEvery * float64(tableLog(p))
		}
	}
}

// lossEvery is how many examples stand behind one whose loss is worked out.
const lossEvery = 16

// draws samples words by the square root of their count, from numbers of 64 bits.
type draws struct{ places []drawPlace }

type drawPlace struct {
	keep  uint32
	alias int32
}

func newDraws(l *negativeLoss) *draws {
	d := &draws{make([]drawPlace, len(l.keep))}
	for i, k := range l.keep {
		d.places[i] = drawPlace{uint32(min(float64(k)*(1<<32), math.MaxUint32)), l.alias[i]}
	}
	return d
}

// appendGroup appends a word and n others, which may repeat; none if there is no other word.
func (d *draws) appendGroup(dst []int32, word int32, n int, r *rng) []int32 {
	dst = append(dst, word)
	if len(d.places) < 2 {
		return dst
	}
	for n > 0 {
		bits := r.uint64()
		i := int32(bits >> 32 * uint64(len(d.places)) >> 32)
		if p := d.places[i]; uint32(bits) > p.keep {
			i = p.alias
		}
		if i != word {
			dst = append(dst, i)
			n--
		}
	}
	return dst
}

// way returns where in path the questions of a leaf stand.
func (l *huffmanLoss) way(leaf int32) (from, to int) {
	if leaf > 0 {
		from = l.pathEnds[leaf-1]
	}
	return from, l.pathEnds[leaf]
}
