package fasttext

import "github.com/heliograph/heliograph/fasttext/internal/kernel"

// A lineReader turns lines into rows and labels, the way training read them.
// It holds scratch and serves one goroutine.
type lineReader struct {
	rows   []int32 // input rows of the line: words with their subwords, then word n-grams
	labels []int32 // known labels, from 0
	hashes []uint32
	tmp    []byte

	pending [batchTokens]lineToken // found and not looked up yet
	waiting int                    // how many those are
}

// A lineToken is where a token stands in the text.
type lineToken struct {
	at, n int
	hash  uint32
}

func (l *lineReader) reset() { l.rows, l.labels, l.hashes = l.rows[:0], l.labels[:0], l.hashes[:0] }

// next reads one line of text and returns what follows it. A line ends with a
// newline, which counts as the token </s>, with that token itself, or with the text,
// which does not count as one.
func (l *lineReader) next(d *dictionary, text []byte) (rest []byte) {
	l.reset()
	i, ends := l.scan(d, text, '\n')
	if ends {
		l.endLine(d)
	}
	l.wordNgrams(d)
	return text[i:]
}

// all reads the whole text as one line, newlines being spaces.
func (l *lineReader) all(d *dictionary, text []byte) {
	l.reset()
	l.scan(d, text, ' ')
	l.endLine(d)
	l.wordNgrams(d)
}

// scan reads tokens up to and including the byte end, a space that ends the line unless it is ' ', or the token </s>; at
// the end of the text, ends is false. It returns where it stopped.
func (l *lineReader) scan(d *dictionary, text []byte, end byte) (i int, ends bool) {
	for i < len(text) {
		c := text[i]
		if kernel.Space[c] {
			i++
			if c == end && c != ' ' {
				ends = true
				break
			}
			continue
		}
		start, h := i, uint32(kernel.FNVOffset)
		for ; i < len(text) && !kernel.Space[text[i]]; i++ {
			h = kernel.HashByte(h, text[i])
		}
		if h == eosHash && string(text[start:i]) == eos {
			ends = true
			break
		}
		l.pending[l.waiting] = lineToken{start, i - start, h}
		if l.waiting++; l.waiting == len(l.pending) {
			l.lookUp(d, text)
		}
	}
	l.lookUp(d, text)
	return i, ends
}

// lookUp takes the pending tokens. The dictionary is larger than the cache, and finding a token in it is three accesses, each
// of which says where the next one is: done for all tokens in turns, the processor waits for many at once.
func (l *lineReader) lookUp(d *dictionary, text []byte) {
	tokens := l.pending[:l.waiting]
	l.waiting = 0
	var slots [batchTokens]uint64
	var starts [batchTokens]int
	mask := uint32(len(d.slots) - 1)
	for i := range tokens {
		slots[i] = d.slots[tokens[i].hash&mask]
	}
	for i := range tokens {
		// Most tokens are in the first place that is looked at; the others are looked up again.
		starts[i] = -1
		if s := slots[i]; s != 0 && uint32(s>>32) == tokens[i].hash {
			id, start := int(uint32(s)-1), 0
			if id > 0 {
				start = d.ends[id-1]
			}
			if d.ends[id]-start == tokens[i].n {
				starts[i] = start
			}
		}
	}
	for i, t := range tokens {
		id := int32(-1)
		switch {
		case slots[i] == 0:
		case starts[i] >= 0 && t.n <= keyLength && keyAt(d.text, starts[i], t.n) == keyAt(text, t.at, t.n):
			id = int32(uint32(slots[i])) - 1
		default:
			id = d.find(text[t.at:][:t.n], t.hash)
		}
		l.token(d, text[t.at:][:t.n], t.hash, id)
	}
}

func (l *lineReader) token(d *dictionary, token []byte, h uint32, id int32) {
	switch {
	case int(id) >= d.words:
		l.labels = append(l.labels, id-int32(d.words))
	case id < 0 && d.isLabel(token):
	default:
		l.rows = d.appendWord(l.rows, token, id, &l.tmp)
		l.hashes = append(l.hashes, h)
	}
}

var eosHash = hashWord(eos)

func (l *lineReader) endLine(d *dictionary) {
	if d.eosID >= 0 {
		l.rows = append(l.rows, d.eosID)
	}
	l.hashes = append(l.hashes, eosHash)
}

func (l *lineReader) wordNgrams(d *dictionary) {
	if d.wordNgrams <= 1 {
		return
	}
	from := len(l.rows)
	l.rows = appendWordNgrams(l.rows, l.hashes, d.wordNgrams, uint64(d.bucket), 0)
	l.rows = d.toRows(l.rows, from)
}
