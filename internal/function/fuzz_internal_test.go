package function

import (
	"math"
	"testing"
)

// Whatever an endpoint answers, there are as many probabilities as labels, and
// each is one.
func FuzzLabels(f *testing.F) {
	for _, seed := range []string{
		`[{"label": ["__label__a", "b"], "prob": [0.9, 0.1]}]`, `[{"label": [], "prob": []}]`, `[{"prob": [1e999], "label": [""]}]`,
		`[{"prob": [-1], "label": ["x"]}]`, `[]`, `[{}]`, `{}`, `[{"vector": []}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		labels, probabilities, err := decodeLabels("e", answer)
		if err != nil {
			return
		}
		if len(labels) != len(probabilities) {
			t.Fatalf("%d labels, %d probabilities", len(labels), len(probabilities))
		}
		for _, p := range probabilities {
			if math.IsNaN(p) || p < 0 || p > 1 {
				t.Fatalf("probability %v", p)
			}
		}
	})
}
