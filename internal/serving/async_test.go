package serving_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/serving"
	"github.com/heliograph/heliograph/internal/store"
)

// asyncHouse is a house whose endpoint e answers into objects.
func asyncHouse(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	h.model("m", h.put("m.tar.gz", packed(t, trained(t, "red", "blue"))))
	_, err := h.CreateEndpointConfig(t.Context(), serving.EndpointConfig{EndpointConfigName: "e", ProductionVariants: []serving.ProductionVariant{variantOf("m", 1)},
		AsyncInferenceConfig: &serving.AsyncInferenceConfig{
			ClientConfig: &serving.AsyncClientConfig{MaxConcurrentInvocationsPerInstance: ptr(2)},
			OutputConfig: &serving.AsyncOutputConfig{S3OutputPath: "s3://models/out", S3FailurePath: "s3://models/failed/"},
		}})
	if err != nil {
		t.Fatal(err)
	}
	h.create("e", "e")
	if e := h.await("e"); e.EndpointStatus != serving.InService {
		t.Fatalf("e: %+v", e)
	}
	return h
}

func (h *house) ask(in serving.InvokeAsyncInput) serving.InvokeAsyncOutput {
	h.t.Helper()
	in.Endpoint = "e"
	out, err := h.InvokeAsync(h.t.Context(), in)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// object returns the content of the object at that address, once it is there.
func (h *house) object(address string) (string, blob.ObjectInfo) {
	h.t.Helper()
	bucket, key, _ := strings.Cut(strings.TrimPrefix(address, "s3://"), "/")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		o, err := h.blobs.Open(h.t.Context(), bucket, key)
		if err == nil {
			defer o.Close()
			text, err := io.ReadAll(o)
			if err != nil {
				h.t.Fatal(err)
			}
			return string(text), o.Info()
		}
		if !errs.Is(err, errs.NotFound) || time.Now().After(deadline) {
			h.t.Fatalf("%s: %v", address, err)
		}
	}
}

func TestAsync(t *testing.T) {
	t.Parallel()
	h := asyncHouse(t)
	body := `{"instances": ["red", "blue"], "configuration": {"k": 1}}`
	out := h.ask(serving.InvokeAsyncInput{InputLocation: h.put("in.json", []byte(body)), ContentType: asJSON, InferenceID: "mine", CustomAttributes: "a=1"})
	if out.InferenceID != "mine" || !strings.HasPrefix(out.OutputLocation, "s3://models/out/") || !strings.HasPrefix(out.FailureLocation, "s3://models/failed/") {
		t.Errorf("accepted: %+v", out)
	}
	answer, info := h.object(out.OutputLocation)
	if !strings.HasPrefix(answer, `[{"label": ["__label__red"], "prob": [`) || !strings.Contains(answer, "__label__blue") ||
		info.ContentType != asJSON || info.Metadata["inference-id"] != "mine" || info.Metadata["custom-attributes"] != "a=1" {
		t.Errorf("answer %s of %+v", answer, info)
	}
	named := h.ask(serving.InvokeAsyncInput{InputLocation: "s3://models/in.json", ContentType: asJSON, OutputExtension: "/2026/11/", Filename: "mine.json"})
	if named.OutputLocation != "s3://models/out/2026/11/mine.json" || named.InferenceID == "" {
		t.Errorf("a name of its own: %+v", named)
	}
	h.object(named.OutputLocation)

	// JSON Lines longer than one block, in the order of the lines.
	const n = 60_000
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "{\"source\": \"%s filler words\"}\n", []string{"red", "blue"}[i%2])
	}
	out = h.ask(serving.InvokeAsyncInput{InputLocation: h.put("in.jsonl", []byte(lines.String())), ContentType: asLines})
	answer, _ = h.object(out.OutputLocation)
	answers := strings.Split(strings.TrimSpace(answer), "\n")
	if len(answers) != n {
		t.Fatalf("%d answers to %d lines", len(answers), n)
	}
	for i, a := range answers {
		if !strings.Contains(a, "__label__"+[]string{"red", "blue"}[i%2]) {
			t.Fatalf("line %d: %s", i+1, a)
		}
	}
	h.awaitMetric(`heliograph_async_requests_total{endpoint="e",result="ok"} 3`)

	for name, c := range map[string]struct {
		in   serving.InvokeAsyncInput
		want string
	}{
		"missing input":    {serving.InvokeAsyncInput{InputLocation: "s3://models/gone", ContentType: asJSON}, "Could not download the input from s3://models/gone"},
		"content type":     {serving.InvokeAsyncInput{InputLocation: "s3://models/in.json", ContentType: "text/csv"}, `Received client error (415) from primary with message "content-type text/csv not supported"`},
		"bad late line":    {serving.InvokeAsyncInput{InputLocation: h.put("bad.jsonl", []byte(lines.String()+"{]\n")), ContentType: asLines}, fmt.Sprintf("in line %d", n+1)},
		"empty":            {serving.InvokeAsyncInput{InputLocation: h.put("empty", nil), ContentType: asLines}, "the body is empty"},
		"a very long line": {serving.InvokeAsyncInput{InputLocation: h.put("long", []byte(strings.Repeat("x", 9<<20))), ContentType: asLines}, "Line 1 of the input is longer"},
	} {
		out := h.ask(c.in)
		if text, _ := h.object(out.FailureLocation); !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
		bucket, key, _ := strings.Cut(strings.TrimPrefix(out.OutputLocation, "s3://"), "/")
		if _, err := h.blobs.Stat(t.Context(), bucket, key); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: there is an answer, too: %v", name, err)
		}
	}
	if _, err := h.invoke("e", asJSON, body); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "InvokeEndpointAsync") {
		t.Errorf("invoked at once: %v", err)
	}
}

