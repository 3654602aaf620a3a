package kernel

import "unsafe"

// FanSize is how many rows a Fan has: a word and five negatives fill it.
const FanSize = 6

// ScoreStride is the distance, in values, between the scores of one input vector and the next.
const ScoreStride = 8

// A Fan is a few rows of a matrix that learn together from several input vectors, each
// from all of them: two products of small matrices, with the rows in place.
// It serves one goroutine.
type Fan struct {
	rows  [FanSize]*float32
	dim   int
	spare []float32 // stands for rows that are not there
}

// NewFan makes a fan for rows of dim values, at least one.
func NewFan(dim int) *Fan { return &Fan{dim: dim, spare: make([]float32, dim)} }

// Aim chooses the rows, at most FanSize different ones.
func (f *Fan) Aim(data []float32, stride int, rows []int32) {
	_ = f.rows[:len(rows)]
	for i := range f.rows {
		row := f.spare
		if i < len(rows) {
			row = data[int(rows[i])*stride:][:f.dim]
		}
		f.rows[i] = &row[0]
	}
}

// Scores sets scores[i*ScoreStride+k] to the inner product of input vector i and row k. The
// n input vectors, at least one, start stride values apart. Scores beyond the rows aimed at mean
// nothing.
func (f *Fan) Scores(scores, x []float32, stride, n int) {
	f.check(scores, stride, n, x)
	best.fanScores(f, scores, x, stride, n)
}

// Learn adds, for each input vector i and row k, alpha[i*ScoreStride+k] times the row, as it was, to
// gradient i, and as many times the input vector to the row. alpha must be 0 beyond
// the rows aimed at. Gradients lie as input vectors do; grad may be x if n is 1.
func (f *Fan) Learn(alpha, x, grad []float32, stride, n int) {
	f.check(alpha, stride, n, x, grad)
	best.fanLearn(f, alpha, x, grad, stride, n)
}

// check panics if the last of n vectors is not whole.
func (f *Fan) check(scores []float32, stride, n int, vectors ...[]float32) {
	_ = scores[:n*ScoreStride]
	for _, v := range vectors {
		_ = v[(n-1)*stride:][:f.dim]
	}
}

func (f *Fan) row(k int) []float32 { return unsafe.Slice(f.rows[k], f.dim) }

func (f *Fan) plainScores(scores, x []float32, stride, n int) {
	for i := range n {
		v := x[i*stride:][:f.dim]
		for k := range f.rows {
			scores[i*ScoreStride+k] = Dot(v, f.row(k))
		}
	}
}

func (f *Fan) plainLearn(alpha, x, grad []float32, stride, n int) {
	var old [FanSize]float32
	for j := range f.dim {
		for k := range old {
			old[k] = f.row(k)[j]
		}
		sums := old
		for i := range n {
			v, g := x[i*stride+j], grad[i*stride+j]
			for k, a := range alpha[i*ScoreStride:][:FanSize] {
				g += a * old[k]
				sums[k] += a * v
			}
			grad[i*stride+j] = g
		}
		for k, s := range sums {
			f.row(k)[j] = s
		}
	}
}

// Axpy adds a times x to dst, which is as long.
func Axpy(dst []float32, a float32, x []float32) { best.axpy(dst[:len(x)], a, x) }

func plainAxpy(dst []float32, a float32, x []float32) {
	for i, v := range x {
		dst[i] += a * v
	}
}
