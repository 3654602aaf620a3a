//go:build !(amd64 || arm64) || purego

package kernel

func (level) fanScores(f *Fan, scores, x []float32, stride, n int) {
	f.plainScores(scores, x, stride, n)
}

func (level) fanLearn(f *Fan, alpha, x, grad []float32, stride, n int) {
	f.plainLearn(alpha, x, grad, stride, n)
}

func (level) axpy(dst []float32, a float32, x []float32) { plainAxpy(dst, a, x) }
