//go:build !race

package fasttext_test

import (
	"strings"
	"testing"

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

// BenchmarkPredict50Words is one prediction of a text of 50 words at dim 10, with bigrams.
func BenchmarkPredict50Words(b *testing.B) {
	text := strings.Repeat("why was my card charged twice by the same shop ", 5)
	args := fasttext.SupervisedDefaults()
	args.Dim, args.WordNgrams, args.Epoch, args.Thread = 10, 2, 1, 1
	m, err := fasttext.Train(b.Context(), strings.NewReader("__label__a "+text+"\n__label__b something else\n"), fasttext.TrainOptions{Args: args})
	if err != nil {
		b.Fatal(err)
	}
	var dst []fasttext.Prediction
	b.ReportAllocs()
	for b.Loop() {
		dst = m.Predict(dst[:0], text, 1, 0)
	}
}
