package fasttext

import "math/bits"

// A rowSet is a set of row numbers.
type rowSet []uint64

func newRowSet(rows int) rowSet { return make(rowSet, (rows+63)/64) }

func (s rowSet) add(row int32) { s[uint32(row)/64] |= 1 << (uint32(row) % 64) }

func (s rowSet) addAll(other rowSet) {
	for i, w := range other {
		s[i] |= w
	}
}

func (s rowSet) count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// next returns the first row of the set that is not below row, or limit if there is none.
func (s rowSet) next(row, limit int) int {
	for row < limit {
		if w := s[row/64] >> (row % 64); w != 0 {
			return min(row+bits.TrailingZeros64(w), limit)
		}
		row = (row/64 + 1) * 64
	}
	return limit
}
