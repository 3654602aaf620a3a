package telemetry

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
)

// Sketch counts values in bins whose width is a 64th of the power of two below
// them, so that a quantile is off by less than 1.6 percent of itself, and exact
// for whole numbers below 128. Sketches of parts merge into that of the whole without loss. This is the histogram of
// Masson, Rim and Lee, "DDSketch" (VLDB 2019), with bins taken from the bits of
// a float64 instead of a logarithm.
type Sketch struct {
	bins []bin // by key
}

type bin struct {
	key    int32
	weight float64
}

const (
	subBits = 6    // bins per power of two, as bits
	maxBins = 2048 // beyond that the lowest are counted together

	maxKey = 2047 << subBits // of the greatest finite value
)

// keyOf is the bin of a finite value: 0 for 0, of the sign of the value, and
// ascending with it.
func keyOf(v float64) int32 {
	k := int32(math.Float64bits(math.Abs(v)) >> (52 - subBits))
	switch {
	case v > 0:
		return k + 1
	case v < 0:
		return -(k + 1)
	}
	return 0
}

// middle is the value that stands for those of a bin.
func middle(key int32) float64 {
	if key == 0 {
		return 0
	}
	k := uint64(max(key, -key) - 1)
	low, high := math.Float64frombits(k<<(52-subBits)), math.Float64frombits((k+1)<<(52-subBits))
	v := low + (high-low)/2
	if math.IsInf(high, 0) || low < 2<<subBits && low == math.Trunc(low) {
		v = low // small whole numbers have a bin each, and most values are whole
	}
	if key < 0 {
		return -v
	}
	return v
}

// Add counts a finite value so many times.
func (s *Sketch) Add(v, weight float64) { s.add(keyOf(v), weight) }

func (s *Sketch) add(key int32, weight float64) {
	i, found := slices.BinarySearchFunc(s.bins, key, func(b bin, key int32) int { return cmp.Compare(b.key, key) })
	if found {
		s.bins[i].weight += weight
		return
	}
	s.bins = slices.Insert(s.bins, i, bin{key, weight})
	s.bound()
}

// bound counts the lowest bins together if there are too many.
func (s *Sketch) bound() {
	over := len(s.bins) - maxBins
	if over <= 0 {
		return
	}
	for _, b := range s.bins[:over] {
		s.bins[over].weight += b.weight
	}
	s.bins = slices.Delete(s.bins, 0, over)
}

// Merge adds what o has counted. o stays as it is.
func (s *Sketch) Merge(o *Sketch) {
	merged := make([]bin, 0, len(s.bins)+len(o.bins))
	a, b := s.bins, o.bins
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].key < b[0].key:
			merged, a = append(merged, a[0]), a[1:]
		case a[0].key > b[0].key:
			merged, b = append(merged, b[0]), b[1:]
		default:
			merged = append(merged, bin{a[0].key, a[0].weight + b[0].weight})
			a, b = a[1:], b[1:]
		}
	}
	s.bins = append(append(merged, a...), b...)
	s.bound()
}

// Clone returns a copy; that of nil is nil.
func (s *Sketch) Clone() *Sketch {
	if s == nil {
		return nil
	}
	return &Sketch{slices.Clone(s.bins)}
}

// Quantile returns the value below which a part q, from 0 to 1, of the values
// are; 0 if there are none.
func (s *Sketch) Quantile(q float64) float64 {
	total := 0.0
	for _, b := range s.bins {
		total += b.weight
	}
	rank, below := q*total, 0.0
	for _, b := range s.bins {
		if below += b.weight; below >= rank {
			return middle(b.key)
		}
	}
	if n := len(s.bins); n > 0 {
		return middle(s.bins[n-1].key)
	}
	return 0
}

// sketchVersion begins the encoding: after it the number of bins, and of each
// the distance of its key from the one before and its weight, all as varints.
// Weights are floats whose bytes are reversed, as the low ones are mostly zero.
const sketchVersion = 1

// Bytes encodes the sketch; that of nil is nil.
func (s *Sketch) Bytes() []byte {
	if s == nil {
		return nil
	}
	out := append(make([]byte, 0, 2+4*len(s.bins)), sketchVersion)
	out = binary.AppendUvarint(out, uint64(len(s.bins)))
	last := int32(0)
	for _, b := range s.bins {
		out = binary.AppendVarint(out, int64(b.key)-int64(last))
		out = binary.AppendUvarint(out, bits.ReverseBytes64(math.Float64bits(b.weight)))
		last = b.key
	}
	return out
}

// ParseSketch decodes what Bytes has encoded; nothing is nil.
func ParseSketch(in []byte) (*Sketch, error) {
	if len(in) == 0 {
		return nil, nil
	}
	bad := errors.New("telemetry: not the encoding of a sketch")
	if in[0] != sketchVersion {
		return nil, bad
	}
	in = in[1:]
	n, size := binary.Uvarint(in)
	if size <= 0 || n > maxBins || n > uint64(len(in)-size)/2 {
		return nil, bad
	}
	in = in[size:]
	s := &Sketch{bins: make([]bin, 0, n)}
	key := int64(0)
	for i := range n {
		step, size := binary.Varint(in)
		if size <= 0 || i > 0 && step <= 0 || step > math.MaxInt32 || step < math.MinInt32 {
			return nil, bad
		}
		in = in[size:]
		reversed, size := binary.Uvarint(in)
		if size <= 0 {
			return nil, bad
		}
		in = in[size:]
		weight := math.Float64frombits(bits.ReverseBytes64(reversed))
		if key += step; key < -maxKey || key > maxKey || !(weight >= 0) || math.IsInf(weight, 0) {
			return nil, bad
		}
		s.bins = append(s.bins, bin{int32(key), weight})
	}
	if len(in) > 0 {
		return nil, bad
	}
	return s, nil
}
