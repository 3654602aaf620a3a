package fasttext

import (
	"context"
	"io"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// A text is what training has read: every token once looked up, as a number.
type text struct {
	lexicons []*lexicon // one per reader
	blocks   []storedBlock
	tokens   int64
	depot    *depot
	shared   bool // whether others will use the same blocks, so that they must stay
}

// A textBlock is a part of the text, as numbers of one reader's lexicon.
type textBlock struct {
	reader int
	tokens []int32
	lines  []int32 // tokens of each line
	memory []int32 // of both, if they were loaded
}

// A storedBlock is a textBlock in a depot: its lines, then its tokens.
type storedBlock struct {
	reader, tokens, lines int
	chunks                []chunk
}

// readText reads a text with n readers into a depot. onRead is told now and then how many
// tokens have been read; it may be nil.
func readText(ctx context.Context, r io.Reader, n int, depot *depot, onRead func(int64)) (*text, error) {
	return readBlocks(ctx, &blockReader{r: r, whole: true, most: longestTrained}, n, depot, onRead)
}

func readBlocks(ctx context.Context, br *blockReader, n int, depot *depot, onRead func(int64)) (*text, error) {
	type job struct {
		block
		index int
	}
	t := &text{depot: depot}
	br.check, br.free = ctx.Err, make(chan []byte, n+1)
	var (
		mu      sync.Mutex // guards t.blocks and failure
		failure error
		tokens  atomic.Int64
		readers sync.WaitGroup
		jobs    = make(chan job)
	)
	for i := range n {
		lex := newLexicon()
		t.lexicons = append(t.lexicons, lex)
		readers.Go(func() {
			b := textBlock{reader: i}
			var units []uint16
			for j := range jobs {
				b.read(lex, j.block)
				br.recycle(j.block)
				tokens.Add(int64(len(b.tokens)))
				var done storedBlock
				var err error
				done, units, err = b.store(depot, units)
				mu.Lock()
				if err != nil {
					failure = err
				}
				for len(t.blocks) <= j.index {
					t.blocks = append(t.blocks, storedBlock{})
				}
				t.blocks[j.index] = done
				mu.Unlock()
			}
		})
	}
	var err error
	for i := 0; err == nil; i++ {
		var b block
		if b, err = br.next(); err == nil {
			jobs <- job{b, i}
			err = ctx.Err()
		}
		if onRead != nil {
			onRead(tokens.Load())
		}
		mu.Lock()
		if failure != nil {
			err = failure
		}
		mu.Unlock()
	}
	close(jobs)
	readers.Wait()
	t.tokens = tokens.Load()
	if failure != nil {
		return nil, failure
	}
	if err != io.EOF {
		return nil, err
	}
	return t, nil
}

// masksAtOnce is how many masks of 64 bytes are made at once.
const masksAtOnce = 64

// read splits a block into tokens. Lines are those of lineReader.next.
func (t *textBlock) read(lex *lexicon, b block) {
	t.tokens, t.lines = t.tokens[:0], t.lines[:0]
	r := blockSplitter{t: t, lex: lex, b: b}
	text := b.text
	var masks [masksAtOnce]uint64
	found := &r.found[0]
	start, n := 0, uint(0) // of the token, and of those found
	for from := 0; from < len(text); from += 64 * masksAtOnce {
		part := text[from:min(from+64*masksAtOnce, len(text))]
		kernel.Spaces(masks[:], part)
		for k, mask := range masks[:(len(part)+63)/64] {
			for ; mask != 0; mask &= mask - 1 {
				i := from + 64*k + bits.TrailingZeros64(mask)
				if i > start {
					found.At[n%batchTokens], found.Len[n%batchTokens] = int32(start), int32(i-start)
					if n++; n == batchTokens {
						found, n = r.take(n), 0
					}
				}
				start = i + 1
				if text[i] == '\n' {
					found.At[n%batchTokens], found.Len[n%batchTokens] = int32(i), 0
					if n++; n == batchTokens {
						found, n = r.take(n), 0
					}
				}
			}
		}
	}
	if start < len(text) {
		found.At[n%batchTokens], found.Len[n%batchTokens] = int32(start), int32(len(text)-start)
		n++
	}
	r.take(n)
	r.take(0)
	if r.line > 0 {
		r.endLine()
	}
}

// A blockSplitter takes the tokens of a block that were found, batch by batch. Tokens without a length are line ends.
type blockSplitter struct {
	t     *textBlock
	lex   *lexicon
	b     block
	found [2]kernel.Tokens // the batch that is being found, and the one before, which is looked up once its places are near
	turn  int              // which is being found
	ready int              // tokens of the other one
	line  int              // tokens of the line until now
}

// take takes the n tokens of the batch, and returns the next one to fill.
func (r *blockSplitter) take(tokens uint) *kernel.Tokens {
	n, found := int(tokens), &r.found[r.turn]
	found.HashAll(r.b.text, n)
	for i := range n {
		if r.line++; found.Len[i] == 0 {
			found.Hash[i] = eosHash
			r.endLine()
		} else if found.Hash[i] == eosHash && string(r.b.text[found.At[i]:][:found.Len[i]]) == eos {
			r.endLine()
		}
	}
	r.lex.prefetch(found, n)
	r.turn = 1 - r.turn
	r.t.tokens = r.lex.addAll(r.t.tokens, r.b, &r.found[r.turn], r.ready)
	r.ready = n
	return &r.found[r.turn]
}

func (r *blockSplitter) endLine() {
	r.t.lines = append(r.t.lines, int32(r.line))
	r.line = 0
}

// store puts a block into a depot. units is scratch, returned for the next call.
func (t *textBlock) store(d *depot, units []uint16) (storedBlock, []uint16, error) {
	stored := storedBlock{reader: t.reader, tokens: len(t.tokens), lines: len(t.lines)}
	units = units[:0]
	for _, list := range [][]int32{t.lines, t.tokens} {
		for len(list) > 0 {
			room := (d.chunk - len(units)) / 2 // numbers that surely fit
			if room == 0 {
				c, err := d.put(units, d.limit)
				if err != nil {
					return storedBlock{}, units, err
				}
				stored.chunks = append(stored.chunks, c)
				units = units[:0]
				continue
			}
			n := min(room, len(list))
			units, list = appendNumbers(units, list[:n]), list[n:]
		}
	}
	if len(units) == 0 {
		return stored, units, nil
	}
	c, err := d.put(units, d.limit)
	stored.chunks = append(stored.chunks, c)
	return stored, units, err
}

// load sets b to a block of the text.
func (t *text) load(i int, b *textBlock) error {
	stored := &t.blocks[i]
	b.reader = stored.reader
	if most := stored.lines + stored.tokens + t.depot.chunk; len(b.memory) < most { // the last chunk may have more units than numbers
		b.memory = make([]int32, most)
	}
	all, n := b.memory, 0
	for _, c := range stored.chunks {
		units, err := t.depot.load(c)
		if err != nil {
			return err
		}
		n += kernel.Unpack(all[n:], units)
		t.depot.release(c, units)
	}
	b.lines, b.tokens = all[:stored.lines], all[stored.lines:n]
	return nil
}

// size is how many bytes the blocks take in the depot, and as many for each line's header.
func (t *text) size() (bytes int64) {
	const header = 8
	for i := range t.blocks {
		bytes += header * int64(t.blocks[i].lines)
		for _, c := range t.blocks[i].chunks {
			bytes += 2 * int64(c.n)
		}
	}
	return bytes
}

// each calls do for every block, from several goroutines, in no order. It ends at the first error, or with ctx.
func (t *text) each(ctx context.Context, workers int, do func(*textBlock)) error {
	var (
		next  atomic.Int64
		group sync.WaitGroup
		mu    sync.Mutex
		first error
	)
	for range workers {
		group.Go(func() {
			var b textBlock
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(t.blocks) {
					return
				}
				if err := t.load(i, &b); err != nil {
					mu.Lock()
					first = err
					mu.Unlock()
					next.Store(int64(len(t.blocks)))
					return
				}
				do(&b)
			}
		})
	}
	group.Wait()
	if first != nil {
		return first
	}
	return ctx.Err()
}

// drop forgets the i-th block, unless others need it.
func (t *text) drop(i int) {
	if t.shared {
		return
	}
	for _, c := range t.blocks[i].chunks {
		t.depot.drop(c)
	}
	t.blocks[i].chunks = nil
}
