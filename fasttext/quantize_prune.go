package fasttext

import (
	"math"
	"slices"
)

// rank orders the input rows by importance, once: first the end of line, then by falling norm,
// then by number, as the original does (FastText.zip, section 3.2).
func (p *pruner) rank() []int32 {
	if p.ranked != nil {
		return p.ranked
	}
	// Untouched rows are zero, and there may be millions: they need no sorting.
	var keys []uint64
	var zeros []int32
	for i, norm := range p.norms {
		if norm > 0 {
			// Bits of positive numbers are in their order.
			keys = append(keys, uint64(^math.Float32bits(norm))<<32|uint64(i))
		} else {
			zeros = append(zeros, int32(i))
		}
	}
	slices.Sort(keys)
	rows := make([]int32, 0, len(p.norms))
	for _, k := range keys {
		rows = append(rows, int32(uint32(k)))
	}
	rows = append(rows, zeros...)
	if end := p.m.dict.eosID; end >= 0 {
		at := slices.Index(rows, end)
		copy(rows[1:], rows[:at])
		rows[0] = end
	}
	p.ranked = rows
	return rows
}

// prune gives q the most important rows, so many, and a dictionary of them.
func (p *pruner) prune(q *Model, cutoff int) {
	kept, ngrams := p.keep(cutoff)
	words := len(kept)
	q.dict = p.m.dict.prune(kept, ngrams)
	q.in = p.in.pick(append(kept, ngrams...))
	if p.m.Supervised() {
		q.out = p.out.clone()
	} else {
		q.out = p.out.pick(kept[:words]) // a row for each word
	}
}

// keep returns the words and the n-grams that a cutoff keeps, the words in order.
func (p *pruner) keep(cutoff int) (words, ngrams []int32) {
	for _, row := range p.rank()[:cutoff] {
		if int(row) < p.m.dict.words {
			words = append(words, row)
		} else {
			ngrams = append(ngrams, row)
		}
	}
	slices.Sort(words)
	return words, ngrams
}

// prune returns a dictionary of some of the words, all labels and some rows of n-grams, the
// first of which has the first row after the words.
func (d *dictionary) prune(words, ngrams []int32) *dictionary {
	p := &dictionary{
		tokens: d.tokens, wordNgrams: d.wordNgrams, minn: d.minn, maxn: d.maxn, bucket: d.bucket, label: d.label,
		prunedSize: int64(len(ngrams)), words: len(words),
	}
	for _, id := range words {
		p.add(d.token(int(id)), d.hashes[id], d.counts[id])
	}
	for id := d.words; id < d.size(); id++ {
		p.add(d.token(id), d.hashes[id], d.counts[id])
	}
	p.index()
	p.prunedPairs = make([]int32, 0, 2*len(ngrams))
	for row, ngram := range ngrams {
		p.prunedPairs = append(p.prunedPairs, ngram-int32(d.words), int32(row))
	}
	p.pruned = newNgramRows(p.prunedPairs)
	return p
}

// pick returns a matrix of some of the rows.
func (m *dense) pick(rows []int32) *dense {
	picked := newHeapDense(len(rows), m.cols)
	for i, row := range rows {
		copy(picked.row(i), m.row(int(row)))
	}
	return picked
}

// clone returns a copy in the layout that training uses.
func (m *dense) clone() *dense {
	c := newHeapDense(m.rows, m.cols)
	for i := range m.rows {
		copy(c.row(i), m.row(i))
	}
	return c
}
