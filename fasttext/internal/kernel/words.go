package kernel

import "math/bits"

// Wide is the first number that takes two units: the upper half, with the top bit set, and the lower half. A smaller one is a
// unit of its own.
const Wide = 1 << 15

// Unpack sets dst to the numbers that are coded in units, and returns how many those are. dst is as long as units, of
// which whole numbers fill all; a last half of a number is left out.
func Unpack(dst []int32, units []uint16) int {
	if len(units) == 0 {
		return 0
	}
	return best.unpack(dst[:len(units)], units)
}

func plainUnpack(dst []int32, units []uint16) int {
	n := 0
	for i := 0; i < len(units); n++ {
		v := int32(units[i])
		if i++; v >= Wide {
			if i == len(units) {
				break
			}
			v = v&(Wide-1)<<16 | int32(units[i])
			i++
		}
		dst[n] = v
	}
	return n
}

// Buckets are the rows that pairs of words share. It is read-only once made.
type Buckets struct {
	count, inverse uint64 // how many there are, and what makes dividing by it fast
	reciprocal     float64
	wrap           uint64 // 1<<64 modulo count
	factor         int64  // of the first word's hash
	base           int64  // row of the first bucket
}

// NewBuckets makes count buckets, from 1 to 1<<31-1, in the rows from base on. The hash of a pair of words is that of the first one times factor, which
// is positive and below 1<<31, and that of the second one, as signed numbers of 64 bits.
func NewBuckets(count, factor, base int) *Buckets {
	c := uint64(count)
	return &Buckets{c, ^uint64(0) / c, 1 / float64(count), -c % c, int64(factor), int64(base)}
}

// Row returns the row of a hash. The estimate of the quotient is at most 1 too low: inverse is above 1<<64 / count - 1,
// so that h times it, over 1<<64, is above h/count - 1.
func (b *Buckets) Row(h uint64) int32 {
	q, _ := bits.Mul64(h, b.inverse)
	r := h - q*b.count
	if r >= b.count {
		r -= b.count
	}
	return int32(b.base + int64(r))
}

// Pairs sets dst to the rows of each word and the next one: one less than there are words, at least one. hashes has the hash of each
// word of the vocabulary; a word beyond them panics. scratch is as long as words.
func (b *Buckets) Pairs(dst []int32, hashes []uint32, words []int32, scratch []uint32) {
	best.pairs(b, dst[:len(words)-1], hashes, words, scratch[:len(words)])
}

func (b *Buckets) plainPairs(dst []int32, hashes []uint32, words []int32) {
	before := b.firstHash(hashes[words[0]])
	for i, w := range words[1:] {
		h := hashes[w]
		dst[i] = b.Row(before + uint64(int64(int32(h))))
		before = b.firstHash(h)
	}
}

func (b *Buckets) firstHash(h uint32) uint64 { return uint64(int64(int32(h)) * b.factor) }

// fewBuckets is below how many the assembly's quotients, of 53 bits, are not near enough.
const fewBuckets = 1 << 12
