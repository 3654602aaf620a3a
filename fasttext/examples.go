package fasttext

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// exampleMaker turns numbered text into examples: lines of the training text that have
// labels and words.
type exampleMaker struct {
	*expander
	dict    *dictionary
	numbers [][]int32 // of each token of each reader's lexicon: a word, or one of the meanings below 0
	lines   bool      // whether examples are lines of words without labels, to learn word vectors from
	// The input rows that examples name, and those of them that n-grams of words do.
	mu     sync.Mutex
	used   rowSet
	ngrams rowSet
}

// newExampleMaker prepares examples from texts whose lexicons were merged into
// all: ids[r] holds the numbers there of reader r's tokens, and meanings what they mean. It takes over both.
// What it makes is of use only if ctx has not ended.
func newExampleMaker(ctx context.Context, d *dictionary, all *lexicon, ids [][]int32, meanings []int32, workers int) *exampleMaker {
	m := &exampleMaker{dict: d, expander: newExpander(d), used: newRowSet(d.words + d.bucket)}
	for w := range d.words {
		m.used.add(int32(w))
	}
	if d.wordNgrams > 1 {
		m.ngrams = newRowSet(d.words + d.bucket)
	}
	if d.wordNgrams > 1 || d.maxn > 0 {
		m.numberOthers(ctx, all, meanings, workers)
	}
	for _, of := range ids {
		for i, id := range of {
			of[i] = meanings[id]
		}
	}
	m.numbers = ids
	return m
}

// numberOthers numbers the words outside the dictionary behind its own, since they have n-grams too, and
// collects what n-grams are made from.
func (m *exampleMaker) numberOthers(ctx context.Context, all *lexicon, meanings []int32, workers int) {
	ids := make([]int32, m.dict.words)
	for id, w := range meanings {
		switch {
		case w >= 0:
			ids[w] = int32(id)
		case w == unknownWord:
			meanings[id] = int32(len(ids))
			ids = append(ids, int32(id))
		}
	}
	if m.dict.wordNgrams > 1 {
		m.hashes = make([]uint32, len(ids))
		for i, id := range ids {
			m.hashes[i] = all.entries[id].hash
		}
	}
	if m.dict.maxn > 0 {
		m.subwords = m.findSubwords(ctx, workers, len(ids), func(i int) []byte { return all.token(ids[i]) })
	}
}

// findSubwords lists the rows of every word and its character n-grams.
func (m *exampleMaker) findSubwords(ctx context.Context, workers, words int, token func(int) []byte) [][]int32 {
	subwords := make([][]int32, words)
	inParallel(ctx, workers, words, 4096, func(from, to int) {
		var rows []int32
		var tmp []byte
		ends := make([]int, 0, to-from)
		for i := from; i < to; i++ {
			row := int32(i)
			if i >= m.dict.words {
				row = -1
			}
			rows = m.dict.appendWord(rows, token(i), row, &tmp)
			ends = append(ends, len(rows))
		}
		rows = slices.Clip(slices.Clone(rows))
		start := 0
		for i, end := range ends {
			subwords[from+i] = rows[start:end:end]
			start = end
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, r := range rows {
			m.used.add(r)
		}
	})
	return subwords
}

// maxWorkers is how many goroutines can run at once.
func maxWorkers() int { return runtime.GOMAXPROCS(0) }

// inParallel calls do for pieces of [0,n), from several goroutines, until all are
// done or ctx ends.
func inParallel(ctx context.Context, workers, n, piece int, do func(from, to int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				from := int(next.Add(int64(piece))) - piece
				if from >= n {
					return
				}
				do(from, min(from+piece, n))
			}
		})
	}
	wg.Wait()
}

// A makerScratch is what making the examples of a block needs, and the result.
type makerScratch struct {
	labels, words []int32
	in            input
	units         []uint16
	ends          []int // of each example in units
	tokens        int64
}

// make codes the examples of a block, and adds the rows of their word n-grams to used.
func (m *exampleMaker) make(b *textBlock, s *makerScratch, used rowSet) {
	numbers, tokens := m.numbers[b.reader], b.tokens
	s.units, s.ends, s.tokens = s.units[:0], s.ends[:0], 0
	for _, n := range b.lines {
		s.labels, s.words = s.labels[:0], s.words[:0]
		for _, t := range tokens[:n] {
			if w := numbers[t]; w >= 0 {
				s.words = append(s.words, w)
			} else if w <= firstLabel {
				s.labels = append(s.labels, firstLabel-w)
			}
		}
		tokens = tokens[n:]
		if m.lines {
			s.cut()
			continue
		}
		if len(s.labels) == 0 || len(s.words) == 0 {
			continue
		}
		from := len(s.units)
		s.units = appendExample(s.units, s.labels, s.words, int(n))
		if m.hashes != nil {
			ngrams := m.ngramsOf(s.words, &s.in)
			for _, r := range ngrams {
				used.add(r)
			}
			// Unknown words alone have no row.
			if len(ngrams) == 0 && m.subwords == nil && !slices.ContainsFunc(s.words, func(w int32) bool { return w < m.words }) {
				s.units = s.units[:from]
				continue
			}
		}
		s.ends = append(s.ends, len(s.units))
		s.tokens += int64(n)
	}
}

// cut codes the words of a line as examples without labels, of at most longestLine words.
func (s *makerScratch) cut() {
	for words := s.words; len(words) > 0; {
		n := min(len(words), longestLine)
		s.units = appendExample(s.units, nil, words[:n], n)
		s.ends = append(s.ends, len(s.units))
		s.tokens += int64(n)
		words = words[n:]
	}
}

// makeAll makes the examples of a text, in its order, and drops its blocks.
func (m *exampleMaker) makeAll(ctx context.Context, txt *text, s *exampleStore, workers int) error {
	var (
		next  atomic.Int64
		group sync.WaitGroup
		turns = newTurns()
	)
	for range workers {
		group.Go(func() {
			var b textBlock
			var made makerScratch
			used := newRowSet(len(m.ngrams) * 64)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(txt.blocks) {
					break
				}
				err := ctx.Err()
				if err == nil {
					err = txt.load(i, &b)
				}
				if err == nil {
					txt.drop(i)
					m.make(&b, &made, used)
				}
				turns.take(i, err, func() error { return s.add(made.units, made.ends, made.tokens) })
			}
			if m.ngrams != nil {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.ngrams.addAll(used)
				m.used.addAll(used)
			}
		})
	}
	group.Wait()
	if turns.err != nil {
		return turns.err
	}
	return s.finish()
}

// turns lets goroutines do something one after another, in the order of their numbers from 0 on.
type turns struct {
	mu   sync.Mutex
	cond sync.Cond
	next int
	err  error // the first one; nothing is done after it
}

func newTurns() *turns {
	t := &turns{}
	t.cond.L = &t.mu
	return t
}

func (t *turns) take(i int, err error, do func() error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.next != i {
		t.cond.Wait()
	}
	if t.err == nil {
		if t.err = err; err == nil {
			t.err = do()
		}
	}
	t.next++
	t.cond.Broadcast()
}
