//go:build !race

package serving_test

import (
	"testing"

	"github.com/heliograph/heliograph/internal/serving"
)

// TestInvokeAllocations holds the hot path to what it needs: the text of the
// request, the answer, and nothing per label or word.
func TestInvokeAllocations(t *testing.T) {
	h := newHouse(t)
	h.deploy("e", h.put("m.bin", trained(t, "a", "b")))
	in := serving.InvokeInput{Endpoint: "e", ContentType: asJSON, Body: []byte(`{"instances": ["a b filler words", "a"], "configuration": {"k": 2}}`)}
	n := testing.AllocsPerRun(200, func() {
		if _, err := h.Invoke(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	})
	if n > 8 {
		t.Errorf("%v allocations in one invocation", n)
	}
}
