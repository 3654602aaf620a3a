package kernel

import (
	"fmt"
	"slices"
	"testing"
)

// Each level of instructions must do what plain Go does, at every length.
func TestFan(t *testing.T) {
	t.Parallel()
	for _, l := range levels() {
		for _, dim := range []int{1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 40, 100, 112, 300} {
			for _, n := range []int{1, 2, 7} {
				for aimed := range FanSize + 1 {
					name := fmt.Sprintf("level %d dim %d n %d rows %d", l, dim, n, aimed)
					testFan(t, name, l, dim, n, aimed)
				}
			}
		}
	}
}

func testFan(t *testing.T, name string, l level, dim, n, aimed int) {
	t.Helper()
	stride := dim + 5
	data, x, grad := random(9*stride), random(n*stride), random(n*stride)
	rows := []int32{8, 0, 3, 5, 1, 7}[:aimed]
	alpha := make([]float32, n*ScoreStride)
	for i := range n {
		copy(alpha[i*ScoreStride:], random(aimed))
	}
	wantData, wantGrad, xBefore := slices.Clone(data), slices.Clone(grad), slices.Clone(x)
	f := NewFan(dim)
	f.Aim(data, stride, rows)

	scores := make([]float32, n*ScoreStride)
	l.fanScores(f, scores, x, stride, n)
	for i := range n {
		var got, want []float32
		for k, r := range rows {
			var sum float32
			for j := range dim {
				sum += x[i*stride+j] * data[int(r)*stride+j]
			}
			got, want = append(got, scores[i*ScoreStride+k]), append(want, sum)
		}
		near(t, name+" scores", got, want)
	}

	l.fanLearn(f, alpha, x, grad, stride, n)
	before := slices.Clone(wantData)
	for i := range n {
		for k, r := range rows {
			a := alpha[i*ScoreStride+k]
			for j := range dim {
				wantGrad[i*stride+j] += a * before[int(r)*stride+j]
				wantData[int(r)*stride+j] += a * x[i*stride+j]
			}
		}
	}
	near(t, name+" rows", data, wantData)
	near(t, name+" gradients", grad, wantGrad)
	if !slices.Equal(x, xBefore) {
		t.Errorf("%s: the input vectors changed", name)
	}

	l.fanLearn(f, alpha, x, x, stride, 1) // in place
	for k, r := range rows {
		for j := range dim {
			xBefore[j] += alpha[k] * wantData[int(r)*stride+j]
		}
	}
	near(t, name+" in place", x, xBefore)
}

func TestAxpy(t *testing.T) {
	t.Parallel()
	for _, l := range levels() {
		for n := range 70 {
			dst, x := random(n+3), random(n)
			want := slices.Clone(dst)
			for i, v := range x {
				want[i] += 0.7 * v
			}
			l.axpy(dst[:n], 0.7, x)
			near(t, fmt.Sprintf("level %d length %d", l, n), dst, want)
		}
	}
}

// A fan checks its rows and vectors by slicing, whatever the level.
func TestFanRefuses(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*Fan){
		"a row that is not there": func(f *Fan) { f.Aim(make([]float32, 50), 10, []int32{5}) },
		"seven rows":              func(f *Fan) { f.Aim(make([]float32, 100), 10, make([]int32, 7)) },
		"short vectors":           func(f *Fan) { f.Scores(make([]float32, 16), make([]float32, 19), 10, 2) },
		"short scores":            func(f *Fan) { f.Scores(make([]float32, 15), make([]float32, 20), 10, 2) },
		"short gradients":         func(f *Fan) { f.Learn(make([]float32, 16), make([]float32, 20), make([]float32, 19), 10, 2) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f := NewFan(10)
			f.Aim(make([]float32, 50), 10, []int32{4})
			do(f)
		}()
	}
}

func BenchmarkFan(b *testing.B) {
	const dim, stride = 100, 112
	data, x, grad := random(6*stride), random(10*stride), random(10*stride)
	scores := make([]float32, 10*ScoreStride)
	f := NewFan(dim)
	f.Aim(data, stride, []int32{0, 1, 2, 3, 4, 5})
	for _, l := range levels() {
		for _, n := range []int{1, 6} {
			b.Run(fmt.Sprintf("scores/level=%d/n=%d", l, n), func(b *testing.B) {
				for b.Loop() {
					l.fanScores(f, scores, x, stride, n)
				}
			})
			b.Run(fmt.Sprintf("learn/level=%d/n=%d", l, n), func(b *testing.B) {
				clear(scores)
				for b.Loop() {
					l.fanLearn(f, scores, x, grad, stride, n)
				}
			})
		}
	}
}
