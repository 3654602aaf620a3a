//go:build !amd64 || purego

package kernel

func (level) unpack(dst []int32, units []uint16) int { return plainUnpack(dst, units) }

func (level) uniform(row []float32, state uint64, limit float32) { plainUniform(row, state, limit) }

func (level) pairs(b *Buckets, dst []int32, hashes []uint32, words []int32, _ []uint32) {
	b.plainPairs(dst, hashes, words)
}
