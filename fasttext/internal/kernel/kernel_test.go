package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func random(n int) []float32 {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	v := make([]float32, n)
	for i := range v {
		v[i] = r.Float32() - 0.5
	}
	return v
}

func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1e-4*(1+math.Abs(float64(want[i]))) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// levels returns the forms that this machine has.
func levels() (all []level) {
	for l := range level(len(levelNames)) {
		if l.has(detect()) {
			all = append(all, l)
		}
	}
	return all
}

// check holds every function of a level against plain loops. It looks at the whole of
// data afterwards, so that what was written beside the rows shows too.
func check(t *testing.T, l level, dim, stride, n int) {
	t.Helper()
	const most = 20
	data, x := random(most*stride+dim), random(dim)
	var rows []int32
	for i := range n {
		rows = append(rows, int32(i*7%(most+1)))
	}
	name := fmt.Sprintf("%s, %d columns, stride %d, %d rows", levelNames[l], dim, stride, n)

	want := make([]float32, dim+1)
	want[dim] = 7
	for _, r := range rows {
		for j := range dim {
			want[j] += data[int(r)*stride+j]
		}
	}
	got := append(random(dim), 7)
	l.sumRows(got[:dim], data, stride, rows)
	near(t, "sumRows "+name, got, want)

	wantData := slices.Clone(data)
	for _, r := range rows {
		for j, v := range x {
			wantData[int(r)*stride+j] += v
		}
	}
	l.addToRows(data, stride, rows, x)
	near(t, "addToRows "+name, data, wantData)

	scale := random(n)
	for i, r := range rows {
		for j, v := range x {
			wantData[int(r)*stride+j] += scale[i] * v
		}
	}
	l.addScaledToRows(data, stride, rows, scale, x)
	near(t, "addScaledToRows "+name, data, wantData)
	l.prefetch(data, stride, rows)

	n = min(n, most+1)
	out, wantOut := append(random(n), 7), append(make([]float32, n), 7)
	for i := range n {
		for j, v := range x {
			wantOut[i] += v * data[i*stride+j]
		}
	}
	l.dots(out[:n], data, stride, x)
	near(t, "dots "+name, out, wantOut)
	near(t, "dot "+name, []float32{l.dot(x, data[:dim])}, []float32{plainDot(x, data[:dim])})

	alpha, grad, wantGrad := random(n), make([]float32, dim+1), make([]float32, dim+1)
	wantData = slices.Clone(data)
	for i, a := range alpha {
		for j, v := range x {
			wantGrad[j] += a * wantData[i*stride+j]
			wantData[i*stride+j] += a * v
		}
	}
	l.steps(data, stride, alpha, x, grad[:dim])
	near(t, "steps "+name, grad, wantGrad)
	near(t, "steps, data "+name, data, wantData)
	plainStep(wantData, 0.5, x, wantGrad[:dim])
	l.step(data[:dim], 0.5, x, grad[:dim])
	near(t, "step "+name, grad, wantGrad)
	near(t, "step, data "+name, data, wantData)
}

// Every length takes another way through the unrolled loops.
func TestAgainstPlainLoops(t *testing.T) {
	t.Parallel()
	for _, l := range levels() {
		for _, dim := range []int{1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 20, 31, 32, 33, 40, 64, 65, 100, 112, 127, 128, 129, 150, 256, 300} {
			for _, stride := range []int{dim, dim + 3, (dim + 15) &^ 15} {
				for n := range 11 {
					check(t, l, dim, stride, n)
				}
			}
		}
	}
}

func FuzzKernels(f *testing.F) {
	f.Add(uint16(10), uint8(6), uint8(5))
	f.Add(uint16(100), uint8(12), uint8(21))
	f.Fuzz(func(t *testing.T, dim uint16, gap, n uint8) {
		cols := int(dim)%600 + 1
		for _, l := range levels() {
			check(t, l, cols, cols+int(gap)%20, int(n)%30)
		}
	})
}

