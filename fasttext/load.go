package fasttext

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
)

// LoadFile reads a .bin or .ftz file.
func LoadFile(path string) (*Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := Load(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Load reads a .bin or .ftz file to its end. If r is a regular *os.File, or tells with a
// Len method how many bytes it has, memory is allocated once; else it grows with what is read. A
// damaged file gives a *FormatError, and so does one with weights that are not numbers.
func Load(r io.Reader) (*Model, error) {
	return (&decoder{r: bufio.NewReaderSize(r, 1<<16), left: bytesLeft(r)}).model()
}

// LoadReaderAt reads a .bin or .ftz file that is size bytes long, as Load does.
func LoadReaderAt(r io.ReaderAt, size int64) (*Model, error) {
	if size < 0 {
		return nil, fmt.Errorf("a model file of %d bytes: the size can't be negative", size)
	}
	d := &decoder{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 1<<16), left: size}
	return d.model()
}

// LoadBytes loads the .bin or .ftz file that is in memory, without a copy of its
// matrices (on most processors): the bytes must not change while the model is in
// use. They may lie in the program itself, by way of package embed.
func LoadBytes(file []byte) (*Model, error) {
	return (&decoder{file: file, left: int64(len(file))}).model()
}

// model reads the whole file.
func (d *decoder) model() (*Model, error) {
	m := &Model{}
	m.args = d.args()
	m.dict = d.dictionary(m.args)
	m.quantised = d.bool("the mark of a quantised input matrix")
	m.in = d.matrix(m.quantised, "the input matrix")
	m.qout = d.bool("the mark of a quantised output matrix")
	m.out = d.matrix(m.quantised && m.qout, "the output matrix")
	d.atEnd()
	if d.err == nil {
		d.checkShapes(m)
	}
	if d.err != nil {
		return nil, d.err
	}
	if err := m.finish(false); err != nil {
		return nil, &FormatError{d.off, "the labels", err}
	}
	return m, nil
}

// bytesLeft returns how much r will deliver, or -1.
func bytesLeft(r io.Reader) int64 {
	switch r := r.(type) {
	case interface{ Len() int }:
		return int64(r.Len())
	case *os.File:
		info, err := r.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return -1
		}
		at, err := r.Seek(0, io.SeekCurrent)
		if err != nil {
			return -1
		}
		return max(info.Size()-at, 0)
	}
	return -1
}

func (d *decoder) args() Args {
	if magic := d.int32("the header"); d.err == nil && magic != fileMagic {
		d.off = 0
		d.fail("the first bytes are not those of a fastText model")
	}
	version := d.int32("the header")
	if d.err == nil && version != fileVersion && version != oldVersion {
		d.fail("format version %d: this reads %d and %d", version, oldVersion, fileVersion)
	}
	a := Defaults()
	for _, field := range []*int{&a.Dim, &a.WS, &a.Epoch, &a.MinCount, &a.Neg, &a.WordNgrams} {
		*field = int(d.int32("the options"))
	}
	a.Loss = Loss(d.int32("the options"))
	a.Model = ModelKind(d.int32("the options"))
	for _, field := range []*int{&a.Bucket, &a.Minn, &a.Maxn, &a.LRUpdateRate} {
		*field = int(d.int32("the options"))
	}
	a.T = math.Float64frombits(uint64(d.int64("the options")))
	if version == oldVersion && a.Model == Supervised {
		a.Maxn = 0
	}
	switch {
	case d.err != nil:
	case a.Dim < 1 || a.Dim > maxRowLength:
		d.fail("dim is %d: want 1 to %d", a.Dim, maxRowLength)
	case a.Loss < HierarchicalSoftmax || a.Loss > OneVsAll:
		d.fail("unknown loss %d", int32(a.Loss))
	case a.Model < CBOW || a.Model > Supervised:
		d.fail("unknown model kind %d", int32(a.Model))
	case a.Maxn > longestNgram || a.WordNgrams > longestNgram:
		d.fail("n-grams of %d characters and %d words: want at most %d", a.Maxn, a.WordNgrams, longestNgram)
	case a.Bucket < 0 || a.Bucket == 0 && a.hashesNgrams():
		d.fail("bucket is %d", a.Bucket)
	}
	return a
}

// dictionary reads the tokens and the n-grams that pruning kept.
func (d *decoder) dictionary(a Args) *dictionary {
	dict := newDictionary(a)
	size := int64(d.int32("the dictionary's sizes"))
	words := int64(d.int32("the dictionary's sizes"))
	labels := int64(d.int32("the dictionary's sizes"))
	dict.tokens = d.int64("the dictionary's sizes")
	dict.prunedSize = d.int64("the dictionary's sizes")
	if d.err == nil && (words < 0 || labels < 0 || size != words+labels) {
		d.fail("the dictionary's sizes disagree: %d tokens, %d words, %d labels", size, words, labels)
	}
	const shortest = 1 + 8 + 1 // a token's NUL, count and kind
	if !d.fits(size, shortest, "tokens of the dictionary") {
		return dict
	}
	dict.words = int(words)
	if d.left >= 0 { // the file is long enough for them
		dict.reserve(int(size))
	}
	if d.r == nil {
		d.tokensInMemory(dict, int(size))
		return dict
	}
	for i := int64(0); i < size && d.err == nil; i++ {
		start := len(dict.text)
		dict.text = d.appendToken(dict.text)
		count := d.int64("a word's count")
		if d.readFull(d.buf[:1], "a word's kind") {
			d.checkKind(dict, int(i), d.buf[0])
		}
		dict.ends = append(dict.ends, len(dict.text))
		dict.hashes = append(dict.hashes, hashWord(dict.text[start:]))
		dict.counts = append(dict.counts, count)
	}
	d.pruned(dict)
	if d.err == nil {
		dict.index()
	}
	return dict
}

