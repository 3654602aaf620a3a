package fasttext

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// An example is one line of the training text that has labels and words: its
// labels, then its words, then the rows of its word n-grams. Nothing is
// looked up or hashed again after this.
type example struct {
	data   []int32
	labels int32 // how many of data are labels
	words  int32 // how many after those are words to expand into subwords; 0 if there are none
	tokens int32 // tokens of the line, known or not
}

// exampleMaker turns numbered text into examples.
type exampleMaker struct {
	dict     *dictionary
	meanings [][]int32  // of each token of each reader's lexicon
	hashes   [][]uint32 // of the same
	// With character n-grams, the rows of each word: words of the dictionary by
	// number, and after them the others.
	subwords [][]int32
	// used is the set of the input rows that examples name.
	mu   sync.Mutex
	used rowSet
}

// newExampleMaker prepares examples from the text whose lexicons were merged into
// all: ids[r] holds the numbers there of reader r's tokens, and meanings what they mean.
// What it makes is of use only if ctx has not ended.
func newExampleMaker(ctx context.Context, d *dictionary, t *text, all *lexicon, ids [][]int32, meanings []int32, workers int) *exampleMaker {
	m := &exampleMaker{dict: d, used: newRowSet(d.words + d.bucket)}
	for w := range d.words {
		m.used.add(int32(w))
	}
	if d.maxn > 0 {
		meanings = m.findSubwords(ctx, all, meanings, workers)
	}
	for r, lex := range t.lexicons {
		own, hashes := make([]int32, len(lex.entries)), make([]uint32, len(lex.entries))
		for i, e := range lex.entries {
			own[i], hashes[i] = meanings[ids[r][i]], e.hash
		}
		m.meanings, m.hashes = append(m.meanings, own), append(m.hashes, hashes)
	}
	return m
}

// findSubwords lists the rows of every word, and gives words outside the
// dictionary a meaning: the number of their list.
func (m *exampleMaker) findSubwords(ctx context.Context, all *lexicon, meanings []int32, workers int) []int32 {
	meanings = slices.Clone(meanings)
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
	m.subwords = make([][]int32, len(ids))
	inParallel(ctx, workers, len(ids), 4096, func(from, to int) {
		var rows []int32
		var tmp []byte
		ends := make([]int, 0, to-from)
		for i := from; i < to; i++ {
			row := int32(i)
			if i >= m.dict.words {
				row = -1
			}
			rows = m.dict.appendWord(rows, all.token(ids[i]), row, &tmp)
			ends = append(ends, len(rows))
		}
		start := 0
		for i, end := range ends {
			m.subwords[from+i] = rows[start:end:end]
			start = end
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, r := range rows {
			m.used.add(r)
		}
	})
	return meanings
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

// make makes the examples of a block, all in one piece of memory, and adds the rows
// of their word n-grams to used.
func (m *exampleMaker) make(b textBlock, used rowSet) []example {
	var (
		data     []int32
		examples []example
		starts   []int
		hashes   []uint32
		meanings = m.meanings[b.reader]
		hashOf   = m.hashes[b.reader]
		tokens   = b.tokens
	)
	data = make([]int32, 0, len(tokens)*max(1, m.dict.wordNgrams))
	for _, n := range b.lines {
		line := tokens[:n]
		tokens = tokens[n:]
		start := len(data)
		hashes = hashes[:0]
		for _, t := range line {
			if w := meanings[t]; w <= firstLabel {
				data = append(data, firstLabel-w)
			}
		}
		e := example{labels: int32(len(data) - start), tokens: n}
		for _, t := range line {
			if w := meanings[t]; w >= unknownWord {
				hashes = append(hashes, hashOf[t])
				if w >= 0 {
					data = append(data, w)
				}
			}
		}
		if m.subwords != nil {
			e.words = int32(len(data) - start - int(e.labels))
		}
		if m.dict.wordNgrams > 1 {
			from := len(data)
			data = appendWordNgrams(data, hashes, m.dict.wordNgrams, uint64(m.dict.bucket), int32(m.dict.words))
			for _, r := range data[from:] {
				used.add(r)
			}
		}
		if e.labels == 0 || len(data) == start+int(e.labels) {
			data = data[:start]
			continue
		}
		examples = append(examples, e)
		starts = append(starts, start)
	}
	for i := range examples {
		end := len(data)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		examples[i].data = data[starts[i]:end:end]
	}
	return examples
}

// makeAll makes the examples of all blocks, in their order, and empties the blocks.
func (m *exampleMaker) makeAll(ctx context.Context, blocks []textBlock, workers int) []example {
	parts := make([][]example, len(blocks))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			used := newRowSet(m.dict.words + m.dict.bucket)
			for i := int(next.Add(1)) - 1; i < len(blocks) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				parts[i] = m.make(blocks[i], used)
				blocks[i] = textBlock{}
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			m.used.addAll(used)
		})
	}
	wg.Wait()
	return slices.Concat(parts...)
}

// ngrams returns what stands after the words to expand.
func (e *example) ngrams() []int32 { return e.data[e.labels+e.words:] }

// appendRows appends the input rows of an example.
func (e *example) appendRows(dst []int32, subwords [][]int32) []int32 {
	rest := e.data[e.labels:]
	for _, w := range rest[:e.words] {
		dst = append(dst, subwords[w]...)
	}
	return append(dst, rest[e.words:]...)
}
