//go:build !race

package fasttext_test

import (
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
}
