package fasttext

import "github.com/heliograph/heliograph/fasttext/internal/kernel"

// skipgramLearner learns each word of the window from the word in its middle (Mikolov et al., "Efficient
// Estimation of Word Representations in Vector Space", 2013), or from that and its character n-grams (Bojanowski et
// al., 2017).
//
// The rows of the middle word are read once and changed once per window. In between, their
// mean moves as they would: each of them gets the whole gradient, and so does the mean.
type skipgramLearner struct {
	*windows
	start []float32 // the mean before the window
}

func (s *skipgramLearner) learn(line []int32) {
	if len(line) < 2 {
		return
	}
	s.wild = false
	s.draw(&s.plans[0], line, 0, true)
	for i, word := range line {
		if s.halted() {
			return
		}
		p := &s.plans[i%2]
		if i+1 < len(line) {
			s.draw(&s.plans[(i+1)%2], line, i+1, true)
			s.prefetch(line[i+1])
		}
		rows := s.rowsOf(word)
		if len(rows) == 1 {
			// A single row needs no mean: it learns in place.
			s.window(s.t.in.row(int(rows[0])), line, i, p)
			if s.wild {
				s.tame(s.t.in, rows)
			}
			continue
		}
		s.mean(s.h, word)
		copy(s.start, s.h)
		s.window(s.h, line, i, p)
		if s.diverged {
			return
		}
		kernel.Axpy(s.h, -1, s.start)
		s.move(word, s.h)
	}
}

func (s *skipgramLearner) window(h []float32, line []int32, middle int, p *plan) {
	targets := p.targets
	for c := p.from; c < p.to && !s.halted(); c++ {
		if c == middle {
			continue
		}
		n := min(len(s.yes), len(targets))
		s.predict(h, line, c, targets[:n])
		targets = targets[n:]
	}
}

// batchLearner learns the middle word from each word of the window, all at once and with the same
// negatives, so that the step is two products of small matrices (Ji et al., "Parallelizing
// Word2Vec in Shared and Distributed Memory", 2016).
type batchLearner struct {
	*windows
	x, grads []float32 // of each word of the window
}

func (b *batchLearner) learn(line []int32) {
	if len(line) < 2 {
		return
	}
	b.wild = false
	b.draw(&b.plans[0], line, 0, false)
	for i := range line {
		p := &b.plans[i%2]
		if i+1 < len(line) {
			b.draw(&b.plans[(i+1)%2], line, i+1, false)
		}
		if next := i + 1 + b.reach; next < len(line) {
			b.prefetch(line[next])
		}
		n := 0
		for c := p.from; c < p.to; c++ {
			if c != i {
				b.mean(b.x[n*b.stride:][:b.out.cols], line[c])
				n++
			}
		}
		b.step(n, p.targets)
		if b.halted() {
			return
		}
		n = 0
		for c := p.from; c < p.to; c++ {
			if c != i {
				b.move(line[c], b.grads[n*b.stride:][:b.out.cols])
				n++
			}
		}
	}
}

// step makes one step from n input vectors towards the first target and away from the others.
func (b *batchLearner) step(n int, targets []int32) {
	b.examples += int64(n)
	clear(b.grads[:n*b.stride])
	for yes := b.yes; len(targets) > 0 && !b.diverged; {
		k := distinct(targets)
		b.fan.Aim(b.out.data, b.out.stride, targets[:k])
		b.fan.Scores(b.scores, b.x, b.stride, n)
		for i := range n {
			b.turn++
			b.errors(b.scores[i*kernel.ScoreStride:], yes[:k])
		}
		if !b.diverged {
			b.fan.Learn(b.scores, b.x, b.grads, b.stride, n)
		}
		if b.wild {
			b.tame(b.out, targets[:k])
		}
		targets, yes = targets[k:], yes[k:]
	}
}

// cbowLearner learns the middle word from the mean of all rows of the words around it (Mikolov et al., 2013).
//
// With character n-grams, the sum of each word's rows is read once, when the word comes into
// reach, and what it has learned goes to the rows once, when it leaves. In between, the sum
// moves as the rows would: each of them gets the whole gradient.
type cbowLearner struct {
	*windows
	start         []float32
	sums, changes []float32 // of the words in reach, by place modulo their number; nil without n-grams
}

func (b *cbowLearner) learn(line []int32) {
	if len(line) < 2 {
		return
	}
	b.wild = false
	reach, loaded := b.reach, 0
	b.draw(&b.plans[0], line, 0, false)
	for i := range line {
		p := &b.plans[i%2]
		if i+1 < len(line) {
			b.draw(&b.plans[(i+1)%2], line, i+1, false)
		}
		if next := i + 1 + reach; next < len(line) {
			b.prefetch(line[next])
		}
		for ; b.sums != nil && loaded < min(i+reach+1, len(line)); loaded++ {
			b.t.in.sum(b.place(b.sums, loaded), b.rowsOf(line[loaded]))
			clear(b.place(b.changes, loaded))
		}
		b.window(line, i, p)
		if b.halted() {
			return
		}
		if b.sums != nil && i >= reach {
			b.store(line, i-reach)
		}
	}
	for i := max(0, len(line)-reach); b.sums != nil && i < len(line); i++ {
		b.store(line, i)
	}
}

func (b *cbowLearner) place(ring []float32, i int) []float32 {
	return ring[i%(2*b.reach+1)*b.stride:][:b.out.cols]
}

// store gives the rows of the word at place i what it has learned.
func (b *cbowLearner) store(line []int32, i int) { b.move(line[i], b.place(b.changes, i)) }

func (b *cbowLearner) window(line []int32, middle int, p *plan) {
	h := b.h
	clear(h)
	rows := 0
	for c := p.from; c < p.to; c++ {
		switch {
		case c == middle:
		case b.sums == nil:
			kernel.Axpy(h, 1, b.t.in.row(int(line[c])))
			rows++
		default:
			kernel.Axpy(h, 1, b.place(b.sums, c))
			rows += len(b.rowsOf(line[c]))
		}
	}
	kernel.Scale(h, 1/float32(rows))
	copy(b.start, h)
	b.predict(h, line, middle, p.targets)
	if b.diverged {
		return
	}
	kernel.Axpy(h, -1, b.start)
	for c := p.from; c < p.to; c++ {
		switch {
		case c == middle:
		case b.sums == nil:
			b.move(line[c], h)
		default:
			kernel.Axpy(b.place(b.sums, c), float32(len(b.rowsOf(line[c]))), h)
			kernel.Axpy(b.place(b.changes, c), 1, h)
		}
	}
}
