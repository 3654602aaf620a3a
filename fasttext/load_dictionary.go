package fasttext

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
)

// manyTokens is how many tokens a dictionary must have for its table to be built while it is read.
const manyTokens = 1 << 15

// tokensInMemory reads the tokens and the n-grams that pruning kept, of a file that is in memory, and
// indexes them. Opening a model is little else, so with many tokens two goroutines share the work: this one takes
// the file apart, and one behind it fills the table, which is mostly waiting for memory.
func (d *decoder) tokensInMemory(dict *dictionary, size int) {
	if size < manyTokens {
		d.takeApart(dict, size, func(int) {})
		d.pruned(dict)
		if d.err == nil {
			dict.index()
		}
		return
	}
	dict.makeSlots(size)
	hashes := dict.hashes[:size:size] // grow has made them; each is written before the other side is told
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
		d.takeApart(dict, size, func(n int) { ready <- n })
	}()
	later := <-entered
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

// takeApart reads tokens and says, now and then and at the end, how many there are.
func (d *decoder) takeApart(dict *dictionary, size int, ready func(n int)) {
	const usual = 8 // bytes
	dict.text = slices.Grow(dict.text, min(size*usual, int(d.left)))
	for i := range size {
		rest := d.file[d.off:]
		n := bytes.IndexByte(rest, 0)
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
		h := uint32(fnvOffset)
		for _, c := range rest[:n] {
			h = fnvStep(h, c)
		}
		dict.text = append(dict.text, rest[:n]...)
		dict.ends = append(dict.ends, len(dict.text))
		dict.hashes = append(dict.hashes, h)
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

// enterHashes puts tokens into the table by their hashes alone. It appends those to later that need a look at
// the tokens, because another one has the same hash.
func (d *dictionary) enterHashes(hashes []uint32, from, to int, later []int) []int {
	mask := len(d.slots) - 1
next:
	for id := from; id < to; id++ {
		h := hashes[id]
		i := int(h) & mask
		for ; d.slots[i] != 0; i = (i + 1) & mask {
			if uint32(d.slots[i]>>32) == h {
				later = append(later, id)
				continue next
			}
		}
		d.slots[i] = uint64(h)<<32 | uint64(uint32(id)+1)
	}
	return later
}
