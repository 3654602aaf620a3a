package fasttext

import (
	"encoding/binary"
	"math"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// A lexicon collects the distinct tokens of a text while it is read.
type lexicon struct {
	text    []byte // all tokens, one after another
	entries []lexeme
	places  []lexemePlace // of each entry
	slots   []uint64      // open addressing: hash in the upper half, number + 1 in the lower, or 0
}

// A lexeme is what counting a token touches: half a cache line.
type lexeme struct {
	key   tokenKey
	count int64
	hash  uint32
	len   uint32
}

type lexemePlace struct {
	start int   // in text
	first int64 // where in the training text it stood first
}

// A tokenKey is the first 16 bytes of a token, with zeros after a shorter one.
type tokenKey [2]uint64

const keyLength = 16

// keyAt returns the key of the n bytes at text[at:].
func keyAt(text []byte, at, n int) tokenKey {
	if n = min(n, keyLength); at+keyLength > len(text) {
		var b [keyLength]byte
		copy(b[:], text[at:at+n])
		return tokenKey{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
	}
	b := text[at:][:keyLength]
	// A shift by 64 leaves nothing, and 0 - 1 is all ones.
	return tokenKey{
		binary.LittleEndian.Uint64(b) & (1<<(8*uint(n)) - 1),
		binary.LittleEndian.Uint64(b[8:]) & (1<<(8*uint(max(n-8, 0))) - 1),
	}
}

func newLexicon() *lexicon { return &lexicon{slots: make([]uint64, 1<<12)} }

func (l *lexicon) token(id int32) []byte { return l.text[l.places[id].start:][:l.entries[id].len] }

// is reports whether an entry is the token with that key.
func (l *lexicon) is(id int32, token []byte, key tokenKey) bool {
	e := &l.entries[id]
	return e.key == key && int(e.len) == len(token) && (len(token) <= keyLength || string(l.token(id)) == string(token))
}

// add counts a token n times and returns its number.
func (l *lexicon) add(token []byte, hash uint32, n, at int64) int32 {
	mask := len(l.slots) - 1
	key := keyAt(token, 0, len(token))
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		s := l.slots[i]
		if s == 0 {
			return l.insert(i, token, lexeme{key, n, hash, uint32(len(token))}, at)
		}
		if uint32(s>>32) != hash {
			continue
		}
		if id := int32(uint32(s) - 1); l.is(id, token, key) {
			l.entries[id].count += n
			l.places[id].first = min(l.places[id].first, at)
			return id
		}
	}
}

// batchTokens is how many tokens are looked up together.
const batchTokens = kernel.BatchTokens

// prefetch asks for the places where the first n tokens of a batch stand, which addAll will need.
func (l *lexicon) prefetch(tokens *kernel.Tokens, n int) {
	var places [batchTokens]int32
	mask := uint32(len(l.slots) - 1)
	for i, hash := range tokens.Hash[:n] {
		places[i%batchTokens] = int32(hash & mask)
	}
	kernel.Prefetch(l.slots, places[:n])
}

// addAll is add for the first n tokens of a batch, in the order of the text; those without a length are line ends. The table and
// the entries are far larger than the cache: looking many tokens up in turns lets the processor wait for all of
// them at once.
func (l *lexicon) addAll(dst []int32, b block, tokens *kernel.Tokens, n int) []int32 {
	var slots [batchTokens]uint64
	var ids [batchTokens]int32
	mask := uint32(len(l.slots) - 1)
	for i, hash := range tokens.Hash[:n] {
		at := hash & mask
		s := l.slots[at]
		for s != 0 && uint32(s>>32) != hash {
			at = (at + 1) & mask
			s = l.slots[at]
		}
		slots[i%batchTokens], ids[i%batchTokens] = s, int32(uint32(s))-1
	}
	kernel.Prefetch(l.entries, ids[:n])
	for i, hash := range tokens.Hash[:n] {
		// The table may have grown by now, but what it said still holds.
		s, at, length := slots[i%batchTokens], int(tokens.At[i%batchTokens]), int(tokens.Len[i%batchTokens])
		if uint32(s>>32) == hash && s != 0 && length > 0 && length <= keyLength {
			e := &l.entries[uint32(s)-1]
			if e.key == keyAt(b.text, at, length) && e.len == uint32(length) {
				e.count++
				dst = append(dst, int32(uint32(s)-1))
				continue
			}
		}
		token := b.text[at:][:length]
		if length == 0 {
			token = eosToken
		}
		dst = append(dst, l.add(token, hash, 1, b.start+int64(at)))
	}
	return dst
}

var eosToken = []byte(eos)

func (l *lexicon) insert(slot int, token []byte, e lexeme, at int64) int32 {
	id := int32(len(l.entries))
	l.places = append(l.places, lexemePlace{len(l.text), at})
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
		ids[id] = l.add(from.token(int32(id)), e.hash, e.count, from.places[id].first)
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

// A ranked is a token of a dictionary to be.
type ranked struct {
	count, first int64 // not negative
	id           int32
}

// sortRanked sorts tokens by falling counts, and equal ones by where they stood first. It is a radix sort: by each byte of the places and then of
// the counts, from the lowest on, that is not the same in all.
func sortRanked(list []ranked) {
	if len(list) == 0 {
		return
	}
	var differs [2]int64
	for _, r := range list {
		differs[0] |= r.first ^ list[0].first
		differs[1] |= r.count ^ list[0].count
	}
	from, to := list, make([]ranked, len(list))
	for key, bits := range differs {
		for shift := 0; bits>>shift != 0; shift += 8 {
			if bits>>shift&0xFF == 0 {
				continue
			}
			digit := func(r *ranked) uint8 {
				if key == 0 {
					return uint8(r.first >> shift)
				}
				return ^uint8(r.count >> shift)
			}
			var places [256]int
			for i := range from {
				places[digit(&from[i])]++
			}
			total := 0
			for d, n := range places {
				places[d] = total
				total += n
			}
			for i := range from {
				d := digit(&from[i])
				to[places[d]] = from[i]
				places[d]++
			}
			from, to = to, from
		}
	}
	if &from[0] != &list[0] {
		copy(list, from)
	}
}

// dictionary makes the dictionary of the tokens whose count is above 0, and tells what
// each token of the lexicon means. The order is that of falling counts, and of the text
// for equal ones.
func (l *lexicon) dictionary(d *dictionary) (meanings []int32) {
	meanings = make([]int32, len(l.entries))
	var words, labels []ranked
	for id, e := range l.entries {
		label := d.isLabel(l.token(int32(id)))
		switch {
		case e.count > 0 && label:
			labels = append(labels, ranked{e.count, l.places[id].first, int32(id)})
		case e.count > 0:
			words = append(words, ranked{e.count, l.places[id].first, int32(id)})
		case label:
			meanings[id] = unknownLabel
		default:
			meanings[id] = unknownWord
		}
	}
	for _, list := range [][]ranked{words, labels} {
		sortRanked(list)
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
