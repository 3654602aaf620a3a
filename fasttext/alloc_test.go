//go:build !race

package fasttext_test

import (
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

// The race detector makes sync.Pool forget on purpose, so this is not for it.
func TestPredictDoesNotAllocate(t *testing.T) {
	for _, name := range []string{"softmax", "hs", "ova", "pruned"} {
		m := mustLoad(t, name)
		var dst []fasttext.Prediction
		if n := testing.AllocsPerRun(100, func() { dst = m.Predict(dst[:0], "why was my card charged überweisung twice ?", 2, 0) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	opened, _ := mustOpen(t, "softmax")
	calibration, err := opened.Calibrate(t.Context(), pairs([][]string{{"my card", "__label__card"}, {"my invoice", "__label__billing"}}))
	if err != nil {
		t.Fatal(err)
	}
	calibrated, err := opened.WithCalibration(calibration)
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*fasttext.Model{"opened": opened, "calibrated": calibrated} {
		var dst []fasttext.Prediction
		if n := testing.AllocsPerRun(100, func() { dst = m.Predict(dst[:0], "why was my card charged überweisung twice ?", 2, 0) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// A text of 50 words takes less than 5 µs at dim 10, with bigrams. The fastest of many
// runs counts, for others may use the processor too.
func TestPredictIsFast(t *testing.T) {
	text := strings.Repeat("why was my card charged twice by the same shop ", 5)
	m := mustTrain(t, []byte("__label__a "+text+"\n__label__b something else\n"), func(o *fasttext.TrainOptions) {
		o.Dim, o.WordNgrams, o.Bucket, o.Epoch = 10, 2, 2_000_000, 1
	})
	var dst []fasttext.Prediction
	fastest := time.Hour
	for range 2000 {
		start := time.Now()
		dst = m.Predict(dst[:0], text, 1, 0)
		fastest = min(fastest, time.Since(start))
	}
	t.Log(fastest)
	if fastest > 5*time.Microsecond {
		t.Errorf("%v for a prediction", fastest)
	}
}
