package serving_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/serving"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// house is a running service over a database, a blob store and a folder of
// models that outlive it.
type house struct {
	*serving.Service
	t     testing.TB
	dir   string
	blobs *blob.Dir
	db    *store.DB
	auth  *doorman
	meter *telemetry.Metrics
	stop  func() // ends Run and closes what is open
}

// doorman allows everything but the actions it was told to deny.
type doorman struct {
	mu     sync.Mutex
	denied map[string]bool
}

func (d *doorman) Authorize(_ context.Context, action, resource string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.denied[action] {
		return errs.New(errs.Denied, "AccessDeniedException", "not %s on %s", action, resource)
	}
	return nil
}

func (d *doorman) Pass(ctx context.Context, role, _ string) error {
	return d.Authorize(ctx, "iam:PassRole", role)
}

func (d *doorman) Assume(ctx context.Context, _, _ string) (context.Context, error) { return ctx, nil }

func (d *doorman) deny(action string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.denied = map[string]bool{action: true}
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := openHouse(t, t.TempDir(), nil)
	if err := h.blobs.CreateBucket(t.Context(), "models", "us-east-1"); err != nil {
		t.Fatal(err)
	}
	return h
}

// openHouse starts a service over what lies in dir.
func openHouse(t testing.TB, dir string, change func(*serving.Options)) *house {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(dir, "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.ReleaseLeases(t.Context()); err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, dir: dir, blobs: blobs, db: db, auth: &doorman{}, meter: telemetry.New()}
	opt := h.options()
	if change != nil {
		change(&opt)
	}
	if h.Service, err = serving.New(opt); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := errors.Join(h.Close(), db.Close(), blobs.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.stop)
	return h
}

func (h *house) options() serving.Options {
	return serving.Options{
		DB: h.db, Objects: h.blobs, Auth: h.auth, Roles: h.auth, Metrics: h.meter, Log: slog.New(slog.DiscardHandler),
		Region: "us-east-1", Account: "123456789012", Dir: filepath.Join(h.dir, "models"),
		MaxModelBytes: 64 << 20,
	}
}

// restart is the same house after a stop.
func (h *house) restart(change func(*serving.Options)) *house {
	h.t.Helper()
	h.stop()
	again := openHouse(h.t, h.dir, change)
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer cancel()
	if err := again.WaitReady(ctx); err != nil {
		h.t.Fatalf("not ready: %v", err)
	}
	return again
}

func (h *house) put(key string, content []byte) string {
	h.t.Helper()
	if _, err := h.blobs.Put(h.t.Context(), "models", key, bytes.NewReader(content), blob.PutOptions{}); err != nil {
		h.t.Fatal(err)
	}
	return "s3://models/" + key
}

const image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"

func (h *house) model(name, url string) {
	h.t.Helper()
	_, err := h.CreateModel(h.t.Context(), serving.Model{
		ModelName:        name,
		ExecutionRoleArn: "arn:aws:iam::123456789012:role/SageMakerRole",
		PrimaryContainer: &serving.Container{Image: image, ModelDataUrl: url},
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func variantOf(model string, weight float64) serving.ProductionVariant {
	one := 1
	return serving.ProductionVariant{VariantName: model, ModelName: model, InitialInstanceCount: &one, InstanceType: "ml.m5.large", InitialVariantWeight: &weight}
}

func (h *house) config(name string, variants ...serving.ProductionVariant) {
	h.t.Helper()
	if _, err := h.CreateEndpointConfig(h.t.Context(), serving.EndpointConfig{EndpointConfigName: name, ProductionVariants: variants}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) create(name, config string) {
	h.t.Helper()
	if _, err := h.CreateEndpoint(h.t.Context(), serving.Endpoint{EndpointName: name, EndpointConfigName: config}); err != nil {
		h.t.Fatal(err)
	}
}

// deploy makes model, config and endpoint, all of one name, and waits.
func (h *house) deploy(name, url string) serving.Endpoint {
	h.t.Helper()
	h.model(name, url)
	h.config(name, variantOf(name, 1))
	h.create(name, name)
	return h.await(name)
}

// await returns the endpoint once nothing is being done to it.
func (h *house) await(name string) serving.Endpoint {
	h.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		e, err := h.DescribeEndpoint(h.t.Context(), name)
		if err != nil {
			h.t.Fatal(err)
		}
		switch e.EndpointStatus {
		case serving.InService, serving.Failed, serving.UpdateRollbackFailed:
			return e
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("endpoint %s is still %s", name, e.EndpointStatus)
		}
	}
}

// awaitMetric returns once the metrics hold the line.
func (h *house) awaitMetric(line string) {
	h.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		answer := httptest.NewRecorder()
		h.meter.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
		if strings.Contains(answer.Body.String(), line+"\n") {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the metrics have no %s:\n%s", line, answer.Body)
		}
	}
}

func (h *house) awaitGone(name string) {
	h.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		_, err := h.DescribeEndpoint(h.t.Context(), name)
		if errs.Is(err, errs.NotFound) && strings.Contains(err.Error(), "Could not find endpoint") {
			return
		}
		if err != nil || time.Now().After(deadline) {
			h.t.Fatalf("endpoint %s is not gone: %v", name, err)
		}
	}
}

func (h *house) invoke(endpoint, contentType, body string) (string, error) {
	out, err := h.Invoke(h.t.Context(), serving.InvokeInput{Endpoint: endpoint, ContentType: contentType, Body: []byte(body)})
	return string(out.Body), err
}

// top asks an endpoint for the most probable label of a text.
func (h *house) top(endpoint, text string) string {
	h.t.Helper()
	body, _ := json.Marshal(map[string]any{"instances": []string{text}})
	answer, err := h.invoke(endpoint, "application/json", string(body))
	if err != nil {
		h.t.Fatalf("invoke %s: %v", endpoint, err)
	}
	var parsed []struct{ Label []string }
	if err := json.Unmarshal([]byte(answer), &parsed); err != nil || len(parsed) != 1 || len(parsed[0].Label) != 1 {
		h.t.Fatalf("invoke %s: answer %s (%v)", endpoint, answer, err)
	}
	return parsed[0].Label[0]
}

// logLines returns everything in the log of an endpoint, once it holds want.
func (h *house) logLines(endpoint, want string) string {
	h.t.Helper()
	group := "/aws/sagemaker/Endpoints/" + endpoint
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var text strings.Builder
		if streams, err := h.db.LogStreams(h.t.Context(), group, "", "", 100); err == nil {
			for _, s := range streams {
				events, err := h.db.Logs(h.t.Context(), store.LogQuery{Group: group, Streams: []string{s.Name}, Limit: 1000})
				if err != nil {
					h.t.Fatal(err)
				}
				for _, e := range events {
					text.WriteString(s.Name + ": " + e.Message + "\n")
				}
			}
		}
		if strings.Contains(text.String(), want) {
			return text.String()
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the log of %s has no %q:\n%s", endpoint, want, text.String())
		}
	}
}

// files lists the folder of unpacked models.
func (h *house) files() (names []string) {
	h.t.Helper()
	entries, err := os.ReadDir(filepath.Join(h.dir, "models"))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// waitFiles waits until n models are on the disk: the last one to let go of a model removes it, after its answer.
func (h *house) waitFiles(n int) {
	h.t.Helper()
	var left []string
	for range 1000 {
		if left = h.files(); len(left) == n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Errorf("models on the disk: %v, want %d", left, n)
}

// trained returns the bytes of a model that tells the labels apart by one word
// each: the word is the label's name.
func trained(t testing.TB, labels ...string) []byte {
	t.Helper()
	var text strings.Builder
	for range 50 {
		for _, l := range labels {
			text.WriteString("__label__" + l + " " + l + " filler words\n")
		}
	}
	args := fasttext.SupervisedDefaults()
	args.Dim, args.Bucket, args.Thread, args.Epoch, args.LR, args.MinCount = 8, 100, 1, 20, 0.5, 1
	m, err := fasttext.Train(t.Context(), strings.NewReader(text.String()), fasttext.TrainOptions{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type file struct {
	name    string
	content []byte
	flag    byte
	link    string
}

func tarOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.content)), Typeflag: f.flag, Linkname: f.link}
		if f.flag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// packed is what a training job uploads.
func packed(t testing.TB, model []byte) []byte {
	t.Helper()
	return gzipped(t, tarOf(t, file{name: "model.bin", content: model}))
}
