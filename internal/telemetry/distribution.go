package telemetry

import (
	"math/bits"
	"sync/atomic"
)

// Distribution gathers whole numbers, such as microseconds, from many goroutines
// at once: a value costs two atomic additions and takes no lock. The zero value
// is ready. It grows by half a KiB for each power of two that the values span.
type Distribution struct {
	octaves  [63]atomic.Pointer[[1 << subBits]atomic.Int64]
	zeros    atomic.Int64
	sum      atomic.Int64
	min, max atomic.Int64 // one more than the value; 0 while there is none
}

// Observe counts a value; those below 0 count as 0.
func (d *Distribution) Observe(v int64) {
	v = max(v, 0)
	for low := d.min.Load(); low == 0 || v+1 < low; low = d.min.Load() {
		if d.min.CompareAndSwap(low, v+1) {
			break
		}
	}
	for high := d.max.Load(); v+1 > high; high = d.max.Load() {
		if d.max.CompareAndSwap(high, v+1) {
			break
		}
	}
	d.sum.Add(v)
	if v == 0 {
		d.zeros.Add(1)
		return
	}
	octave := bits.Len64(uint64(v)) - 1
	bins := d.octaves[octave].Load()
	if bins == nil {
		d.octaves[octave].CompareAndSwap(nil, new([1 << subBits]atomic.Int64))
		bins = d.octaves[octave].Load()
	}
	bins[uint64(v)<<(63-octave)>>(63-subBits)&(1<<subBits-1)].Add(1)
}

// Take returns what was gathered since it was last taken, and forgets it. Of a
// value that is being observed meanwhile, a part may be left for the next time.
func (d *Distribution) Take() Statistics {
	s := Statistics{Sketch: new(Sketch)}
	count := func(key int32, n int64) {
		if n > 0 {
			s.Count += float64(n)
			s.Sketch.bins = append(s.Sketch.bins, bin{key, float64(n)}) // ascending, as keys are
		}
	}
	count(0, d.zeros.Swap(0))
	for octave := range d.octaves {
		bins := d.octaves[octave].Load()
		if bins == nil {
			continue
		}
		for i := range bins {
			if bins[i].Load() != 0 {
				count(int32((octave+1023)<<subBits|i)+1, bins[i].Swap(0))
			}
		}
	}
	s.Sketch.bound()
	s.Sum = float64(d.sum.Swap(0))
	if low, high := d.min.Swap(0), d.max.Swap(0); low > 0 && high > 0 {
		s.Min, s.Max = float64(low-1), float64(high-1)
	} else if n := len(s.Sketch.bins); n > 0 {
		s.Min, s.Max = middle(s.Sketch.bins[0].key), middle(s.Sketch.bins[n-1].key)
	}
	return s
}
