//go:build !race

package fasttext_test

import (
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

func TestPredictQuantisedDoesNotAllocate(t *testing.T) {
	for _, loss := range []fasttext.Loss{fasttext.Softmax, fasttext.HierarchicalSoftmax, fasttext.OneVsAll} {
		q := mustQuantize(t, manyLabels(t, loss), fasttext.QuantizeOptions{QNorm: true, QOut: true})
		var dst []fasttext.Prediction
		if n := testing.AllocsPerRun(100, func() { dst = q.Predict(dst[:0], "word1 word2 unheard", 2, 0) }); n > 0 {
			t.Errorf("%v: %v allocations", loss, n)
		}
	}
}