// checkKind fails unless words come first and labels after them.
func (d *decoder) checkKind(dict *dictionary, token int, kind byte) {
	want := byte(kindWord)
	if token >= dict.words {
		want = kindLabel
	}
	if kind != want {
		d.fail("token %d is of kind %d: want words (0) before labels (1)", token, kind)
	}
}

func (d *decoder) pruned(dict *dictionary) {
	if d.err != nil || dict.prunedSize <= 0 {
		if dict.prunedSize < -1 {
			d.fail("negative count of kept n-grams %d", dict.prunedSize)
		}
		return
	}
	if !d.fits(dict.prunedSize, 8, "kept n-grams") {
		return
	}
	for i := int64(0); i < dict.prunedSize && d.err == nil; i++ {
		b, row := d.int32("the kept n-grams"), d.int32("the kept n-grams")
		if row < 0 || row == math.MaxInt32 {
			d.fail("a kept n-gram has row %d", row)
		}
		dict.prunedPairs = append(dict.prunedPairs, b, row)
	}
	dict.pruned = newNgramRows(dict.prunedPairs)
}

func (d *decoder) matrix(quant bool, what string) matrix {
	if quant {
		return d.quantised(what)
	}
	rows, cols := d.shape(what)
	m := &dense{rows: rows, cols: cols, stride: cols}
	n := int64(rows) * int64(cols)
	if d.left < 0 || d.r == nil { // of unknown length, or in memory already
		start := d.off
		m.data = d.floats(n, what)
		if d.r != nil || n <= mostToCheck {
			d.checkFloats(m.data, start, what)
		}
	} else if d.fits(n, 4, what) {
		if d.err = m.allocate(int(n)); d.err == nil {
			adviseHugePages(m.data)
			for rest := m.data[:n]; len(rest) > 0 && d.err == nil; {
				piece, start := rest[:min(checked, len(rest))], d.off
				d.fillFloats(piece, what)
				d.checkFloats(piece, start, what)
				rest = rest[len(piece):]
			}
		}
	}
	return m
}

// mostToCheck is how many values of a matrix that is in memory, or mapped, are looked at when it
// is opened: 4 MB. Of longer ones, rows are found to have no numbers when they are used.
const mostToCheck = 1 << 20

// shape reads the size of a matrix. Its product does not overflow.
func (d *decoder) shape(what string) (rows, cols int) {
	r, c := d.int64(what), d.int64(what)
	if d.err == nil && (r < 0 || r > math.MaxInt32 || c < 1 || c > maxRowLength) {
		d.fail("%s has %d rows of %d values", what, r, c)
	}
	if d.err != nil {
		return 0, 0
	}
	return int(r), int(c)
}

func (d *decoder) quantised(what string) matrix {
	apart := d.bool(what)
	rows, cols := d.shape(what)
	size := int64(d.int32(what))
	m := &quantised{rows: rows, cols: cols}
	m.codes = d.bytes(size, what)
	m.pq = d.quantiser(cols, what)
	if d.err == nil && size != int64(rows)*int64(m.pq.parts) {
		d.fail("%s has %d codes for %d rows of %d parts", what, size, rows, m.pq.parts)
	}
	if apart {
		m.normCodes = d.bytes(int64(rows), what)
		m.norms = d.quantiser(1, what)
	}
	return m
}

// quantiser reads a quantiser for rows of dim values.
func (d *decoder) quantiser(dim int, what string) *quantiser {
	q := &quantiser{}
	for _, field := range []*int{&q.dim, &q.parts, &q.dsub, &q.last} {
		*field = int(d.int32(what))
	}
	if d.err == nil && (q.dim != dim || q.dsub < 1 || q.dsub > dim || q.parts != (dim+q.dsub-1)/q.dsub ||
		q.last != dim-(q.parts-1)*q.dsub) {
		d.fail("%s: its quantiser splits %d values into %d parts of %d, the last of %d; rows have %d",
			what, q.dim, q.parts, q.dsub, q.last, dim)
	}
	start := d.off
	q.centroids = d.floats(int64(dim)*centroidsPerPart, what)
	d.checkFloats(q.centroids, start, what)
	return q
}

// checkShapes makes sure that every row that the dictionary can name is there.
func (d *decoder) checkShapes(m *Model) {
	inRows, inCols := m.in.size()
	outRows, outCols := m.out.size()
	ngrams := int64(m.args.Bucket)
	if m.dict.prunedSize >= 0 {
		if !m.quantised {
			d.fail("the dictionary is pruned and the matrix is not quantised; the original refuses such a file too")
		}
		ngrams = 0
		for i := 1; i < len(m.dict.prunedPairs); i += 2 {
			ngrams = max(ngrams, int64(m.dict.prunedPairs[i])+1)
		}
	}
	outputs := m.dict.words
	if m.Supervised() {
		outputs = m.dict.labels()
	}
	switch {
	case inCols != m.args.Dim || outCols != m.args.Dim:
		d.fail("the matrices have rows of %d and %d values: want dim, which is %d", inCols, outCols, m.args.Dim)
	case int64(inRows) < int64(m.dict.words)+ngrams:
		d.fail("the input matrix has %d rows: want %d words and %d n-grams", inRows, m.dict.words, ngrams)
	case outRows != outputs:
		d.fail("the output matrix has %d rows: want %d", outRows, outputs)
	}
}
