package fasttext

import (
	"slices"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// Numbers below wide, which are nearly all of a text's if words are numbered by how frequent
// they are, take one unit of 16 bits; others, up to 1<<31-1, take two.
const wide = kernel.Wide

func appendNumber(dst []uint16, v int32) []uint16 {
	if v < wide {
		return append(dst, uint16(v))
	}
	return append(dst, uint16(v>>16|wide), uint16(v))
}

// appendNumbers is appendNumber for all of a list.
func appendNumbers(dst []uint16, list []int32) []uint16 {
	n := len(dst)
	dst = slices.Grow(dst, 2*len(list))
	dst = dst[:cap(dst)]
	for _, v := range list {
		if v >= wide {
			dst[n] = uint16(v>>16 | wide)
			n++
		}
		dst[n] = uint16(v)
		n++
	}
	return dst[:n]
}

// number returns the number at units[i], and where the next one starts.
func number(units []uint16, i int) (v int32, next int) {
	v = int32(units[i])
	if v < wide {
		return v, i + 1
	}
	return v&(wide-1)<<16 | int32(units[i+1]), i + 2
}

// unitsOf returns how many units a number takes.
func unitsOf(v int32) int {
	if v < wide {
		return 1
	}
	return 2
}
