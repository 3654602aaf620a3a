package fasttext

// space marks the bytes that separate tokens. A newline also ends the line.
var space = [256]bool{' ': true, '\n': true, '\r': true, '\t': true, '\v': true, '\f': true, 0: true}

// A lineReader turns lines into rows and labels, the way training read them.
// It holds scratch and serves one goroutine.
type lineReader struct {
	rows   []int32 // input rows of the line: words with their subwords, then word n-grams
	labels []int32 // known labels, from 0
	hashes []uint32
	tmp    []byte
}

func (l *lineReader) reset() { l.rows, l.labels, l.hashes = l.rows[:0], l.labels[:0], l.hashes[:0] }

// next reads one line of text and returns what follows it. A line ends with a
// newline, which counts as the token </s>, with that token itself, or with the text,
// which does not count as one.
func (l *lineReader) next(d *dictionary, text []byte) (rest []byte) {
	l.reset()
	i := 0
	for i < len(text) {
		c := text[i]
		if space[c] {
			i++
			if c == '\n' {
				l.endLine(d)
				break
			}
			continue
		}
		start, h := i, uint32(fnvOffset)
		for ; i < len(text) && !space[text[i]]; i++ {
			h = fnvStep(h, text[i])
		}
		token := text[start:i]
		if string(token) == eos {
			l.endLine(d)
			break
		}
		l.token(d, token, h)
	}
	l.wordNgrams(d)
	return text[i:]
}

// all reads the whole text as one line, newlines being spaces.
func (l *lineReader) all(d *dictionary, text []byte) {
	l.reset()
	for i := 0; i < len(text); {
		if space[text[i]] {
			i++
			continue
		}
		start, h := i, uint32(fnvOffset)
		for ; i < len(text) && !space[text[i]]; i++ {
			h = fnvStep(h, text[i])
		}
		token := text[start:i]
		if string(token) == eos {
			break
		}
		l.token(d, token, h)
	}
	l.endLine(d)
	l.wordNgrams(d)
}

func (l *lineReader) token(d *dictionary, token []byte, h uint32) {
	id := d.find(token, h)
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
