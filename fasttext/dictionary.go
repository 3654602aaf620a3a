package fasttext

import (
	"slices"
	"strings"
)

// eos is the token that stands for the end of a line.
const eos = "</s>"

// A dictionary maps tokens to rows: words have the rows from 0, labels follow
// them in the list but have output rows, and n-grams have the input rows after
// the words'. Words, and then labels, are in order of falling count.
type dictionary struct {
	text   []byte   // all tokens, one after another
	ends   []int    // where each token ends in text
	hashes []uint32 // of each token
	counts []int64  // of each token, in the text it was trained on
	slots  []uint64 // open addressing: hash in the upper half, token number + 1 in the lower, or 0
	words  int      // how many tokens are words
	tokens int64    // tokens read in training, labels and line ends among them
	eosID  int32    // the word that ends a line, or -1

	// Of a pruned model, the n-grams that kept a row: pairs of bucket and row, as
	// the file lists them, and the same as a table. prunedSize is -1 if none was pruned.
	prunedSize  int64
	prunedPairs []int32
	pruned      ngramRows

	wordNgrams int
	minn, maxn int
	bucket     int
	label      string
}

func newDictionary(a Args) *dictionary {
	return &dictionary{
		prunedSize: -1, eosID: -1,
		wordNgrams: a.WordNgrams, minn: a.Minn, maxn: a.Maxn, bucket: a.Bucket, label: a.Label,
	}
}

func (d *dictionary) size() int   { return len(d.ends) }
func (d *dictionary) labels() int { return len(d.ends) - d.words }

func (d *dictionary) token(id int) []byte {
	start := 0
	if id > 0 {
		start = d.ends[id-1]
	}
	return d.text[start:d.ends[id]:d.ends[id]]
}

// add appends a token; index makes it known.
func (d *dictionary) add(token []byte, hash uint32, count int64) {
	d.text = append(d.text, token...)
	d.ends = append(d.ends, len(d.text))
	d.hashes = append(d.hashes, hash)
	d.counts = append(d.counts, count)
}

// reserve makes room for so many tokens, before there are any. Growing a slice would write to its memory, before
// advice on its pages comes.
func (d *dictionary) reserve(tokens int) {
	d.ends = make([]int, 0, tokens)
	d.hashes = make([]uint32, 0, tokens)
	d.counts = make([]int64, 0, tokens)
	adviseHugePages(d.ends)
	adviseHugePages(d.hashes)
	adviseHugePages(d.counts)
}

// index builds the table that find uses. Of equal tokens the last one wins.
func (d *dictionary) index() {
	d.makeSlots(d.size())
	for id := range d.hashes {
		d.enter(id)
	}
	d.findEOS()
}

// makeSlots makes room in the table for so many tokens.
func (d *dictionary) makeSlots(tokens int) {
	n := 16
	for 2*n < 3*tokens {
		n *= 2
	}
	d.slots = make([]uint64, n)
	adviseHugePages(d.slots)
}

// enter puts a token into the table.
func (d *dictionary) enter(id int) {
	h := d.hashes[id]
	d.slots[d.slot(d.token(id), h)] = uint64(h)<<32 | uint64(uint32(id)+1)
}

func (d *dictionary) findEOS() {
	d.eosID = -1
	if id := d.find([]byte(eos), hashWord(eos)); id >= 0 && int(id) < d.words {
		d.eosID = id
	}
}

// slot returns where the token stands in the table, or the empty place for it.
func (d *dictionary) slot(token []byte, hash uint32) int {
	mask := len(d.slots) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		s := d.slots[i]
		if s == 0 || uint32(s>>32) == hash && string(d.token(int(uint32(s)-1))) == string(token) {
			return i
		}
	}
}

// find returns the number of a token, or -1.
func (d *dictionary) find(token []byte, hash uint32) int32 {
	return int32(uint32(d.slots[d.slot(token, hash)])) - 1
}

// isLabel reports whether an unknown token is a label by its prefix.
func (d *dictionary) isLabel(token []byte) bool {
	return len(token) >= len(d.label) && string(token[:len(d.label)]) == d.label
}

// appendNgrams turns the buckets that were appended to rows after position from
// into rows: shifted past the words' and, in a pruned model, looked up or dropped.
func (d *dictionary) toRows(rows []int32, from int) []int32 {
	switch {
	case d.prunedSize < 0:
		for i := range rows[from:] {
			rows[from+i] += int32(d.words)
		}
		return rows
	case d.prunedSize == 0:
		return rows[:from]
	}
	kept := rows[:from]
	for _, b := range rows[from:] {
		if r, ok := d.pruned.find(b); ok {
			kept = append(kept, int32(d.words)+r)
		}
	}
	return kept
}

// appendWord appends the rows of one word: its own if it is in the vocabulary,
// and those of its character n-grams.
func (d *dictionary) appendWord(rows []int32, token []byte, id int32, tmp *[]byte) []int32 {
	if id >= 0 {
		rows = append(rows, id)
	}
	if d.maxn <= 0 || string(token) == eos {
		return rows
	}
	from := len(rows)
	rows = appendSubwords(rows, token, d.minn, d.maxn, uint32(d.bucket), tmp)
	return d.toRows(rows, from)
}

// labelNames returns the labels in order.
func (d *dictionary) labelNames() []string {
	// One string for all keeps them together and is one allocation.
	var b strings.Builder
	for id := d.words; id < d.size(); id++ {
		b.Write(d.token(id))
	}
	all, names := b.String(), make([]string, 0, d.labels())
	for id := d.words; id < d.size(); id++ {
		n := len(d.token(id))
		names = append(names, all[:n])
		all = all[n:]
	}
	return names
}

func (d *dictionary) labelCounts() []int64 { return slices.Clone(d.counts[d.words:]) }
