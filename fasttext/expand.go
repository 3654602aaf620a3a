package fasttext

import "github.com/heliograph/heliograph/fasttext/internal/kernel"

// An expander turns coded examples into the rows that they add up. It is read-only.
type expander struct {
	words    int32     // numbers below are words of the dictionary, which have a row of that number
	hashes   []uint32  // of every word, for n-grams of them; nil if there are none
	subwords [][]int32 // of every word, its rows and those of its character n-grams; nil if there are none
	classes  *classes  // of all rows, with subwords; nil to have rows

	ngrams  int // longest n-gram of words
	buckets *kernel.Buckets
}

// newExpander makes an expander for a dictionary.
func newExpander(d *dictionary) *expander {
	return &expander{words: int32(d.words), ngrams: max(d.wordNgrams, 1), buckets: kernel.NewBuckets(max(d.bucket, 1), ngramFactor, d.words)}
}

// An input is an example as it is learned from: its labels and the rows that it adds up, which are rows of the input
// matrix or classes of them.
type input struct {
	labels []int32
	rows   []int32
	sizes  []float32 // of classes; nil if they are rows
	count  int       // of rows
	tokens int       // of the line
	hashes []uint32  // scratch
	memory []int32   // the same, for rows
}

// scratch returns memory for n hashes.
func (in *input) scratch(n int) []uint32 {
	if cap(in.hashes) < n {
		in.hashes = make([]uint32, n+n/4)
	}
	return in.hashes[:n]
}

// grow makes room for so many rows in memory.
func (in *input) grow(most int) {
	if len(in.memory) < most {
		in.memory = make([]int32, most+most/4)
	}
}

// expand sets in to the example of those units.
func (x *expander) expand(units []uint16, in *input) {
	n, i := number(units, 0)
	tokens, i := number(units, i)
	in.labels, in.tokens = in.labels[:0], int(tokens)
	for range n {
		var label int32
		label, i = number(units, i)
		in.labels = append(in.labels, label)
	}
	units = units[i:]
	if x.subwords != nil {
		x.expandSubwords(units, in)
	} else {
		x.expandWords(units, in)
		in.count = len(in.rows)
	}
}

// expandWords lists the rows of words and of their n-grams.
func (x *expander) expandWords(units []uint16, in *input) {
	in.grow(max(x.ngrams, 2) * len(units))
	if x.hashes == nil {
		in.rows = in.memory[:kernel.Unpack(in.memory, units)]
		return
	}
	from := 0
	if x.ngrams == 2 {
		from = len(units) // pairs go right before the words
	}
	words := in.memory[from:]
	words = words[:kernel.Unpack(words, units)]
	after := from + len(words)
	if x.ngrams == 2 && len(words) > 1 {
		from -= len(words) - 1
		x.buckets.Pairs(in.memory[from:], x.hashes, words, in.scratch(len(words)))
	} else if x.ngrams > 2 {
		in.hashes = in.hashes[:0]
		for _, w := range words {
			in.hashes = append(in.hashes, x.hashes[w])
		}
	}
	if len(x.hashes) > int(x.words) {
		after -= len(words) - len(x.known(words))
	}
	in.rows = in.memory[from:after]
	if x.ngrams > 2 {
		in.rows = x.appendNgrams(in.rows, in.hashes)
	}
}

// known leaves out the words that have no row.
func (x *expander) known(words []int32) []int32 {
	n := 0
	for _, w := range words {
		words[n] = w
		if w < x.words {
			n++
		}
	}
	return words[:n]
}

// expandSubwords lists what words with character n-grams add up, and the n-grams of words.
func (x *expander) expandSubwords(units []uint16, in *input) {
	in.rows, in.sizes, in.hashes, in.count = in.rows[:0], in.sizes[:0], in.hashes[:0], 0
	for i := 0; i < len(units); {
		var w int32
		w, i = number(units, i)
		if x.classes == nil {
			in.rows = append(in.rows, x.subwords[w]...)
		} else {
			c := &x.classes.words[w]
			in.rows = append(in.rows, c.classes...)
			in.sizes = append(in.sizes, c.sizes...)
			in.count += int(c.rows)
		}
		if x.hashes != nil {
			in.hashes = append(in.hashes, x.hashes[w])
		}
	}
	from := len(in.rows)
	in.rows = x.appendNgrams(in.rows, in.hashes)
	if x.classes == nil {
		in.count = len(in.rows)
		return
	}
	in.count += len(in.rows) - from
	for i, r := range in.rows[from:] {
		in.rows[from+i] = x.classes.ofRow[r]
		in.sizes = append(in.sizes, 1)
	}
}

// ngramsOf returns the rows of the n-grams of words, until the next use of in.
func (x *expander) ngramsOf(words []int32, in *input) []int32 {
	if x.ngrams == 2 {
		if len(words) < 2 {
			return nil
		}
		in.grow(len(words))
		x.buckets.Pairs(in.memory, x.hashes, words, in.scratch(len(words)))
		return in.memory[:len(words)-1]
	}
	in.hashes = in.hashes[:0]
	for _, w := range words {
		in.hashes = append(in.hashes, x.hashes[w])
	}
	in.rows = x.appendNgrams(in.rows[:0], in.hashes)
	return in.rows
}

// appendNgrams appends the rows of the n-grams of words; see appendWordNgrams.
func (x *expander) appendNgrams(dst []int32, hashes []uint32) []int32 {
	for i, first := range hashes {
		h := uint64(int64(int32(first)))
		for _, next := range hashes[i+1 : max(min(i+x.ngrams, len(hashes)), i+1)] {
			h = h*ngramFactor + uint64(int64(int32(next)))
			dst = append(dst, x.buckets.Row(h))
		}
	}
	return dst
}
