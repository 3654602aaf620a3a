package fasttext

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"math/bits"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// manyTokens is how many tokens a dictionary must have for its table to be built while it is read.
const manyTokens = 1 << 15

// tokensInMemory reads the tokens and the n-grams that pruning kept, of a file that is in memory, and
// indexes them. Opening a model is little else, so with many tokens two goroutines share the work: this one takes
// the file apart, and one behind it fills the table, which is mostly waiting for memory.
func (d *decoder) tokensInMemory(dict *dictionary, size int) {
	if size < manyTokens {
		d.takeApart(dict, size, func(int) {})
		dict.hashes = dict.hashes[:len(dict.ends)]
		hashTokens(dict.hashes, dict.text, dict.ends, 0, len(dict.ends), math.MaxInt32)
		d.pruned(dict)
		if d.err == nil {
			dict.index()
		}
		return
	}
	dict.makeSlots(size)
	hashes := dict.hashes[:size:size] // reserve has made them; each is written before the other side is told
	ready := make(chan int, size/tokensAtOnce+1)
	entered := make(chan []int, 1)
	go func() {
		var later []int
		from := 0
		for to := range ready {
			later = dict.enterHashes(hashes, from, to, later)
			from = to
		}
		entered <- later
	}()
	func() {
		defer close(ready) // even if the file is cut short under our hands, which is a panic
		hashed := 0
		d.takeApart(dict, size, func(n int) {
			hashTokens(hashes, dict.text, dict.ends, hashed, n, math.MaxInt32)
			hashed = n
			ready <- n
		})
	}()
	later := <-entered
	dict.hashes = hashes[:len(dict.ends)]
	d.pruned(dict)
	if d.err != nil {
		return
	}
	for _, id := range later {
		dict.enter(id)
	}
	dict.findEOS()
}

// tokensAtOnce is how many tokens are handed over at once.
const tokensAtOnce = 1 << 13

// hashTokens sets the hashes of the tokens from from to to, of which ends says where they end in text. Those of a batch, whose places are
// numbers of 32 bits, together have at most so many bytes.
func hashTokens(hashes []uint32, text []byte, ends []int, from, to, most int) {
	var batch kernel.Tokens
	start := 0
	if from > 0 {
		start = ends[from-1]
	}
	for from < to {
		base := start
		n := 0
		for _, end := range ends[from:min(to, from+kernel.BatchTokens)] {
			if end-base > most {
				break
			}
			batch.At[n], batch.Len[n] = int32(start-base), int32(end-start)
			n++
			start = end
		}
		if n == 0 { // one alone has more
			hashes[from] = hashWord(text[start:ends[from]])
			start = ends[from]
			from++
			continue
		}
		batch.HashAll(text[base:], n)
		copy(hashes[from:], batch.Hash[:n])
		from += n
	}
}

// takeApart reads tokens, without hashes, and says, now and then and at the end, how many there are.
func (d *decoder) takeApart(dict *dictionary, size int, ready func(n int)) {
	const usual = 12 // bytes
	dict.text = make([]byte, 0, min(size*usual, int(d.left)))
	adviseHugePages(dict.text)
	for i := range size {
		rest := d.file[d.off:]
		n := indexNUL(rest)
		if n < 0 {
			d.advance(len(rest))
			d.failRead(io.EOF, "a word of the dictionary")
			break
		}
		if len(rest) < n+1+8+1 {
			d.advance(n + 1)
			d.int64("a word's count")
			d.bool("a word's kind")
			break
		}
		dict.text = appendShort(dict.text, rest, n)
		dict.ends = append(dict.ends, len(dict.text))
		dict.counts = append(dict.counts, int64(binary.LittleEndian.Uint64(rest[n+1:])))
		d.advance(n + 1 + 8 + 1)
		if d.checkKind(dict, i, rest[n+9]); d.err != nil {
			break
		}
		if (i+1)%tokensAtOnce == 0 {
			ready(i + 1)
		}
	}
	ready(len(dict.ends))
}

// indexNUL is bytes.IndexByte for 0, which mostly is among the first 16 bytes.
func indexNUL(b []byte) int {
	if len(b) < 16 {
		return bytes.IndexByte(b, 0)
	}
	// The lowest byte of 0 gets its top bit set, and bytes below it do not.
	const ones = 0x0101010101010101
	for i := 0; i < 16; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if zero := (x - ones) &^ x & (0x80 * ones); zero != 0 {
			return i + bits.TrailingZeros64(zero)/8
		}
	}
	if n := bytes.IndexByte(b[16:], 0); n >= 0 {
		return 16 + n
	}
	return -1
}

// appendShort appends the first n bytes of src, which are mostly few.
func appendShort(dst, src []byte, n int) []byte {
	at := len(dst)
	if n > 16 || len(src) < 16 || cap(dst)-at < 16 {
		return append(dst, src[:n]...)
	}
	*(*[16]byte)(dst[at : at+16]) = [16]byte(src)
	return dst[:at+n]
}

// enterHashes puts tokens into the table by their hashes alone. It appends those to later that need a look at
// the tokens, because another one has the same hash.
func (d *dictionary) enterHashes(hashes []uint32, from, to int, later []int) []int {
	mask := uint32(len(d.slots) - 1)
	var places [2][batchTokens]int32 // of the tokens that are entered, and of those after them, which are asked for
	ask := func(turn, from int) {
		part := hashes[min(from, to):min(from+batchTokens, to)]
		for i, h := range part {
			places[turn][i%batchTokens] = int32(h & mask)
		}
		kernel.Prefetch(d.slots, places[turn][:len(part)])
	}
	ask(0, from)
	for turn := 0; from < to; turn = 1 - turn {
		ask(1-turn, from+batchTokens)
	next:
		for i, h := range hashes[from:min(from+batchTokens, to)] {
			at := uint32(places[turn][i%batchTokens])
			for ; d.slots[at] != 0; at = (at + 1) & mask {
				if uint32(d.slots[at]>>32) == h {
					later = append(later, from+i)
					continue next
				}
			}
			d.slots[at] = uint64(h)<<32 | uint64(uint32(from+i)+1)
		}
		from += batchTokens
	}
	return later
}
