package fasttext

import "math/bits"

// ngramRows tells which row an n-gram's bucket has in a pruned model. It is an open
// addressing table, at most half full, of buckets and rows.
type ngramRows struct {
	slots [][2]int32 // bucket, row + 1; a 0 there is an empty place
	shift uint8      // of the hash to a place
}

func newNgramRows(pairs []int32) ngramRows {
	size := bits.Len(uint(len(pairs))) // pairs are two numbers each: this doubles them at least
	t := ngramRows{slots: make([][2]int32, 1<<size), shift: uint8(32 - size)}
	for i := 0; i+1 < len(pairs); i += 2 {
		t.slots[t.place(pairs[i])] = [2]int32{pairs[i], pairs[i+1] + 1}
	}
	return t
}

// place returns where the bucket stands, or the empty place for it.
func (t *ngramRows) place(bucket int32) uint32 {
	mask := uint32(len(t.slots) - 1)
	// The shift is 32 for a table of one place: a shift by 32 gives 0.
	i := uint32(bucket) * 0x9E3779B1 >> t.shift
	for t.slots[i][1] != 0 && t.slots[i][0] != bucket {
		i = (i + 1) & mask
	}
	return i
}

// find returns the row of a bucket.
func (t *ngramRows) find(bucket int32) (row int32, ok bool) {
	s := t.slots[t.place(bucket)]
	return s[1] - 1, s[1] != 0
}
