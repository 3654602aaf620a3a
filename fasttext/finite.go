package fasttext

import "github.com/heliograph/heliograph/fasttext/internal/kernel"

var zeros [1 << 10]float32

// finite reports whether all values are numbers: 0 times one that is not, is not one either.
func finite(v []float32) bool {
	for len(v) > 0 {
		n := min(len(v), len(zeros))
		if kernel.Dot(v[:n], zeros[:n]) != 0 {
			return false
		}
		v = v[n:]
	}
	return true
}

// checked is how many values are read before they are checked, while the processor's caches have them.
const checked = 1 << 16

// checkFloats fails if a value of the matrix that begins at byte start is not a number.
func (d *decoder) checkFloats(v []float32, start int64, what string) {
	if d.err != nil || finite(v) {
		return
	}
	for i, x := range v {
		if x-x != 0 {
			d.err = &FormatError{Offset: start + 4*int64(i), What: what + " has a weight that is not a number"}
			return
		}
	}
}
