// Package kernel holds the inner loops of training and prediction over rows of float32.
//
// Rows lie in one slice, row r from data[r*stride]. A row number outside the slice
// panics; nothing outside it is ever read or written.
//
// Each function has a plain Go form, and others in assembly: on amd64 for AVX2 with FMA and
// for AVX-512, on arm64 for NEON. The best one that the processor and the system have is chosen when the
// program starts. The environment variable HELIOGRAPH_KERNELS chooses another one: go, avx2, avx512 or neon
// (what the machine does not have is not taken), and the build tag purego leaves only
// the plain ones. The forms differ in the order of additions, so in the last bits of results.
package kernel

//go:generate go run ./asm

import (
	"os"
	"unsafe"
)

// A level is a set of instructions.
type level uint8

const (
	plain level = iota
	avx2
	avx512
	neon
)

var levelNames = [...]string{plain: "go", avx2: "avx2", avx512: "avx512", neon: "neon"}

var best = choose(detect(), os.Getenv("HELIOGRAPH_KERNELS"))

// choose returns the level of that name, if the machine has it, or the machine's.
func choose(machine level, name string) level {
	for l, n := range levelNames {
		if n == name && level(l).has(machine) {
			return level(l)
		}
	}
	return machine
}

// Name returns which form is in use: go, avx2, avx512 or neon.
func Name() string { return levelNames[best] }

// SumRows sets dst to the sum of the named rows. Rows are len(dst) long.
func SumRows(dst, data []float32, stride int, rows []int32) { best.sumRows(dst, data, stride, rows) }

// AddToRows adds v to each of the named rows.
func AddToRows(data []float32, stride int, rows []int32, v []float32) {
	best.addToRows(data, stride, rows, v)
}

// AddScaledToRows adds scale[i] times v to row rows[i]. scale is as long as rows.
func AddScaledToRows(data []float32, stride int, rows []int32, scale, v []float32) {
	best.addScaledToRows(data, stride, rows, scale[:len(rows)], v)
}

// Dots sets out[i] to the inner product of row i and x, for the first len(out) rows.
func Dots(out, data []float32, stride int, x []float32) { best.dots(out, data, stride, x) }

// Steps makes one gradient step for the first len(alpha) rows: row i adds
// alpha[i] times itself to grad, and then alpha[i] times x to itself. grad is as long as x.
func Steps(data []float32, stride int, alpha, x, grad []float32) {
	best.steps(data, stride, alpha, x, grad[:len(x)])
}

// Step is Steps for one row.
func Step(row []float32, a float32, x, grad []float32) { best.step(row, a, x, grad[:len(x)]) }

// Dot returns the inner product of x and y, which is as long.
func Dot(x, y []float32) float32 { return best.dot(x, y[:len(x)]) }

// Exps replaces each value by its exponential over that of the highest one, and returns
// their sum: divided by it, they are the softmax. Their relative error is below 1e-7 for each unit of distance. What is below 1e-37 may come out as
// 1e-38. If a value is no finite number, the sum is not either.
func Exps(v []float32) float32 {
	if len(v) == 0 {
		return 0
	}
	return best.exps(v)
}

// Sigmoids replaces each value x by 1/(1+exp(-x)).
func Sigmoids(v []float32) { best.sigmoids(v) }

// PrefetchRows asks for the named rows, which will be changed, to be brought into the cache.
func PrefetchRows(data []float32, stride int, rows []int32) {
	if len(data) > 0 {
		best.prefetch(data, stride, rows)
	}
}

// Prefetch asks for the values at some places of a table to be brought into the cache, each as far as its first cache line. Places need not be in the table.
func Prefetch[T any](table []T, places []int32) {
	if len(table) > 0 && len(places) > 0 {
		best.prefetchPlaces(unsafe.Pointer(unsafe.SliceData(table)), int(unsafe.Sizeof(table[0])), places)
	}
}
