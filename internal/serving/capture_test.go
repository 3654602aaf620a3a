package serving_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/serving"
)

type captureLine struct {
	CaptureData struct {
		EndpointInput, EndpointOutput *struct{ ObservedContentType, Mode, Data, Encoding string }
	}
	EventMetadata struct {
		EventId, InferenceId, InferenceTime string
		CustomAttributes                    []string
	}
	EventVersion string
}

// capturedLines reads every capture file under the prefix, once they hold n lines.
func (h *house) capturedLines(prefix string, n int) (lines []captureLine, keys []string) {
	h.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		lines, keys = nil, nil
		page, err := h.blobs.List(h.t.Context(), "models", blob.ListOptions{Prefix: prefix})
		if err != nil {
			h.t.Fatal(err)
		}
		for _, o := range page.Objects {
			keys = append(keys, o.Key)
			file, err := h.blobs.Open(h.t.Context(), "models", o.Key)
			if err != nil {
				h.t.Fatal(err)
			}
			text, err := io.ReadAll(file)
			file.Close()
			if err != nil {
				h.t.Fatal(err)
			}
			for _, l := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
				var line captureLine
				if err := json.Unmarshal([]byte(l), &line); err != nil {
					h.t.Fatalf("%s: %q: %v", o.Key, l, err)
				}
				lines = append(lines, line)
			}
		}
		if len(lines) >= n {
			return lines, keys
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%d lines under %s, not %d", len(lines), prefix, n)
		}
	}
}

func TestDataCapture(t *testing.T) {
	t.Parallel()
	h := openHouse(t, t.TempDir(), func(o *serving.Options) { o.CapturePause = 10 * time.Millisecond })
	if err := h.blobs.CreateBucket(t.Context(), "models", "us-east-1"); err != nil {
		t.Fatal(err)
	}
	h.model("m", h.put("m.tar.gz", packed(t, trained(t, "red", "blue"))))
	h.model("s", "s3://models/m.tar.gz")
	config := serving.EndpointConfig{EndpointConfigName: "e", ProductionVariants: []serving.ProductionVariant{variantOf("m", 1)},
		ShadowProductionVariants: []serving.ProductionVariant{variantOf("s", 1)},
		DataCaptureConfig: &serving.DataCaptureConfig{InitialSamplingPercentage: ptr(100), DestinationS3Uri: "s3://models/captured/",
			CaptureOptions:           []serving.CaptureOption{{CaptureMode: "Input"}, {CaptureMode: "Output"}},
			CaptureContentTypeHeader: &serving.CaptureContentTypeHeader{JsonContentTypes: []string{asJSON}}}}
	if _, err := h.CreateEndpointConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	h.create("e", "e")
	h.await("e")
	in := serving.InvokeInput{Endpoint: "e", ContentType: asJSON, Body: []byte(`{"instances": ["red <b>\u00e9"]}`), InferenceID: "id-1", CustomAttributes: "trace=1"}
	out, err := h.Invoke(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	lines, keys := h.capturedLines("captured/e/m/", 1)
	if want := regexp.MustCompile(`^captured/e/m/\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.jsonl$`); !want.MatchString(keys[0]) {
		t.Errorf("file %s", keys[0])
	}
	line := lines[0]
	if i := line.CaptureData.EndpointInput; i.Data != string(in.Body) || i.Encoding != "JSON" || i.Mode != "INPUT" || i.ObservedContentType != asJSON {
		t.Errorf("input: %+v", i)
	}
	if o := line.CaptureData.EndpointOutput; o.Data != string(out.Body) || o.Encoding != "JSON" || o.Mode != "OUTPUT" {
		t.Errorf("output: %+v", o)
	}
	if m := line.EventMetadata; m.InferenceId != "id-1" || len(m.EventId) != 36 || len(m.CustomAttributes) != 1 || m.CustomAttributes[0] != "trace=1" || line.EventVersion != "0" {
		t.Errorf("metadata: %+v", line)
	}
	if _, err := time.Parse(time.RFC3339, line.EventMetadata.InferenceTime); err != nil {
		t.Error(err)
	}
	h.capturedLines("captured/e/s/", 1) // what the shadow variant says is captured, too

	// A content type that was not named is captured in base64; refused requests are not.
	if _, err := h.invoke("e", asLines, `{"source": "red"}`); err != nil {
		t.Fatal(err)
	}
	if _, err := h.invoke("e", "text/csv", `red`); err == nil {
		t.Error("text/csv was answered")
	}
	lines, _ = h.capturedLines("captured/e/m/", 2)
	if i := lines[1].CaptureData.EndpointInput; i.Encoding != "BASE64" || i.Data != base64.StdEncoding.EncodeToString([]byte(`{"source": "red"}`)) {
		t.Errorf("base64: %+v", i)
	}

	// An update without capture ends it, one that keeps the properties does not.
	h.config("plain", variantOf("m", 1))
	for _, kept := range []bool{true, false} {
		if _, err := h.UpdateEndpoint(t.Context(), serving.UpdateInput{EndpointName: "e", EndpointConfigName: "plain", RetainAllVariantProperties: kept}); err != nil {
			t.Fatal(err)
		}
		if e := h.await("e"); e.DataCaptureConfig.Enabled() != kept {
			t.Errorf("properties kept %v: capture is %+v", kept, e.DataCaptureConfig)
		}
		h.top("e", "red")
	}
	// A stop writes what waits.
	config.EndpointConfigName, config.DataCaptureConfig.DestinationS3Uri = "last", "s3://models/last"
	if _, err := h.CreateEndpointConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	again := h.restart(func(o *serving.Options) { o.CapturePause = time.Hour })
	if _, err := again.UpdateEndpoint(t.Context(), serving.UpdateInput{EndpointName: "e", EndpointConfigName: "last"}); err != nil {
		t.Fatal(err)
	}
	again.await("e")
	again.top("e", "red")
	last := again.restart(nil)
	if lines, _ := last.capturedLines("last/e/m/", 1); len(lines) != 1 {
		t.Errorf("%d lines after the stop", len(lines))
	}
	if lines, _ := last.capturedLines("captured/e/m/", 3); len(lines) != 3 {
		t.Errorf("%d lines from before", len(lines))
	}
}

// TestCaptureHarmsNobody captures into a bucket that does not exist.
func TestCaptureHarmsNobody(t *testing.T) {
	t.Parallel()
	h := openHouse(t, t.TempDir(), func(o *serving.Options) { o.CapturePause = time.Millisecond })
	if err := h.blobs.CreateBucket(t.Context(), "models", "us-east-1"); err != nil {
		t.Fatal(err)
	}
	h.model("m", h.put("m.tar.gz", packed(t, trained(t, "red", "blue"))))
	_, err := h.CreateEndpointConfig(t.Context(), serving.EndpointConfig{EndpointConfigName: "e", ProductionVariants: []serving.ProductionVariant{variantOf("m", 1)},
		DataCaptureConfig: &serving.DataCaptureConfig{InitialSamplingPercentage: ptr(100), DestinationS3Uri: "s3://no-such-bucket/x", CaptureOptions: []serving.CaptureOption{{CaptureMode: "InputAndOutput"}}}})
	if err != nil {
		t.Fatal(err)
	}
	h.create("e", "e")
	h.await("e")
	for range 3 {
		h.top("e", "red")
	}
	h.awaitMetric(`heliograph_capture_dropped_total{endpoint="e",variant="m"} 3`)
	if _, err := h.invoke("gone", asJSON, "{}"); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
}
