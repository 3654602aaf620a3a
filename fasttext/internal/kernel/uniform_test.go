package kernel

import (
	"math"
	"slices"
	"testing"
)

func TestUniform(t *testing.T) {
	t.Parallel()
	for _, l := range levels() {
		for n := 1; n < 70; n++ {
			for _, state := range []uint64{0, 1, math.MaxUint64, 0x123456789ABCDEF} {
				got, want := make([]float32, n+1), make([]float32, n)
				got[n] = 7
				l.uniform(got[:n], state, 0.01)
				plainUniform(want, state, 0.01)
				if !slices.Equal(got[:n], want) || got[n] != 7 {
					t.Fatalf("level %d, %d values: %v, want %v", l, n, got, want)
				}
			}
		}
		values := make([]float32, 1<<20)
		l.uniform(values, 3, 0.25)
		var sum, squares float64
		for _, v := range values {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		if lowest, highest := slices.Min(values), slices.Max(values); lowest < -0.25 || lowest > -0.2499 || highest >= 0.25 || highest < 0.2499 {
			t.Errorf("level %d: values from %v to %v", l, lowest, highest)
		}
		n := float64(len(values))
		if mean, spread := sum/n, squares/n*12/0.25; math.Abs(mean) > 0.001 || math.Abs(spread-1) > 0.01 {
			t.Errorf("level %d: mean %v, variance %v of what it should be", l, mean, spread)
		}
	}
	Uniform(nil, 1, 1)
}

func BenchmarkUniform(b *testing.B) {
	row := make([]float32, 10)
	for _, l := range levels() {
		b.Run(levelNames[l], func(b *testing.B) {
			for b.Loop() {
				l.uniform(row, 5, 0.1)
			}
		})
	}
}
