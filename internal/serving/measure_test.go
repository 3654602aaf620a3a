package serving_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/serving"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// measured are the samples of a service by metric and dimensions.
func (h *house) measured() map[string]telemetry.Statistics {
	all := map[string]telemetry.Statistics{}
	h.Measure(func(s telemetry.Sample) {
		name := s.Namespace + " " + s.Name
		for _, d := range s.Dimensions {
			name += " " + d.Name + "=" + d.Value
		}
		if _, twice := all[name]; twice {
			h.t.Errorf("%s was told twice", name)
		}
		all[name] = s.Statistics
	})
	return all
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("Asked", h.put("m.bin", trained(t, "a", "b")))
	h.measured() // so far
	ask := func(n int, body string) {
		for range n {
			h.Invoke(t.Context(), serving.InvokeInput{Endpoint: "asked", ContentType: asJSON, Body: []byte(body)})
		}
	}
	ask(7, `{"instances": ["a"]}`)
	ask(2, `{"instances": [1]}`)
	ask(1, `{"instances": ["a"]`)
	got := h.measured()
	const of = " EndpointName=Asked VariantName=Asked"
	for metric, want := range map[string]telemetry.Statistics{
		"Invocations":            {Count: 10, Sum: 10, Min: 1, Max: 1},
		"InvocationsPerInstance": {Count: 10, Sum: 10, Min: 1, Max: 1},
		"Invocation4XXErrors":    {Count: 10, Sum: 3, Max: 1},
		"Invocation5XXErrors":    {Count: 10},
		"InvocationModelErrors":  {Count: 10, Sum: 3, Max: 1},
	} {
		s := got["AWS/SageMaker "+metric+of]
		if s.Sketch = nil; s != want {
			t.Errorf("%s is %+v, want %+v", metric, s, want)
		}
	}
	for _, metric := range []string{"ModelLatency", "OverheadLatency"} {
		s := got["AWS/SageMaker "+metric+of]
		p99, ok := s.Percentile(99)
		if s.Count != 10 || s.Min > s.Max || s.Sum < s.Max || !ok || p99 < s.Min || p99 > s.Max {
			t.Errorf("%s is %+v, p99 %v", metric, s, p99)
		}
	}
	if s := got["AWS/SageMaker ConcurrentRequestsPerModel"+of]; s.Count != 1 || s.Sum != 0 {
		t.Errorf("requests under way after the last: %+v", s)
	}
	if again := h.measured(); len(again) > 0 {
		t.Errorf("told again: %v", slices.Collect(maps.Keys(again)))
	}
	// What was counted until an endpoint went is told once more.
	ask(1, `{"instances": ["a"]}`)
	if err := h.DeleteEndpoint(t.Context(), "asked"); err != nil {
		t.Fatal(err)
	}
	h.awaitGone("asked")
	if s := h.measured()["AWS/SageMaker Invocations"+of]; s.Count != 1 {
		t.Errorf("of the endpoint that went: %+v", s)
	}
	if all := fmt.Sprint(h.measured()); strings.Contains(all, "Asked") {
		t.Errorf("after that: %s", all)
	}
}

func TestMeasureAsync(t *testing.T) {
	t.Parallel()
	h := asyncHouse(t)
	good := h.ask(serving.InvokeAsyncInput{InputLocation: h.put("good.json", []byte(`{"instances": ["red"]}`)), ContentType: asJSON})
	bad := h.ask(serving.InvokeAsyncInput{InputLocation: h.put("bad.json", []byte(`{"instances": [1]}`)), ContentType: asJSON})
	h.object(good.OutputLocation)
	h.object(bad.FailureLocation)
	h.awaitMetric(`heliograph_async_requests_total{endpoint="e",result="ok"} 1`)
	h.awaitMetric(`heliograph_async_requests_total{endpoint="e",result="failed"} 1`)
	got := map[string]telemetry.Statistics{}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) { // the last count comes after that
		for name, s := range h.measured() {
			have := got[name]
			have.Merge(s)
			got[name] = have
		}
		if got["AWS/SageMaker TotalProcessingTime EndpointName=e"].Count >= 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v", got)
		}
	}
	for metric, sum := range map[string]float64{"InvocationsProcesssed": 2, "InvocationFailures": 1} {
		if s := got["AWS/SageMaker "+metric+" EndpointName=e"]; s.Sum != sum {
			t.Errorf("%s is %+v, want %v", metric, s, sum)
		}
	}
	waited, took := got["AWS/SageMaker TimeInBacklog EndpointName=e"], got["AWS/SageMaker TotalProcessingTime EndpointName=e"]
	if waited.Count < 2 || took.Max < waited.Min {
		t.Errorf("waited %+v, took %+v", waited, took)
	}
	if s, ok := h.measured()["AWS/SageMaker ApproximateBacklogSize EndpointName=e"]; !ok || s.Count != 1 || s.Sum != 0 {
		t.Errorf("backlog in the end: %+v", s)
	}
}
