package telemetry_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/heliograph/heliograph/internal/telemetry"
)

// exact is the value that a part of the values are not above.
func exact(sorted []float64, percent float64) float64 {
	i := int(math.Ceil(percent/100*float64(len(sorted)))) - 1
	return sorted[max(i, 0)]
}

func TestPercentilesAreWithinTheBound(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"uniform":   func() float64 { return r.Float64() },
		"long tail": func() float64 { return math.Exp(3 * r.NormFloat64()) },
		"whole":     func() float64 { return float64(r.IntN(100)) },
		"both signs": func() float64 {
			return 1000 * r.NormFloat64()
		},
	} {
		t.Run(name, func(t *testing.T) {
			var whole telemetry.Statistics
			var values []float64
			for range 20 { // parts, merged
				var part telemetry.Statistics
				for range 500 {
					v := draw()
					values = append(values, v)
					part.Merge(telemetry.Repeated(v, 1))
				}
				copied, err := telemetry.ParseSketch(part.Sketch.Bytes())
				if err != nil {
					t.Fatal(err)
				}
				part.Sketch = copied
				whole.Merge(part)
			}
			slices.Sort(values)
			for _, p := range []float64{0, 1, 10, 50, 90, 99, 99.9, 100} {
				got, ok := whole.Percentile(p)
				want := exact(values, p)
				if !ok || math.Abs(got-want) > 0.016*math.Abs(want) {
					t.Errorf("p%v is %v, want %v", p, got, want)
				}
				if name == "whole" && got != want {
					t.Errorf("p%v of whole numbers is %v, want %v", p, got, want)
				}
			}
			if whole.Count != 10_000 || whole.Min != values[0] || whole.Max != values[len(values)-1] {
				t.Errorf("count %v, from %v to %v", whole.Count, whole.Min, whole.Max)
			}
		})
	}
}

func TestMergeWithoutADistribution(t *testing.T) {
	t.Parallel()
	s := telemetry.Repeated(5, 2)
	s.Merge(telemetry.Statistics{Count: 3, Sum: 9, Min: 1, Max: 7})
	if _, ok := s.Percentile(50); ok || s.Count != 5 || s.Sum != 19 || s.Min != 1 || s.Max != 7 {
		t.Errorf("got %+v", s)
	}
	s.Merge(telemetry.Statistics{})
	if s.Count != 5 || s.Min != 1 {
		t.Errorf("nothing changed it to %+v", s)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ set, count, low, high float64 }{{0, 4, 0, 0}, {1, 4, 0, 1}, {4, 4, 1, 1}} {
		s := telemetry.Flags(c.set, c.count)
		if s.Count != c.count || s.Sum != c.set || s.Min != c.low || s.Max != c.high {
			t.Errorf("%v of %v: %+v", c.set, c.count, s)
		}
	}
}

func TestDistribution(t *testing.T) {
	t.Parallel()
	var d telemetry.Distribution
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 10_000 {
				d.Observe(int64(i*4 + g))
			}
		})
	}
	all.Wait()
	s := d.Take()
	if s.Count != 40_000 || s.Sum != 39_999*20_000 || s.Min != 0 || s.Max != 39_999 {
		t.Errorf("got %v values of %v, from %v to %v", s.Count, s.Sum, s.Min, s.Max)
	}
	for _, p := range []float64{1, 50, 99} {
		if got, _ := s.Percentile(p); math.Abs(got-p*400) > 0.016*p*400 {
			t.Errorf("p%v is %v", p, got)
		}
	}
	if again := d.Take(); again.Count != 0 {
		t.Errorf("taken twice: %+v", again)
	}
	d.Observe(-3)
	d.Observe(math.MaxInt64 - 1)
	if s := d.Take(); s.Count != 2 || s.Min != 0 {
		t.Errorf("extremes: %+v", s)
	}
}

func TestDistributionDoesNotAllocate(t *testing.T) {
	var d telemetry.Distribution
	d.Observe(70)
	if n := testing.AllocsPerRun(100, func() { d.Observe(100) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParseSketch(f *testing.F) {
	s := telemetry.Repeated(3, 2)
	s.Merge(telemetry.Repeated(-1e9, 0.5))
	whole := s.Sketch.Bytes()
	f.Add(whole)
	for i := range whole {
		f.Add(whole[:i])
	}
	f.Add([]byte{1, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := telemetry.ParseSketch(in)
		if err != nil || s == nil {
			return
		}
		again, err := telemetry.ParseSketch(s.Bytes())
		if err != nil || again.Quantile(0.5) != s.Quantile(0.5) {
			t.Errorf("read back: %v", err)
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	var d telemetry.Distribution
	b.RunParallel(func(pb *testing.PB) {
		for v := int64(50); pb.Next(); v = v*7%4096 + 1 {
			d.Observe(v)
		}
	})
}
