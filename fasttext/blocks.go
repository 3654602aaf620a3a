package fasttext

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// How much text is read at once, if the reader has it: for training, and for forBlocks, whose
// first result is to come soon and whose last one must not be waited for alone.
const (
	blockSize      = 1 << 20
	smallBlockSize = 1 << 18
)

// longestTrained is how many bytes a line of a text for training may have: places in a block are numbers of 32 bits.
const longestTrained = math.MaxInt32 - blockSize

// A block is a part of a text that ends with a line, or with the text.
type block struct {
	text  []byte
	start int64 // of the block in the text
}

// A blockReader cuts a text into blocks of whole lines.
type blockReader struct {
	r     io.Reader
	size  int          // of a read; 0 for blockSize
	whole bool         // whether to read on until a block is full
	words bool         // whether a line longer than a block may be cut between two words
	most  int          // bytes of a line, or with words of a word; 0 for as many as memory has
	check func() error // if not nil, asked after each read whether to go on
	free  chan []byte  // memory of blocks that are done with; may be nil
	rest  []byte       // read, but not a whole line yet
	start int64
	err   error
}

// recycle takes back the memory of a block.
func (b *blockReader) recycle(done block) {
	select {
	case b.free <- done.text[:0]:
	default:
	}
}

// buffer returns memory of at least that size.
func (b *blockReader) buffer(size int) []byte {
	select {
	case buf := <-b.free:
		if cap(buf) >= size {
			return buf
		}
	default:
	}
	return make([]byte, 0, size)
}

// next returns what one read delivers, or with whole a full block, up to the last whole line, and io.EOF after
// the last block.
func (b *blockReader) next() (block, error) {
	buf, scanned, idle := b.rest, 0, 0
	b.rest = nil
	size := cmp.Or(b.size, blockSize)
	if cap(buf) < size {
		buf = append(b.buffer(size), buf...)
	}
	for b.err == nil {
		if b.most > 0 && len(buf) >= b.most {
			b.err = fmt.Errorf("a line, or a word, of more than %d bytes: break it up", b.most)
			break
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		room := buf[len(buf):cap(buf)]
		if b.most > 0 {
			room = room[:min(len(room), b.most-len(buf))]
		}
		var n int
		n, b.err = b.r.Read(room)
		switch {
		case n > 0:
			idle = 0
		case b.err == nil:
			if idle++; idle == 100 {
				b.err = io.ErrNoProgress
			}
		}
		buf = buf[:len(buf)+n]
		if b.check != nil && b.err == nil {
			b.err = b.check()
		}
		if b.whole && len(buf) < size && b.err == nil {
			continue
		}
		cut := bytes.LastIndexByte(buf[scanned:], '\n')
		if cut < 0 && b.words && len(buf) >= size {
			cut = lastSpace(buf[scanned:])
		}
		if cut < 0 {
			scanned = len(buf)
			continue
		}
		cut += scanned + 1
		if b.err == nil {
			b.rest = append(b.buffer(max(size, len(buf)-cut)), buf[cut:]...)
			buf = buf[:cut]
		}
		break
	}
	if b.err != nil && b.err != io.EOF {
		return block{}, fmt.Errorf("reading text at byte %d: %w", b.start+int64(len(buf)), b.err)
	}
	if len(buf) == 0 {
		return block{}, io.EOF
	}
	out := block{buf, b.start}
	b.start += int64(len(buf))
	return out, nil
}

// lastSpace returns where the last white space is, or -1.
func lastSpace(text []byte) int {
	i := len(text) - 1
	for i >= 0 && !kernel.Space[text[i]] {
		i--
	}
	return i
}

// forBlocks reads blocks, works on several at a time and delivers the results in
// order. When it returns an error, one read of r may still be under way.
func forBlocks[R any](ctx context.Context, r io.Reader, work func(block) (R, error), deliver func(R) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		result R
		err    error
	}
	// Each entry will receive one outcome. The queue's length bounds what is in flight.
	queue := make(chan chan outcome, runtime.GOMAXPROCS(0))
	var readErr error
	var readers sync.WaitGroup
	readers.Go(func() {
		defer close(queue)
		br := blockReader{r: r, size: smallBlockSize}
		for {
			b, err := br.next()
			if err != nil {
				if err != io.EOF {
					readErr = err
				}
				return
			}
			done := make(chan outcome, 1)
			select {
			case queue <- done:
			case <-ctx.Done():
				return
			}
			go func() {
				var o outcome
				o.result, o.err = work(b)
				done <- o
			}()
		}
	})
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case done, more := <-queue:
			if !more {
				readers.Wait()
				return readErr
			}
			o := <-done
			if o.err != nil {
				return o.err
			}
			if err := deliver(o.result); err != nil {
				return err
			}
		}
	}
}
