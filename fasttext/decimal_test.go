package fasttext_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

func TestAppendFloat(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	values := []float64{0, math.Copysign(0, -1), 1, -1, 0.5, 99999.5, 99999.4, 999995, 100000, 1e5, 12345, 123456, 1e-4, 9.99995e-5, 9.99994e-5,
		0.00012345, 0.99999, 0.999995, 0.9999951, 9.99995, 1e300, 5e-324, math.MaxFloat32, 0.1 + 0.2, 2.5, 0.00025, 1.00005, 1.000005, 0.125, 0.0625,
		0.000030517578125, 65536.5, 100.5, 10000.5, 10001.5}
	for range 200_000 {
		x := r.NormFloat64() * math.Pow(10, float64(r.IntN(14)-7))
		// Halves of the last digit, as near as they get.
		tie := (math.Floor(r.Float64()*1e5) + 0.5) * math.Pow(10, float64(r.IntN(9)-8))
		values = append(values, x, float64(float32(x)), tie, math.Nextafter(tie, 0), math.Nextafter(tie, 1e9))
	}
	for _, x := range values {
		for _, digits := range []int{1, 4, 5, 6, 7, 8} {
			if got, want := string(fasttext.AppendFloat(nil, x, digits)), strconv.FormatFloat(x, 'g', digits, 64); got != want {
				t.Fatalf("%v with %d digits: %s, want %s", x, digits, got, want)
			}
		}
	}
	for x, want := range map[float64]string{math.Inf(1): "inf", math.Inf(-1): "-inf"} {
		if got := string(fasttext.AppendFloat(nil, x, 5)); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
	if got := string(fasttext.AppendFloat(nil, math.NaN(), 5)); got != "nan" {
		t.Errorf("NaN: %s", got)
	}
}

func BenchmarkAppendFloat(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, 1000)
	for i := range values {
		values[i] = float64(float32(r.NormFloat64()))
	}
	var dst []byte
	for b.Loop() {
		dst = dst[:0]
		for _, x := range values {
			dst = append(fasttext.AppendFloat(dst, x, 5), ' ')
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/number")
}
