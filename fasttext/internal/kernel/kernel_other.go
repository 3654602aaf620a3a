//go:build !(amd64 || arm64) || purego

package kernel

import "unsafe"

func detect() level { return plain }

func (l level) has(level) bool { return l == plain }

func (level) sumRows(dst, data []float32, stride int, rows []int32) {
	plainSumRows(dst, data, stride, rows)
}

func (level) addToRows(data []float32, stride int, rows []int32, v []float32) {
	plainAddToRows(data, stride, rows, v)
}

func (level) addScaledToRows(data []float32, stride int, rows []int32, scale, v []float32) {
	plainAddScaledToRows(data, stride, rows, scale, v)
}

func (level) dots(out, data []float32, stride int, x []float32) { plainDots(out, data, stride, x) }

func (level) steps(data []float32, stride int, alpha, x, grad []float32) {
	plainSteps(data, stride, alpha, x, grad)
}

func (level) step(row []float32, a float32, x, grad []float32) { plainStep(row, a, x, grad) }

func (level) dot(x, y []float32) float32 { return plainDot(x, y) }

func (level) exps(v []float32) float32 { return plainExps(v) }

func (level) sigmoids(v []float32) { plainSigmoids(v) }

func (level) prefetch([]float32, int, []int32) {}

func (level) prefetchPlaces(unsafe.Pointer, int, []int32) {}
