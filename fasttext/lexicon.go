package fasttext

import (
	"cmp"
	"math"
	"slices"
)

// A lexicon collects the distinct tokens of a text while it is read.
type lexicon struct {
	text    []byte // all tokens, one after another
	entries []lexeme
	slots   []uint64 // open addressing: hash in the upper half, number + 1 in the lower, or 0
}

type lexeme struct {
	start int // in text
	len   uint32
	hash  uint32
	count int64
	first int64 // where in the training text it stood first
}

func newLexicon() *lexicon { return &lexicon{slots: make([]uint64, 1<<12)} }

func (l *lexicon) token(id int32) []byte {
	e := &l.entries[id]
	return l.text[e.start:][:e.len]
}

// add counts a token n times and returns its number.
func (l *lexicon) add(token []byte, hash uint32, n, at int64) int32 {
	mask := len(l.slots) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		s := l.slots[i]
		if s == 0 {
			return l.insert(i, lexeme{len(l.text), uint32(len(token)), hash, n, at}, token)
		}
		if uint32(s>>32) != hash {
			continue
		}
		id := int32(uint32(s) - 1)
		e := &l.entries[id]
		if string(l.text[e.start:][:e.len]) == string(token) {
			e.count += n
			e.first = min(e.first, at)
			return id
		}
	}
}

func (l *lexicon) insert(slot int, e lexeme, token []byte) int32 {
	id := int32(len(l.entries))
	l.text = append(l.text, token...)
	l.entries = append(l.entries, e)
	l.slots[slot] = uint64(e.hash)<<32 | uint64(uint32(id)+1)
	if 2*len(l.entries) > len(l.slots) {
		l.grow()
	}
	return id
}

func (l *lexicon) grow() {
	l.slots = make([]uint64, 2*len(l.slots))
	mask := len(l.slots) - 1
	for id, e := range l.entries {
		i := int(e.hash) & mask
		for l.slots[i] != 0 {
			i = (i + 1) & mask
		}
		l.slots[i] = uint64(e.hash)<<32 | uint64(uint32(id)+1)
	}
}

// merge adds all of from and returns the numbers its tokens have here.
func (l *lexicon) merge(from *lexicon) []int32 {
	ids := make([]int32, len(from.entries))
	for id, e := range from.entries {
		ids[id] = l.add(from.token(int32(id)), e.hash, e.count, e.first)
	}
	return ids
}

// drop forgets how often the rare tokens stood in the text.
func (l *lexicon) drop(d *dictionary, a Args) {
	for id := range l.entries {
		least := int64(a.MinCount)
		if d.isLabel(l.token(int32(id))) {
			least = int64(a.MinCountLabel)
		}
		if l.entries[id].count < least {
			l.entries[id].count = 0
		}
	}
}

// Meanings of a token for the examples; a number from 0 is a word's row.
const (
	unknownWord  = -1
	unknownLabel = -2
	firstLabel   = -3 // label i is firstLabel - i
)

// dictionary makes the dictionary of the tokens whose count is above 0, and tells what
// each token of the lexicon means. The order is that of falling counts, and of the text
// for equal ones.
func (l *lexicon) dictionary(d *dictionary) (meanings []int32) {
	type ranked struct {
		count, first int64
		id           int32
	}
	meanings = make([]int32, len(l.entries))
	var words, labels []ranked
	for id, e := range l.entries {
		label := d.isLabel(l.token(int32(id)))
		switch {
		case e.count > 0 && label:
			labels = append(labels, ranked{e.count, e.first, int32(id)})
		case e.count > 0:
			words = append(words, ranked{e.count, e.first, int32(id)})
		case label:
			meanings[id] = unknownLabel
		default:
			meanings[id] = unknownWord
		}
	}
	for _, list := range [][]ranked{words, labels} {
		slices.SortFunc(list, func(a, b ranked) int {
			if a.count != b.count {
				return cmp.Compare(b.count, a.count)
			}
			return cmp.Compare(a.first, b.first)
		})
		for _, r := range list {
			d.add(l.token(r.id), l.entries[r.id].hash, r.count)
		}
	}
	d.words = len(words)
	for i, r := range words {
		meanings[r.id] = int32(i)
	}
	for i, r := range labels {
		meanings[r.id] = firstLabel - int32(i)
	}
	return meanings
}

// afterText is the place of tokens that only pretrained vectors have.
const afterText = math.MaxInt64 / 2
