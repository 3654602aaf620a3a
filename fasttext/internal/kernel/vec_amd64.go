//go:build amd64 && !purego

package kernel

func (l level) fanScores(f *Fan, scores, x []float32, stride, n int) {
	switch l {
	case avx512:
		fanScores512(&scores[0], &x[0], stride, n, f.dim, &f.rows)
	case avx2:
		fanScores256(&scores[0], &x[0], stride, n, f.dim, &f.rows)
	default:
		f.plainScores(scores, x, stride, n)
	}
}

func (l level) fanLearn(f *Fan, alpha, x, grad []float32, stride, n int) {
	switch l {
	case avx512:
		fanLearn512(&alpha[0], &x[0], &grad[0], stride, n, f.dim, &f.rows)
	case avx2:
		fanLearn256(&alpha[0], &x[0], &grad[0], stride, n, f.dim, &f.rows)
	default:
		f.plainLearn(alpha, x, grad, stride, n)
	}
}

func (l level) axpy(dst []float32, a float32, x []float32) {
	switch {
	case len(x) == 0:
	case l == avx512:
		axpy512(&dst[0], &x[0], len(x), a)
	case l == avx2:
		axpy256(&dst[0], &x[0], len(x), a)
	default:
		plainAxpy(dst, a, x)
	}
}

//go:noescape
func fanScores512(scores, x *float32, stride, n, dim int, rows *[FanSize]*float32)

//go:noescape
func fanScores256(scores, x *float32, stride, n, dim int, rows *[FanSize]*float32)

//go:noescape
func fanLearn512(alpha, x, grad *float32, stride, n, dim int, rows *[FanSize]*float32)

//go:noescape
func fanLearn256(alpha, x, grad *float32, stride, n, dim int, rows *[FanSize]*float32)

//go:noescape
func axpy512(dst, x *float32, n int, a float32)

//go:noescape
func axpy256(dst, x *float32, n int, a float32)
