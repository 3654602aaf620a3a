package fasttext

import "math/bits"

// An expander turns coded examples into the rows that they add up. It is read-only.
type expander struct {
	words    int32     // numbers below are words of the dictionary, which have a row of that number
	hashes   []uint32  // of every word, for n-grams of them; nil if there are none
	subwords [][]int32 // of every word, its rows and those of its character n-grams; nil if there are none
	classes  *classes  // of all rows, with subwords; nil to have rows

	ngrams int   // longest n-gram of words
	base   int32 // row of the first bucket
	bucket divisor
}

// newExpander makes an expander for a dictionary.
func newExpander(d *dictionary) *expander {
	return &expander{words: int32(d.words), ngrams: max(d.wordNgrams, 1), base: int32(d.words), bucket: newDivisor(uint64(max(d.bucket, 1)))}
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
	if most := 2 * len(units); cap(in.rows) < most {
		in.rows = make([]int32, most+most/4)
	}
	if x.subwords != nil {
		x.expandSubwords(units, in)
	} else {
		x.expandWords(units, in)
		in.count = len(in.rows)
	}
}

// expandWords lists the rows of words and of their n-grams.
func (x *expander) expandWords(units []uint16, in *input) {
	rows, n := in.rows[:cap(in.rows)], 0
	if x.hashes == nil {
		for i := 0; i < len(units); n++ {
			rows[n], i = number(units, i)
		}
		in.rows = rows[:n]
		return
	}
	if x.ngrams > 2 {
		in.hashes = in.hashes[:0]
		for i := 0; i < len(units); {
			var w int32
			if w, i = number(units, i); w < x.words {
				rows[n] = w
				n++
			}
			in.hashes = append(in.hashes, x.hashes[w])
		}
		in.rows = x.appendNgrams(rows[:n], in.hashes)
		return
	}
	var before uint64
	first := true
	for i := 0; i < len(units); {
		var w int32
		if w, i = number(units, i); w < x.words {
			rows[n] = w
			n++
		}
		h := uint64(int64(int32(x.hashes[w])))
		if !first {
			rows[n] = x.base + int32(x.bucket.rest(before*ngramFactor+h))
			n++
		}
		before, first = h, false
	}
	in.rows = rows[:n]
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

// appendNgrams appends the rows of the n-grams of words; see appendWordNgrams.
func (x *expander) appendNgrams(dst []int32, hashes []uint32) []int32 {
	for i, first := range hashes {
		h := uint64(int64(int32(first)))
		for _, next := range hashes[i+1 : max(min(i+x.ngrams, len(hashes)), i+1)] {
			h = h*ngramFactor + uint64(int64(int32(next)))
			dst = append(dst, x.base+int32(x.bucket.rest(h)))
		}
	}
	return dst
}

// A divisor is a number below 1<<32 with what makes dividing by it fast.
type divisor struct{ by, inverse uint64 }

func newDivisor(by uint64) divisor { return divisor{by, ^uint64(0) / by} }

// rest returns h modulo the divisor. The estimate of the quotient is at most 1 too low: inverse is above 1<<64 / by - 1,
// so that h times it, over 1<<64, is above h/by - 1.
func (d divisor) rest(h uint64) uint64 {
	q, _ := bits.Mul64(h, d.inverse)
	r := h - q*d.by
	if r >= d.by {
		r -= d.by
	}
	return r
}
