//go:build !race

package app

import "testing"

// TestInvokeAllocations holds an invocation, from the door to its answer, to the
// few pieces that it needs: contexts, the body, the id and the answer.
func TestInvokeAllocations(t *testing.T) {
	h := mustServe(t, nil)
	h.mustDeploy(t, "weather")
	handler, i := guardDoor(h.controlHandler(), true), newInvocation(t, "weather")
	if n := testing.AllocsPerRun(200, func() { i.send(t, handler) }); n > 22 {
		t.Errorf("%v allocations in one invocation", n)
	}
}
