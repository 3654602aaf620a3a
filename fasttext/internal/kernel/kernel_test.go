package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
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
		if math.Abs(float64(got[i]-want[i])) > 1e-4 {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// Every length takes another way through the unrolled loops.
func TestAgainstPlainLoops(t *testing.T) {
	t.Parallel()
	for dim := 1; dim <= 40; dim++ {
		for _, stride := range []int{dim, dim + 3} {
			for n := range 11 {
				data, x := random(20*stride), random(dim)
				var rows []int32
				for i := range n {
					rows = append(rows, int32(i*7%20))
				}
				name := fmt.Sprintf("dim %d stride %d rows %d", dim, stride, n)

				want := make([]float32, dim)
				for _, r := range rows {
					for j := range want {
						want[j] += data[int(r)*stride+j]
					}
				}
				got := random(dim)
				SumRows(got, data, stride, rows)
				near(t, "SumRows "+name, got, want)

				wantData := append([]float32(nil), data...)
				for _, r := range rows {
					for j, v := range x {
						wantData[int(r)*stride+j] += v
					}
				}
				AddToRows(data, stride, rows, x)
				near(t, "AddToRows "+name, data, wantData)

				out, wantOut := make([]float32, n), make([]float32, n)
				for i := range n {
					for j, v := range x {
						wantOut[i] += v * data[i*stride+j]
					}
				}
				Dots(out, data, stride, x)
				near(t, "Dots "+name, out, wantOut)

				alpha, grad, wantGrad := random(n), random(dim), random(dim)
				wantData = append(wantData[:0], data...)
				for i, a := range alpha {
					for j, v := range x {
						wantGrad[j] += a * wantData[i*stride+j]
						wantData[i*stride+j] += a * v
					}
				}
				Steps(data, stride, alpha, x, grad)
				near(t, "Steps grad "+name, grad, wantGrad)
				near(t, "Steps data "+name, data, wantData)
			}
		}
	}
}

func BenchmarkKernels(b *testing.B) {
	for _, dim := range []int{10, 100} {
		const n = 64
		stride := (dim + 15) &^ 15
		data, v := random(n*stride), random(dim)
		alpha, out := make([]float32, n), make([]float32, n)
		var rows []int32
		for i := range n {
			rows = append(rows, int32(i*37%n))
		}
		for name, f := range map[string]func(){
			"SumRows":   func() { SumRows(v, data, stride, rows) },
			"AddToRows": func() { AddToRows(data, stride, rows, v) },
			"Dots":      func() { Dots(out, data, stride, v) },
			"Steps":     func() { Steps(data, stride, alpha, v, v) },
		} {
			b.Run(fmt.Sprintf("%s/%d", name, dim), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n*dim), "ns/value")
			})
		}
	}
}
