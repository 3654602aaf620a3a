package fasttext

import (
	"fmt"
	"math"
	"os"
	"slices"
	"sync"
	"unsafe"
)

// A depot keeps what training has read: chunks of coded numbers, in memory while they
// fit and in a temporary file after that. Memory is taken from the system in slabs and used again, so
// that the collector neither counts it nor keeps twice as much.
//
// Methods may be called from several goroutines, except close.
type depot struct {
	dir   string // of the file; empty for the system's own
	limit int64  // bytes in memory
	chunk int    // units that a chunk has at most, except one that holds a single long example

	mu    sync.Mutex
	slabs []*slab
	free  [][]uint16 // of d.chunk each
	inUse int64      // bytes
	file  *os.File
	end   int64 // of the file
}

// A chunk is a run of units in a depot.
type chunk struct {
	units []uint16 // nil if they are in the file
	at    int64    // in the file
	n     int32    // units
}

const (
	// Chunks are read back in random order, so largestChunk, in units, is long enough for a disk. With little
	// memory they are shorter, so that there are always many in it.
	largestChunk   = 1 << 15
	chunksInMemory = 1 << 10
	slabChunks     = 16
)

// defaultTextMemory is the limit of a depot, if options name none; largestTextMemory is what places of
// examples can tell apart.
const (
	defaultTextMemory = 48 << 20
	leastTextMemory   = 1 << 20
	largestTextMemory = 4 << 30
)

func newDepot(dir string, limit int64) *depot {
	if limit <= 0 {
		limit = defaultTextMemory
	}
	limit = min(max(limit, leastTextMemory), largestTextMemory)
	return &depot{dir: dir, limit: limit, chunk: int(min(limit/chunksInMemory/2, largestChunk))}
}

// put keeps a copy of units: in memory, unless that then has more than limit bytes, else in the file.
func (d *depot) put(units []uint16, limit int64) (chunk, error) {
	c := chunk{n: int32(len(units))}
	d.mu.Lock()
	if c.units = d.take(len(units), limit); c.units == nil {
		if d.file == nil {
			if err := d.open(); err != nil {
				d.mu.Unlock()
				return chunk{}, err
			}
		}
		c.at = d.end
		d.end += int64(2 * len(units))
	}
	d.mu.Unlock()
	if c.units != nil {
		copy(c.units, units)
		return c, nil
	}
	if _, err := d.file.WriteAt(unitBytes(units), c.at); err != nil {
		return chunk{}, fmt.Errorf("keeping the training text in a temporary file: %w: make room there, or name another folder by TempDir or by TMPDIR in the environment", err)
	}
	return c, nil
}

// take returns memory for n units, or nil if there is none left. The caller has the lock.
func (d *depot) take(n int, limit int64) []uint16 {
	size := int64(2 * max(n, d.chunk))
	if d.inUse+size > limit {
		return nil
	}
	d.inUse += size
	if n > d.chunk {
		return d.newSlab(n)
	}
	if len(d.free) == 0 {
		all := d.newSlab(slabChunks * d.chunk)
		for i := range slabChunks {
			d.free = append(d.free, all[i*d.chunk:][:d.chunk:d.chunk])
		}
	}
	last := len(d.free) - 1
	units := d.free[last]
	d.free = d.free[:last]
	return units[:n]
}

// give takes back what take has returned. The caller has the lock.
func (d *depot) give(units []uint16) {
	d.inUse -= int64(2 * max(len(units), d.chunk))
	if cap(units) == d.chunk {
		d.free = append(d.free, units[:0])
		return
	}
	for i, s := range d.slabs {
		if unsafe.SliceData(s.units) == unsafe.SliceData(units) {
			d.slabs = slices.Delete(d.slabs, i, i+1)
			s.close()
			return
		}
	}
}

func (d *depot) newSlab(n int) []uint16 {
	s := newSlab(n)
	d.slabs = append(d.slabs, s)
	return s.units
}

// load returns the units of a chunk. What is in the file is read into memory that release gives back.
func (d *depot) load(c chunk) ([]uint16, error) {
	if c.units != nil {
		return c.units, nil
	}
	d.mu.Lock()
	units := d.take(int(c.n), math.MaxInt64)
	d.mu.Unlock()
	if _, err := d.file.ReadAt(unitBytes(units), c.at); err != nil {
		return nil, fmt.Errorf("reading the training text back from a temporary file: %w", err)
	}
	return units, nil
}

// release gives back what load has returned, unless the depot keeps it.
func (d *depot) release(c chunk, units []uint16) {
	if c.units == nil && units != nil {
		d.mu.Lock()
		d.give(units)
		d.mu.Unlock()
	}
}

// drop forgets a chunk.
func (d *depot) drop(c chunk) {
	if c.units != nil {
		d.mu.Lock()
		d.give(c.units)
		d.mu.Unlock()
	}
}

// open creates the file. Nobody else sees it, and it goes when the process does.
func (d *depot) open() error {
	f, err := os.CreateTemp(d.dir, "heliograph-text-")
	if err != nil {
		return fmt.Errorf("the training text does not fit into the memory for it, and there is no temporary file: %w", err)
	}
	d.file = f
	_ = os.Remove(f.Name()) // where open files can't be removed, close does it
	return nil
}

// close gives everything back. Nobody may use the depot or what load has returned after it.
func (d *depot) close() {
	if d == nil {
		return
	}
	for _, s := range d.slabs {
		s.close()
	}
	d.slabs, d.free = nil, nil
	if d.file != nil {
		d.file.Close()
		_ = os.Remove(d.file.Name())
		d.file = nil
	}
}

func unitBytes(units []uint16) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(units))), 2*len(units))
}
