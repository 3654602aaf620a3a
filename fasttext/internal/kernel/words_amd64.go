//go:build amd64 && !purego

package kernel

func (l level) unpack(dst []int32, units []uint16) int {
	if l != avx512 {
		return plainUnpack(dst, units)
	}
	return unpack512(&dst[0], &units[0], len(units))
}

func (l level) pairs(b *Buckets, dst []int32, hashes []uint32, words []int32, scratch []uint32) {
	if l != avx512 || len(dst) == 0 || len(hashes) == 0 || b.count < fewBuckets {
		b.plainPairs(dst, hashes, words)
		return
	}
	if !gather512(&scratch[0], &hashes[0], len(hashes), &words[0], len(words)) {
		panic("kernel: word out of range")
	}
	pairs512(&dst[0], &scratch[0], len(dst), b)
}

func (l level) uniform(row []float32, state uint64, limit float32) {
	if l != avx512 {
		plainUniform(row, state, limit)
		return
	}
	uniform512(&row[0], len(row), state, limit/(1<<23))
}

//go:noescape
func uniform512(row *float32, n int, state uint64, scale float32)

//go:noescape
func unpack512(dst *int32, units *uint16, n int) (words int)

// gather512 sets dst to the values of the table at n places below limit; false if one is not.
//
//go:noescape
func gather512(dst, table *uint32, limit int, places *int32, n int) (ok bool)

// pairs512 takes n+1 hashes.
//
//go:noescape
func pairs512(dst *int32, hashes *uint32, n int, b *Buckets)