func TestExpsAndSigmoids(t *testing.T) {
	t.Parallel()
	for _, l := range levels() {
		for _, n := range []int{1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 48, 77, 1000} {
			for _, spread := range []float32{0.1, 1, 20, 150} {
				v := random(n)
				for i := range v {
					v[i] *= 2 * spread
				}
				highest := slices.Max(v)
				got := slices.Clone(v)
				sum := float64(l.exps(got))
				var want float64
				for i, x := range v {
					e := math.Exp(float64(x - highest))
					if want += e; math.Abs(float64(got[i])-e) > (3e-7+1e-7*float64(highest-x))*e+1e-37 {
						t.Fatalf("%s, %d values: exp(%v) is %v, want %v", levelNames[l], n, x-highest, got[i], e)
					}
				}
				if math.Abs(sum-want) > 1e-5*want {
					t.Fatalf("%s, %d values: the sum is %v, want %v", levelNames[l], n, sum, want)
				}
				copy(got, v)
				l.sigmoids(got)
				for i, x := range v {
					if p := 1 / (1 + math.Exp(-float64(x))); math.Abs(float64(got[i])-p) > 1e-6 {
						t.Fatalf("%s: sigmoid(%v) is %v, want %v", levelNames[l], x, got[i], p)
					}
				}
			}
			for _, bad := range []float64{math.NaN(), math.Inf(1)} {
				for _, at := range []int{0, n / 2, n - 1} {
					v := random(n)
					v[at] = float32(bad)
					if sum := l.exps(v); sum-sum == 0 {
						t.Fatalf("%s, %d values with %v: the sum is %v", levelNames[l], n, bad, sum)
					}
				}
			}
			v := make([]float32, n)
			for i := range v {
				v[i] = float32(math.NaN())
			}
			l.sigmoids(v)
			for i, p := range v {
				if p == p {
					t.Fatalf("%s: sigmoid %d of NaN is %v", levelNames[l], i, p)
				}
			}
		}
	}
}

// Row numbers and lengths that leave the slice must panic, not touch what is beside it.
func TestOutOfRange(t *testing.T) {
	t.Parallel()
	for _, l := range levels() {
		for _, dim := range []int{3, 10, 16, 100} {
			data, v := make([]float32, 5*dim), make([]float32, dim)
			for _, row := range []int32{5, -1, math.MaxInt32, math.MinInt32} {
				rows := []int32{0, row}
				for name, f := range map[string]func(){
					"sumRows":         func() { l.sumRows(v, data, dim, rows) },
					"addToRows":       func() { l.addToRows(data, dim, rows, v) },
					"addScaledToRows": func() { l.addScaledToRows(data, dim, rows, []float32{1, 1}, v) },
					"dots":            func() { l.dots(make([]float32, 6), data, dim, v) },
					"steps":           func() { l.steps(data, dim, make([]float32, 6), v, v) },
				} {
					if !panics(f) {
						t.Errorf("%s, %s of row %d does not panic", levelNames[l], name, row)
					}
				}
			}
		}
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

func BenchmarkKernels(b *testing.B) {
	for _, dim := range []int{10, 100} {
		const n = 64
		stride := (dim + 15) &^ 15
		data, v, grad := random(n*stride), random(dim), random(dim)
		alpha, out := make([]float32, n), make([]float32, n)
		var rows []int32
		for i := range n {
			rows = append(rows, int32(i*37%n))
		}
		for _, l := range levels() {
			for name, f := range map[string]func(){
				"SumRows":   func() { l.sumRows(v, data, stride, rows) },
				"AddToRows": func() { l.addToRows(data, stride, rows, grad) },
				"Dots":      func() { l.dots(out, data, stride, v) },
				"Steps":     func() { l.steps(data, stride, alpha, v, grad) },
			} {
				b.Run(fmt.Sprintf("%s/%d/%s", name, dim, levelNames[l]), func(b *testing.B) {
					for b.Loop() {
						f()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n*dim), "ns/value")
				})
			}
		}
	}
}
