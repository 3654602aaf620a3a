package fasttext

import (
	"sync"
	"sync/atomic"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// A feed hands the examples of one epoch to the workers, in random order. If they are all in memory,
// any order is as likely as another. If not, they come in batches, each of chunks from
// random places of the text, read while workers learn from the batch before, and mixed.
type feed struct {
	store   *exampleStore
	current atomic.Pointer[batch]
	turn    sync.Mutex // to go to the next batch
	ready   chan *batch
	room    chan struct{} // has an entry for each batch that may be in memory
	quit    chan struct{}
	ended   chan struct{}
	err     error // of reading; of use after ended is closed
}

// A batch is a part of an epoch.
type batch struct {
	chunks []chunk    // of the store
	units  [][]uint16 // of each chunk
	order  []uint32   // where examples are: chunk number << placeBits + place in the chunk
	next   atomic.Int64
	done   atomic.Int64

	released atomic.Bool
}

// placeBits is for places in a chunk: an example starts below largestChunk.
const placeBits = 15

// batchesInMemory is how many batches share the memory for what is read back.
const batchesInMemory = 2

// newFeed starts an epoch: the same seed and epoch give the same order.
func newFeed(s *exampleStore, seed, epoch int) *feed {
	f := &feed{
		store: s, ready: make(chan *batch), room: make(chan struct{}, batchesInMemory),
		quit: make(chan struct{}), ended: make(chan struct{}),
	}
	go f.fill(newRNG(seed, shufflerStream-epoch))
	return f
}

// close ends an epoch; nobody may use what claim returned after it. It returns the error that
// ended the epoch early.
func (f *feed) close() error {
	close(f.quit)
	<-f.ended
	if b := f.current.Load(); b != nil {
		f.release(b)
	}
	return f.err
}

// claim returns the places of some examples that nobody else has had, and their batch; none at the
// epoch's end. before and n are the batch that the caller had before and how many
// of its examples it has finished.
func (f *feed) claim(before *batch, n, most int) (*batch, []uint32) {
	if before != nil && before.done.Add(int64(n)) == int64(len(before.order)) {
		f.release(before)
	}
	for {
		b := f.current.Load()
		if b != nil {
			from := int(b.next.Add(int64(most))) - most
			if from < len(b.order) {
				return b, b.order[from:min(from+most, len(b.order))]
			}
		}
		if !f.advance(b) {
			return nil, nil
		}
	}
}

// advance goes on to the batch after b; false if there is none.
func (f *feed) advance(b *batch) bool {
	f.turn.Lock()
	defer f.turn.Unlock()
	if f.current.Load() != b {
		return true
	}
	next, more := <-f.ready
	if more {
		f.current.Store(next)
	}
	return more
}

func (f *feed) release(b *batch) {
	if b.released.Swap(true) {
		return
	}
	for i, units := range b.units { // which may be fewer than chunks, if the epoch was ended
		f.store.depot.release(b.chunks[i], units)
	}
	select {
	case f.store.orders <- b.order:
	default:
	}
	<-f.room
}

// fill reads one batch after another.
func (f *feed) fill(r *rng) {
	defer close(f.ended)
	defer close(f.ready)
	chunks := shuffledChunks(f.store, r)
	perBatch := len(chunks)
	if limit := f.store.limit; limit < 1<<62 {
		perBatch = max(int(limit)/batchesInMemory/(2*f.store.depot.chunk), 1)
	}
	for len(chunks) > 0 {
		n := min(perBatch, len(chunks))
		b := &batch{chunks: chunks[:n]}
		chunks = chunks[n:]
		select {
		case f.room <- struct{}{}:
		case <-f.quit:
			return
		}
		if f.err = b.load(f.store, r, f.quit); f.err != nil {
			f.release(b)
			return
		}
		select {
		case f.ready <- b:
		case <-f.quit:
			f.release(b)
			return
		}
	}
}

func shuffledChunks(s *exampleStore, r *rng) []chunk {
	chunks := append([]chunk(nil), s.chunks...)
	for i := len(chunks) - 1; i > 0; i-- {
		j := r.intn(i + 1)
		chunks[i], chunks[j] = chunks[j], chunks[i]
	}
	return chunks
}

// load reads the chunks and puts their examples in random order.
func (b *batch) load(s *exampleStore, r *rng, quit chan struct{}) error {
	select {
	case b.order = <-s.orders:
		b.order = b.order[:0]
	default:
	}
	for k, c := range b.chunks {
		units, err := s.depot.load(c)
		if err != nil {
			return err
		}
		b.units = append(b.units, units)
		for i := 0; i < len(units); {
			b.order = append(b.order, uint32(k)<<placeBits|uint32(i))
			n, from := number(units, i)
			i = from + int(n)
		}
		select {
		case <-quit:
			return nil
		default:
		}
	}
	for i := len(b.order) - 1; i > 0; i-- {
		j := r.intn(i + 1)
		b.order[i], b.order[j] = b.order[j], b.order[i]
	}
	return nil
}

// prefetch asks for the first units of the examples at some places, which are anywhere in the batch.
func (b *batch) prefetch(places []uint32) {
	for _, place := range places {
		first := int32(place & (1<<placeBits - 1))
		kernel.Prefetch(b.units[place>>placeBits], []int32{first, first + unitsPerLine})
	}
}

// unitsPerLine is how many units a cache line has.
const unitsPerLine = 32

// example returns the units of the example at a place.
func (b *batch) example(place uint32) []uint16 {
	units := b.units[place>>placeBits]
	n, from := number(units, int(place&(1<<placeBits-1)))
	return units[from : from+int(n)]
}