func TestAsyncRefusals(t *testing.T) {
	t.Parallel()
	h := asyncHouse(t)
	h.deploy("sync", "s3://models/m.tar.gz")
	for name, c := range map[string]struct {
		in   serving.InvokeAsyncInput
		want string
	}{
		"missing endpoint": {serving.InvokeAsyncInput{Endpoint: "gone", InputLocation: "s3://models/m"}, "Endpoint gone of account 123456789012 not found."},
		"not async":        {serving.InvokeAsyncInput{Endpoint: "sync", InputLocation: "s3://models/m"}, "no AsyncInferenceConfig"},
		"no input":         {serving.InvokeAsyncInput{Endpoint: "e"}, "'inputLocation' failed to satisfy constraint: Member must not be null"},
		"no key":           {serving.InvokeAsyncInput{Endpoint: "e", InputLocation: "s3://models"}, "must be an s3:// address with a bucket and a key"},
		"short TTL":        {serving.InvokeAsyncInput{Endpoint: "e", InputLocation: "s3://models/m", TTL: ptr(59)}, "'requestTTLSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60"},
		"long timeout":     {serving.InvokeAsyncInput{Endpoint: "e", InputLocation: "s3://models/m", Timeout: ptr(3601)}, "'invocationTimeoutSeconds'"},
		"upwards":          {serving.InvokeAsyncInput{Endpoint: "e", InputLocation: "s3://models/m", Filename: "../x"}, "'filename'"},
		"two dots":         {serving.InvokeAsyncInput{Endpoint: "e", InputLocation: "s3://models/m", Filename: "a.b.c"}, "'filename'"},
	} {
		_, err := h.InvokeAsync(t.Context(), c.in)
		if errs.CodeOf(err) != "ValidationError" || !strings.Contains(errs.MessageOf(err), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestAsyncSurvives accepts requests, stops the server before they are answered,
// and finds the answers of all of them after a restart.
func TestAsyncSurvives(t *testing.T) {
	t.Parallel()
	h := asyncHouse(t)
	input := h.put("in.jsonl", []byte(strings.Repeat(`{"source": "red"}`+"\n", 20_000)))
	var accepted []serving.InvokeAsyncOutput
	for range 30 {
		accepted = append(accepted, h.ask(serving.InvokeAsyncInput{InputLocation: input, ContentType: asLines}))
	}
	again := h.restart(nil)
	for _, out := range accepted {
		if answer, _ := again.object(out.OutputLocation); strings.Count(answer, "\n") != 20_000 {
			t.Errorf("%d lines at %s", strings.Count(answer, "\n"), out.OutputLocation)
		}
	}
	// What waits for an endpoint goes with it.
	for range 30 {
		again.ask(serving.InvokeAsyncInput{InputLocation: input, ContentType: asLines})
	}
	if err := again.DeleteEndpoint(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	again.awaitGone("e")
	for deadline := time.Now().Add(10 * time.Second); again.pendingRequests() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests are left on record", again.pendingRequests())
		}
	}
}

// pendingRequests counts the asynchronous requests on record.
func (h *house) pendingRequests() int {
	h.t.Helper()
	page, _, err := store.NewCollection[struct{}](h.db, "asynchronous request").List(h.t.Context(), store.Query{Limit: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	return len(page)
}
