package serving_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/serving"
	"github.com/heliograph/heliograph/internal/store"
)

func TestEndpointJourney(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	url := h.put("job/output/model.tar.gz", packed(t, trained(t, "red", "blue")))
	h.model("Colours", url)
	h.config("Colours", variantOf("Colours", 1))
	created, err := h.CreateEndpoint(t.Context(), serving.Endpoint{EndpointName: "Colours", EndpointConfigName: "colours", Tags: []serving.Tag{{Key: "team", Value: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	if created.EndpointStatus != serving.Creating || created.ARN != "arn:aws:sagemaker:us-east-1:123456789012:endpoint/colours" {
		t.Errorf("created: %+v", created)
	}
	e := h.await("COLOURS") // names are found in any case
	if e.EndpointStatus != serving.InService || e.EndpointName != "Colours" || len(e.Variants) != 1 || e.Variants[0].Deployed.IsZero() || e.Tags[0].Value != "a" {
		t.Fatalf("in service: %+v", e)
	}
	for _, colour := range []string{"red", "blue"} {
		if got := h.top("Colours", colour); got != "__label__"+colour {
			t.Errorf("top label of %q is %s", colour, got)
		}
	}
	h.logLines("Colours", "Loaded s3://models/job/output/model.tar.gz: 2 labels")

	// What the endpoint was made of may go.
	if err := errors.Join(h.DeleteEndpointConfig(t.Context(), "Colours"), h.DeleteModel(t.Context(), "Colours"),
		h.blobs.Delete(t.Context(), "models", "job/output/model.tar.gz")); err != nil {
		t.Fatal(err)
	}
	if got := h.top("colours", "red"); got != "__label__red" {
		t.Errorf("without model and config: %s", got)
	}
	if err := h.DeleteEndpoint(t.Context(), "Colours"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.invoke("Colours", "application/json", `{"instances": ["red"]}`); !errs.Is(err, errs.Invalid) {
		t.Errorf("a deleted endpoint answers: %v", err)
	}
	h.awaitGone("Colours")
	if left := h.files(); len(left) != 0 {
		t.Errorf("files left: %v", left)
	}
}

func TestCreateRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	url := h.put("model.tar.gz", packed(t, trained(t, "a", "b")))
	h.model("there", url)
	h.config("there", variantOf("there", 1))
	h.create("there", "there")
	model := func(change func(*serving.Model)) error {
		m := serving.Model{ModelName: "new", PrimaryContainer: &serving.Container{Image: image, ModelDataUrl: url}}
		change(&m)
		_, err := h.CreateModel(t.Context(), m)
		return err
	}
	config := func(change func(*serving.EndpointConfig)) error {
		e := serving.EndpointConfig{EndpointConfigName: "new", ProductionVariants: []serving.ProductionVariant{variantOf("there", 1)}}
		change(&e)
		_, err := h.CreateEndpointConfig(t.Context(), e)
		return err
	}
	endpoint := func(name, config string) error {
		_, err := h.CreateEndpoint(t.Context(), serving.Endpoint{EndpointName: name, EndpointConfigName: config})
		return err
	}
	variant := func(change func(*serving.ProductionVariant)) error {
		return config(func(e *serving.EndpointConfig) { change(&e.ProductionVariants[0]) })
	}
	n := func(n int) *int { return &n }
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"model twice":        {model(func(m *serving.Model) { m.ModelName = "There" }), `Cannot create already existing model "arn:aws:sagemaker:us-east-1:123456789012:model/there".`},
		"model without name": {model(func(m *serving.Model) { m.ModelName = "" }), "1 validation error detected: Value null at 'modelName' failed to satisfy constraint: Member must not be null"},
		"model of bad name":  {model(func(m *serving.Model) { m.ModelName = "a_b" }), "1 validation error detected: Value 'a_b' at 'modelName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?"},
		"model of long name": {model(func(m *serving.Model) { m.ModelName = strings.Repeat("a", 64) }), "Member must have length less than or equal to 63"},
		"two faults":         {model(func(m *serving.Model) { m.ModelName = "-"; m.ExecutionRoleArn = "me" }), "2 validation errors detected: "},
		"other image":        {model(func(m *serving.Model) { m.PrimaryContainer.Image = "1.dkr.ecr.us-east-1.amazonaws.com/xgboost:1" }), "cannot run here"},
		"no image":           {model(func(m *serving.Model) { m.PrimaryContainer.Image = "" }), "no Image"},
		"no data":            {model(func(m *serving.Model) { m.PrimaryContainer.ModelDataUrl = "" }), "no ModelDataUrl"},
		"bucket only":        {model(func(m *serving.Model) { m.PrimaryContainer.ModelDataUrl = "s3://models" }), "must be an s3:// address with a bucket and a key"},
		"https":              {model(func(m *serving.Model) { m.PrimaryContainer.ModelDataUrl = "https://models/x" }), "must be an s3:// address with a bucket and a key"},
		"missing object":     {model(func(m *serving.Model) { m.PrimaryContainer.ModelDataUrl = "s3://models/gone" }), "Could not find model data at s3://models/gone."},
		"missing bucket":     {model(func(m *serving.Model) { m.PrimaryContainer.ModelDataUrl = "s3://elsewhere/x" }), "Could not find model data at s3://elsewhere/x."},
		"multi-model":        {model(func(m *serving.Model) { m.PrimaryContainer.Mode = "MultiModel" }), "not offered"},
		"no container":       {model(func(m *serving.Model) { m.PrimaryContainer = nil }), "'primaryContainer' failed to satisfy constraint: Member must not be null"},
		"pipeline":           {model(func(m *serving.Model) { m.Containers = make([]serving.Container, 2); m.PrimaryContainer = nil }), "Inference pipelines are not offered"},
		"config twice":       {config(func(e *serving.EndpointConfig) { e.EndpointConfigName = "there" }), `Cannot create already existing endpoint configuration "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/there".`},
		"no variants":        {config(func(e *serving.EndpointConfig) { e.ProductionVariants = nil }), "'productionVariants' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		"eleven variants":    {config(func(e *serving.EndpointConfig) { e.ProductionVariants = make([]serving.ProductionVariant, 11) }), "Member must have length less than or equal to 10"},
		"same variant twice": {config(func(e *serving.EndpointConfig) {
			e.ProductionVariants = append(e.ProductionVariants, e.ProductionVariants[0])
		}), "Two variants are called"},
		"data capture without anything": {config(func(e *serving.EndpointConfig) { e.DataCaptureConfig = &serving.DataCaptureConfig{} }),
			"3 validation errors detected: Value null at 'dataCaptureConfig.initialSamplingPercentage' failed to satisfy constraint: Member must not be null; Value null at 'dataCaptureConfig.destinationS3Uri'"},
		"data capture of an odd side": {config(func(e *serving.EndpointConfig) {
			e.DataCaptureConfig = &serving.DataCaptureConfig{InitialSamplingPercentage: n(101), DestinationS3Uri: "s3://b/p", CaptureOptions: []serving.CaptureOption{{CaptureMode: "Sideways"}}}
		}), "Member must have value less than or equal to 100; Value 'Sideways' at 'dataCaptureConfig.captureOptions.1.member.captureMode' failed to satisfy constraint: Member must satisfy enum value set: [Input, Output, InputAndOutput]"},
		"async without output": {config(func(e *serving.EndpointConfig) { e.AsyncInferenceConfig = &serving.AsyncInferenceConfig{} }), "'asyncInferenceConfig.outputConfig' failed to satisfy constraint: Member must not be null"},
		"async without path": {config(func(e *serving.EndpointConfig) {
			e.AsyncInferenceConfig = &serving.AsyncInferenceConfig{OutputConfig: &serving.AsyncOutputConfig{}}
		}), "has no S3OutputPath"},
		"async with notifications": {config(func(e *serving.EndpointConfig) {
			e.AsyncInferenceConfig = &serving.AsyncInferenceConfig{OutputConfig: &serving.AsyncOutputConfig{S3OutputPath: "s3://b/p",
				NotificationConfig: &serving.AsyncNotificationConfig{SuccessTopic: "arn:aws:sns:us-east-1:123456789012:t"}}}
		}), "Notifications are not offered"},
		"async over https": {config(func(e *serving.EndpointConfig) {
			e.AsyncInferenceConfig = &serving.AsyncInferenceConfig{OutputConfig: &serving.AsyncOutputConfig{S3OutputPath: "https://b/p"}}
		}), "must be an s3:// address"},
		"two shadows": {config(func(e *serving.EndpointConfig) {
			e.ShadowProductionVariants = []serving.ProductionVariant{variantOf("there", 1), variantOf("there", 1)}
		}), "one production variant and one shadow variant"},
		"shadow of the same name": {config(func(e *serving.EndpointConfig) { e.ShadowProductionVariants = e.ProductionVariants }), "Two variants are called"},
		"missing model":           {variant(func(v *serving.ProductionVariant) { v.ModelName = "gone" }), `Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model/gone".`},
		"local instance":          {variant(func(v *serving.ProductionVariant) { v.InstanceType = "local" }), "Value 'local' at 'productionVariants.1.member.instanceType' failed to satisfy constraint: Member must satisfy enum value set"},
		"negative weight":         {variant(func(v *serving.ProductionVariant) { w := -1.0; v.InitialVariantWeight = &w }), "greater than or equal to 0"},
		"no weight at all":        {variant(func(v *serving.ProductionVariant) { w := 0.0; v.InitialVariantWeight = &w }), "none would get traffic"},
		"odd memory": {variant(func(v *serving.ProductionVariant) {
			v.ServerlessConfig = &serving.ServerlessConfig{MemorySizeInMB: n(1500), MaxConcurrency: n(1)}
		}), "[1024, 2048, 3072, 4096, 5120, 6144]"},
		"serverless and not": {variant(func(v *serving.ProductionVariant) {
			v.ServerlessConfig = &serving.ServerlessConfig{MemorySizeInMB: n(1024), MaxConcurrency: n(1)}
		}), "one or the other"},
		"endpoint twice":        {endpoint("There", "there"), `Cannot create already existing endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/there".`},
		"missing config":        {endpoint("new", "gone"), `Could not find endpoint configuration "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/gone".`},
		"bad endpoint name":     {endpoint("a.b", "there"), "'endpointName'"},
		"delete no endpoint":    {h.DeleteEndpoint(t.Context(), "gone"), `Could not find endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/gone".`},
		"delete no model":       {h.DeleteModel(t.Context(), "gone"), `Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model/gone".`},
		"delete no config":      {h.DeleteEndpointConfig(t.Context(), "gone"), `Could not find endpoint configuration "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/gone".`},
		"too many tags":         {model(func(m *serving.Model) { m.Tags = make([]serving.Tag, 51) }), "'tags'"},
		"instance type missing": {variant(func(v *serving.ProductionVariant) { v.InstanceType = "" }), "needs InstanceType and InitialInstanceCount"},
	} {
		kind, code := errs.KindOf(c.err), errs.CodeOf(c.err)
		if asAWS := kind == errs.Invalid && code == "" || code == "ValidationException"; !asAWS || !strings.Contains(errs.MessageOf(c.err), c.want) {
			t.Errorf("%s: got %v, want %q", name, c.err, c.want)
		}
	}
}

func TestDenied(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("e", h.put("model.bin", trained(t, "a", "b")))
	ctx := t.Context()
	for action, call := range map[string]func() error{
		"CreateModel":            func() error { _, err := h.CreateModel(ctx, serving.Model{}); return err },
		"DescribeModel":          func() error { _, err := h.DescribeModel(ctx, "e"); return err },
		"ListModels":             func() error { _, _, err := h.ListModels(ctx, store.Query{}); return err },
		"DeleteModel":            func() error { return h.DeleteModel(ctx, "e") },
		"CreateEndpointConfig":   func() error { _, err := h.CreateEndpointConfig(ctx, serving.EndpointConfig{}); return err },
		"DescribeEndpointConfig": func() error { _, err := h.DescribeEndpointConfig(ctx, "e"); return err },
		"ListEndpointConfigs":    func() error { _, _, err := h.ListEndpointConfigs(ctx, store.Query{}); return err },
		"DeleteEndpointConfig":   func() error { return h.DeleteEndpointConfig(ctx, "e") },
		"CreateEndpoint":         func() error { _, err := h.CreateEndpoint(ctx, serving.Endpoint{}); return err },
		"DescribeEndpoint":       func() error { _, err := h.DescribeEndpoint(ctx, "e"); return err },
		"ListEndpoints":          func() error { _, _, err := h.ListEndpoints(ctx, store.Query{}); return err },
		"DeleteEndpoint":         func() error { return h.DeleteEndpoint(ctx, "e") },
		"UpdateEndpoint":         func() error { _, err := h.UpdateEndpoint(ctx, serving.UpdateInput{}); return err },
		"UpdateEndpointWeightsAndCapacities": func() error {
			_, err := h.UpdateEndpointWeightsAndCapacities(ctx, "e", nil)
			return err
		},
		"InvokeEndpointAsync": func() error {
			_, known := h.InvokeAsync(ctx, serving.InvokeAsyncInput{Endpoint: "e"})
			_, unknown := h.InvokeAsync(ctx, serving.InvokeAsyncInput{Endpoint: "x"})
			if !errs.Is(unknown, errs.Denied) {
				return fmt.Errorf("an unknown endpoint: %w", unknown)
			}
			return known
		},
		"InvokeEndpoint": func() error {
			_, known := h.invoke("e", "application/json", `{"instances": ["a"]}`)
			_, unknown := h.invoke("x", "application/json", `{"instances": ["a"]}`)
			if !errs.Is(unknown, errs.Denied) {
				return fmt.Errorf("an unknown endpoint: %w", unknown)
			}
			return known
		},
	} {
		h.auth.deny("sagemaker:" + action)
		if err := call(); !errs.Is(err, errs.Denied) {
			t.Errorf("%s without permission: %v", action, err)
		}
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	url := h.put("model.bin", trained(t, "a", "b"))
	for i := range 5 {
		name := fmt.Sprintf("m%d", i)
		h.model(name, url)
		h.config(name, variantOf(name, 1))
		h.create(name, name)
	}
	for i := range 5 {
		h.await(fmt.Sprintf("m%d", i))
	}
	q := store.Query{Order: store.ByName, Limit: 2}
	var names []string
	for {
		page, next, err := h.ListEndpoints(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			names = append(names, e.EndpointName)
		}
		if q.Token = next; next == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "m0 m1 m2 m3 m4" {
		t.Errorf("listed %s", got)
	}
	if left := h.files(); len(left) != 1 {
		t.Errorf("one artifact behind five endpoints is %d files: %v", len(left), left)
	}
	if page, _, err := h.ListModels(t.Context(), store.Query{NameContains: "M3"}); err != nil || len(page) != 1 || page[0].ARN == "" {
		t.Errorf("models called m3: %v, %v", page, err)
	}
	if page, _, err := h.ListEndpointConfigs(t.Context(), store.Query{}); err != nil || len(page) != 5 {
		t.Errorf("configs: %v, %v", page, err)
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	model := trained(t, "red", "blue")
	h.deploy("kept", h.put("kept.tar.gz", packed(t, model)))
	h.deploy("shared", "s3://models/kept.tar.gz")
	h.deploy("lost", h.put("lost.tar.gz", packed(t, trained(t, "one", "two"))))
	broken := h.deploy("broken", h.put("broken.tar.gz", []byte("nothing of use")))
	if broken.EndpointStatus != serving.Failed {
		t.Fatalf("broken is %s", broken.EndpointStatus)
	}
	h.deploy("refetched", h.put("refetched.tar.gz", packed(t, trained(t, "upwards", "down"))))
	digests := map[string]string{}
	for _, name := range []string{"kept", "lost", "refetched"} {
		digests[name] = digestOf(t, h, name)
	}
	h.stop()
	// While the server is down: the object of one goes but not what was unpacked of
	// it; of another both; of a third, what was unpacked is damaged.
	blobs, err := blob.Open(filepath.Join(h.dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"kept.tar.gz", "lost.tar.gz"} {
		if err := blobs.Delete(t.Context(), "models", key); err != nil {
			t.Fatal(err)
		}
	}
	if err := blobs.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(h.dir, "models", digests["lost"])); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "models", digests["refetched"]), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "models", "unpack-17.tmp"), []byte("left behind"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "models", strings.Repeat("0", 64)+".bin"), []byte("wanted by none"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := h.restart(nil)
	for endpoint, text := range map[string]string{"kept": "red", "shared": "blue", "refetched": "down"} {
		if got := again.top(endpoint, text); got != "__label__"+text {
			t.Errorf("after the restart %s says %s", endpoint, got)
		}
	}
	e := again.await("lost")
	if e.EndpointStatus != serving.Failed || !strings.Contains(e.FailureReason, "s3://models/lost.tar.gz") {
		t.Errorf("lost is %s: %s", e.EndpointStatus, e.FailureReason)
	}
	if _, err := again.invoke("lost", "application/json", `{"instances": ["one"]}`); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "Failed") {
		t.Errorf("lost answers: %v", err)
	}
	if left := again.files(); len(left) != 2 {
		t.Errorf("files after the restart: %v", left)
	}
	if err := again.DeleteEndpoint(t.Context(), "broken"); err != nil {
		t.Fatal(err)
	}
	again.awaitGone("broken")
}

// digestOf is the name of an endpoint's unpacked model, found by its record's size.
func digestOf(t *testing.T, h *house, name string) string {
	t.Helper()
	e := h.await(name)
	for _, f := range h.files() {
		info, err := os.Stat(filepath.Join(h.dir, "models", f))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() == e.Variants[0].ModelBytes {
			return f
		}
	}
	t.Fatalf("no file of %d bytes for %s", e.Variants[0].ModelBytes, name)
	return ""
}

// TestAcknowledgedThenKilled stands for a kill -9 right after CreateEndpoint (and
// DeleteEndpoint) answered: the record is there, and nobody has worked on it.
func TestAcknowledgedThenKilled(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	url := h.put("model.bin", trained(t, "a", "b"))
	h.deploy("old", url)
	h.stop()
	idle := openIdle(t, h.dir)
	idle.create("new", "old")
	if err := idle.DeleteEndpoint(t.Context(), "old"); err != nil {
		t.Fatal(err)
	}
	idle.stop()
	again := h.restart(nil)
	if e := again.await("new"); e.EndpointStatus != serving.InService {
		t.Errorf("new is %s: %s", e.EndpointStatus, e.FailureReason)
	}
	again.awaitGone("old")
}

// openIdle opens a service that does not run.
func openIdle(t *testing.T, dir string) *house {
	t.Helper()
	h := openHouse(t, dir, nil)
	h.stop()
	db, err := store.Open(t.Context(), filepath.Join(dir, "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	opt := h.options()
	opt.DB = db
	if h.Service, err = serving.New(opt); err != nil {
		t.Fatal(err)
	}
	h.db, h.stop = db, sync.OnceFunc(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.stop)
	return h
}

// TestConcurrency invokes endpoints while others, and the same, come and go. The
// race detector watches; no invocation of the one that stays may fail.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("stays", h.put("stays.bin", trained(t, "a", "b")))
	h.model("comes", h.put("comes.tar.gz", packed(t, trained(t, "c", "d"))))
	h.config("comes", variantOf("comes", 1))
	done := make(chan struct{})
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if got := h.top("stays", "a"); got != "__label__a" {
					t.Errorf("stays says %s", got)
				}
				answer, err := h.invoke("comes", "application/json", `{"instances": ["c"]}`)
				if err == nil && !strings.Contains(answer, "__label__c") {
					t.Errorf("comes says %s", answer)
				} else if err != nil && errs.CodeOf(err) != "ValidationError" {
					t.Errorf("comes: %v", err)
				}
			}
		})
	}
	for i := range 25 {
		h.create("comes", "comes")
		if i%5 != 0 { // else it is deleted while it is being created
			if e := h.await("comes"); e.EndpointStatus != serving.InService {
				t.Fatalf("comes is %s: %s", e.EndpointStatus, e.FailureReason)
			}
			time.Sleep(time.Millisecond)
		}
		if err := h.DeleteEndpoint(t.Context(), "comes"); err != nil {
			t.Fatal(err)
		}
		h.awaitGone("comes")
	}
	close(done)
	callers.Wait()
	if left := h.files(); len(left) != 1 {
		t.Errorf("files left: %v", left)
	}
}
