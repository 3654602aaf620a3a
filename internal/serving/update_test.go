package serving_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/serving"
)

func ptr[T any](v T) *T { return &v }

// alarms is an alarm service of which tests set the states.
type alarms struct {
	mu     sync.Mutex
	states map[string]string
}

func (a *alarms) AlarmState(_ context.Context, name string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state, ok := a.states[name]; ok {
		return state, nil
	}
	return "", errs.New(errs.NotFound, "", "no alarm %s", name)
}

func (a *alarms) set(name, state string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.states[name] = state
}

// colours is a house with two models and a config of each, called red and blue:
// the endpoint e serves red, and each model knows its own name as a label alone.
func colours(t *testing.T, change func(*serving.Options)) *house {
	t.Helper()
	h := openHouse(t, t.TempDir(), change)
	if err := h.blobs.CreateBucket(t.Context(), "models", "us-east-1"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"red", "blue"} {
		h.model(name, h.put(name+".tar.gz", packed(t, trained(t, name, "other"))))
		h.config(name, serving.ProductionVariant{VariantName: "AllTraffic", ModelName: name, InitialInstanceCount: ptr(2), InstanceType: "ml.m5.large"})
	}
	h.create("e", "red")
	if e := h.await("e"); e.EndpointStatus != serving.InService {
		t.Fatalf("e is %s: %s", e.EndpointStatus, e.FailureReason)
	}
	return h
}

// serves says which of the models answers.
func (h *house) serves(name string) string {
	h.t.Helper()
	return strings.TrimPrefix(h.top(name, "red blue"), "__label__")
}

func (h *house) update(config string, how *serving.DeploymentConfig) {
	h.t.Helper()
	e, err := h.UpdateEndpoint(h.t.Context(), serving.UpdateInput{EndpointName: "e", EndpointConfigName: config, DeploymentConfig: how})
	if err != nil {
		h.t.Fatal(err)
	}
	if e.EndpointStatus != serving.Updating || e.Pending == nil || e.Pending.EndpointConfigName != config {
		h.t.Fatalf("after UpdateEndpoint: %+v", e)
	}
}

func blueGreen(kind string, wait int, size *serving.CapacitySize) *serving.DeploymentConfig {
	t := &serving.TrafficRoutingConfig{Type: kind, WaitIntervalInSeconds: &wait}
	switch kind {
	case "CANARY":
		t.CanarySize = size
	case "LINEAR":
		t.LinearStepSize = size
	}
	return &serving.DeploymentConfig{BlueGreenUpdatePolicy: &serving.BlueGreenUpdatePolicy{TrafficRoutingConfiguration: t}}
}

// TestUpdateUnderLoad swaps the model twenty times, in every way there is, while
// callers ask without a pause. None of them may fail.
func TestUpdateUnderLoad(t *testing.T) {
	t.Parallel()
	h := colours(t, nil)
	done := make(chan struct{})
	var callers sync.WaitGroup
	var asked, failed atomic.Int64
	for range 4 {
		callers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				asked.Add(1)
				out, err := h.Invoke(t.Context(), serving.InvokeInput{Endpoint: "e", Variant: "AllTraffic", ContentType: asJSON, Body: []byte(`{"instances": ["red blue"]}`)})
				if err != nil || !strings.Contains(string(out.Body), "__label__") {
					failed.Add(1)
					t.Errorf("answer %s, error %v", out.Body, err)
					return
				}
			}
		})
	}
	ways := []*serving.DeploymentConfig{
		nil,
		blueGreen("ALL_AT_ONCE", 0, nil),
		blueGreen("CANARY", 0, &serving.CapacitySize{Type: "INSTANCE_COUNT", Value: 1}),
		blueGreen("LINEAR", 0, &serving.CapacitySize{Type: "CAPACITY_PERCENT", Value: 20}),
		{RollingUpdatePolicy: &serving.RollingUpdatePolicy{MaximumBatchSize: &serving.CapacitySize{Type: "CAPACITY_PERCENT", Value: 50}, WaitIntervalInSeconds: ptr(0)}},
	}
	for i := range 20 {
		config := []string{"blue", "red"}[i%2]
		before := asked.Load()
		h.update(config, ways[i%len(ways)])
		e := h.await("e")
		if e.EndpointStatus != serving.InService || e.EndpointConfigName != config || e.FailureReason != "" || e.Pending != nil {
			t.Fatalf("update %d: %+v", i, e)
		}
		if got := h.serves("e"); got != config {
			t.Fatalf("after update %d to %s, %s answers", i, config, got)
		}
		for asked.Load() == before && failed.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	close(done)
	callers.Wait()
	h.waitFiles(1)
}

func TestUpdateRollsBack(t *testing.T) {
	t.Parallel()
	watch := &alarms{states: map[string]string{"calm": serving.AlarmOK, "loud": serving.AlarmInAlarm, "later": serving.AlarmInsufficientData}}
	h := colours(t, func(o *serving.Options) { o.Alarms, o.AlarmPause = watch, time.Millisecond })
	h.model("broken", h.put("broken.tar.gz", []byte("nothing of use")))
	h.config("broken", variantOf("broken", 1))
	with := func(alarm string, wait int) *serving.DeploymentConfig {
		d := blueGreen("CANARY", wait, &serving.CapacitySize{Type: "CAPACITY_PERCENT", Value: 50})
		d.AutoRollbackConfiguration = &serving.AutoRollbackConfiguration{Alarms: []serving.Alarm{{AlarmName: alarm}}}
		return d
	}

	h.update("broken", nil)
	if e := h.await("e"); e.EndpointStatus != serving.InService || e.EndpointConfigName != "red" ||
		!strings.Contains(e.FailureReason, "rolled back") || !strings.Contains(e.FailureReason, "s3://models/broken.tar.gz") {
		t.Errorf("after a model that does not load: %+v", e)
	}
	h.update("blue", with("loud", 0))
	if e := h.await("e"); e.EndpointConfigName != "red" || !strings.Contains(e.FailureReason, "loud") {
		t.Errorf("after an alarm before the first step: %+v", e)
	}
	h.update("blue", with("later", 3600))
	for until := time.Now().Add(10 * time.Second); h.serves("e") != "blue"; { // the canary answers some requests
		if time.Now().After(until) {
			t.Fatal("the canary got no traffic")
		}
	}
	if e, err := h.DescribeEndpoint(t.Context(), "e"); err != nil || e.EndpointStatus != serving.Updating || e.Pending == nil || len(e.Pending.Variants) != 1 {
		t.Errorf("while the canary bakes: %+v, %v", e, err)
	}
	if _, err := h.UpdateEndpoint(t.Context(), serving.UpdateInput{EndpointName: "e", EndpointConfigName: "blue"}); err == nil || !strings.Contains(err.Error(), "Cannot update in-progress endpoint") {
		t.Errorf("a second update: %v", err)
	}
	watch.set("later", serving.AlarmInAlarm)
	if e := h.await("e"); e.EndpointStatus != serving.InService || e.EndpointConfigName != "red" || !strings.Contains(e.FailureReason, "later went off") {
		t.Errorf("after an alarm in the middle: %+v", e)
	}
	for range 50 {
		if got := h.serves("e"); got != "red" {
			t.Fatalf("after the way back %s answers", got)
		}
	}
	h.update("blue", with("calm", 0))
	if e := h.await("e"); e.EndpointConfigName != "blue" || e.FailureReason != "" || e.DeploymentConfig == nil {
		t.Errorf("with a calm alarm: %+v", e)
	}
	_, err := h.UpdateEndpoint(t.Context(), serving.UpdateInput{EndpointName: "e", EndpointConfigName: "red", DeploymentConfig: with("none", 0)})
	if err == nil || !strings.Contains(err.Error(), `"none", which does not exist`) {
		t.Errorf("an alarm that does not exist: %v", err)
	}
}

// TestUpdateSurvives stops the server in the middle of an update: what served
// answers on, and the update goes on where it was.
func TestUpdateSurvives(t *testing.T) {
	t.Parallel()
	h := colours(t, nil)
	h.update("blue", blueGreen("CANARY", 3, &serving.CapacitySize{Type: "INSTANCE_COUNT", Value: 1}))
	for h.serves("e") != "blue" {
		time.Sleep(time.Millisecond)
	}
	again := h.restart(nil)
	e, err := again.DescribeEndpoint(t.Context(), "e")
	if err != nil || e.EndpointStatus != serving.Updating {
		t.Fatalf("after the restart: %+v, %v", e, err)
	}
	seen := map[string]bool{}
	for until := time.Now().Add(10 * time.Second); len(seen) < 2 && time.Now().Before(until); {
		seen[again.serves("e")] = true
	}
	if len(seen) != 2 {
		t.Errorf("after the restart only %v answers", seen)
	}
	if e := again.await("e"); e.EndpointStatus != serving.InService || e.EndpointConfigName != "blue" {
		t.Fatalf("in the end: %+v", e)
	}
	if got := again.serves("e"); got != "blue" {
		t.Errorf("in the end %s answers", got)
	}
}

// TestUpdateRollbackFails loses what served before while the server is down, in
// the middle of an update that fails as well.
func TestUpdateRollbackFails(t *testing.T) {
	t.Parallel()
	h := colours(t, nil)
	h.stop()
	idle := openIdle(t, h.dir)
	idle.update("blue", nil)
	idle.stop()
	blobs, err := blob.Open(filepath.Join(h.dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"red.tar.gz", "blue.tar.gz"} {
		if err := blobs.Delete(t.Context(), "models", key); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(blobs.Close(), os.RemoveAll(filepath.Join(h.dir, "models"))); err != nil {
		t.Fatal(err)
	}
	again := h.restart(nil)
	e := again.await("e")
	if e.EndpointStatus != serving.UpdateRollbackFailed || !strings.Contains(e.FailureReason, "red.tar.gz") || !strings.Contains(e.FailureReason, "blue.tar.gz") {
		t.Fatalf("without either model: %+v", e)
	}
	if _, err := again.invoke("e", asJSON, `{"instances": ["red"]}`); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "UpdateRollbackFailed") {
		t.Errorf("invoked: %v", err)
	}
	// A config whose model is there brings it back, even after another restart.
	again = again.restart(nil)
	again.put("blue.tar.gz", packed(t, trained(t, "blue", "other")))
	again.update("blue", nil)
	if e := again.await("e"); e.EndpointStatus != serving.InService || e.FailureReason != "" || again.serves("e") != "blue" {
		t.Errorf("brought back: %+v", e)
	}
}

func TestDeleteWhileUpdating(t *testing.T) {
	t.Parallel()
	h := colours(t, nil)
	h.update("blue", blueGreen("CANARY", 3600, &serving.CapacitySize{Type: "INSTANCE_COUNT", Value: 1}))
	for h.serves("e") != "blue" {
		time.Sleep(time.Millisecond)
	}
	if err := h.DeleteEndpoint(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	h.awaitGone("e")
	h.waitFiles(0)
}

func TestWeights(t *testing.T) {
	t.Parallel()
	h := colours(t, nil)
	h.config("both", variantOf("red", 1), serving.ProductionVariant{VariantName: "blue", ModelName: "blue",
		ServerlessConfig: &serving.ServerlessConfig{MemorySizeInMB: ptr(1024), MaxConcurrency: ptr(5)}, InitialVariantWeight: ptr(0.0)})
	h.update("both", nil)
	h.await("e")
	change := func(want string, w ...serving.VariantWeight) {
		t.Helper()
		e, err := h.UpdateEndpointWeightsAndCapacities(t.Context(), "e", w)
		if err != nil {
			t.Fatal(err)
		}
		if e.EndpointStatus != serving.Updating || e.Pending != nil {
			t.Errorf("after the call: %+v", e)
		}
		h.await("e")
		for range 30 {
			if got := h.serves("e"); got != want {
				t.Fatalf("%s answers, want %s", got, want)
			}
		}
	}
	for range 30 {
		if got := h.serves("e"); got != "red" {
			t.Fatalf("%s answers with a weight of 0", got)
		}
	}
	change("blue", serving.VariantWeight{VariantName: "red", DesiredWeight: ptr(0.0), DesiredInstanceCount: ptr(7)},
		serving.VariantWeight{VariantName: "Blue", DesiredWeight: ptr(2.5), ServerlessUpdateConfig: &serving.ServerlessUpdateConfig{MaxConcurrency: ptr(9)}})
	e := h.await("e")
	if red, blue := e.Variants[0], e.Variants[1]; red.Weight() != 0 || *red.InitialInstanceCount != 7 || blue.Weight() != 2.5 || *blue.ServerlessConfig.MaxConcurrency != 9 {
		t.Errorf("described: %+v, %+v", red, blue)
	}
	for _, kept := range []bool{false, true} { // another config, with the variants' properties or its own
		_, err := h.UpdateEndpoint(t.Context(), serving.UpdateInput{EndpointName: "e", EndpointConfigName: "both", RetainAllVariantProperties: kept,
			ExcludeRetainedVariantProperties: []serving.VariantProperty{{VariantPropertyType: "DesiredInstanceCount"}}})
		if err != nil {
			t.Fatal(err)
		}
		e := h.await("e")
		if want := map[bool]float64{false: 1, true: 0}[kept]; e.Variants[0].Weight() != want || *e.Variants[0].InitialInstanceCount != 1 {
			t.Errorf("properties kept %v: %+v", kept, e.Variants[0])
		}
		change("blue", serving.VariantWeight{VariantName: "red", DesiredWeight: ptr(0.0)}, serving.VariantWeight{VariantName: "blue", DesiredWeight: ptr(1.0)})
	}
	again := h.restart(nil)
	if got := again.serves("e"); got != "blue" {
		t.Errorf("after a restart %s answers", got)
	}
}

func TestUpdateRefusals(t *testing.T) {
	t.Parallel()
	h := colours(t, nil)
	update := func(change func(*serving.UpdateInput)) error {
		in := serving.UpdateInput{EndpointName: "e", EndpointConfigName: "blue"}
		change(&in)
		_, err := h.UpdateEndpoint(t.Context(), in)
		return err
	}
	how := func(d *serving.DeploymentConfig) error {
		return update(func(in *serving.UpdateInput) { in.DeploymentConfig = d })
	}
	weigh := func(w ...serving.VariantWeight) error {
		_, err := h.UpdateEndpointWeightsAndCapacities(t.Context(), "e", w)
		return err
	}
	size := func(n int) *serving.CapacitySize { return &serving.CapacitySize{Type: "CAPACITY_PERCENT", Value: n} }
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"missing endpoint": {update(func(in *serving.UpdateInput) { in.EndpointName = "gone" }), `Could not find endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/gone".`},
		"missing config":   {update(func(in *serving.UpdateInput) { in.EndpointConfigName = "gone" }), `Could not find endpoint configuration`},
		"bad property": {update(func(in *serving.UpdateInput) {
			in.ExcludeRetainedVariantProperties = []serving.VariantProperty{{VariantPropertyType: "Name"}}
		}), "[DesiredInstanceCount, DesiredWeight, DataCaptureConfig]"},
		"no routing":   {how(&serving.DeploymentConfig{BlueGreenUpdatePolicy: &serving.BlueGreenUpdatePolicy{}}), "'deploymentConfig.blueGreenUpdatePolicy.trafficRoutingConfiguration' failed to satisfy constraint: Member must not be null"},
		"odd routing":  {how(blueGreen("SIDEWAYS", 0, nil)), "[ALL_AT_ONCE, CANARY, LINEAR]"},
		"long wait":    {how(blueGreen("ALL_AT_ONCE", 3601, nil)), "less than or equal to 3600"},
		"no canary":    {how(blueGreen("CANARY", 0, nil)), "needs a CanarySize"},
		"great canary": {how(blueGreen("CANARY", 0, size(51))), "at most 50 percent"},
		"small step":   {how(blueGreen("LINEAR", 0, size(9))), "from 10 to 50 percent"},
		"no alarms here": {how(&serving.DeploymentConfig{AutoRollbackConfiguration: &serving.AutoRollbackConfiguration{Alarms: []serving.Alarm{{AlarmName: "a"}}}}),
			"this server has no alarms"},
		"no weights":     {weigh(), "'desiredWeightsAndCapacities' failed to satisfy constraint"},
		"other variant":  {weigh(serving.VariantWeight{VariantName: "x"}), `no variant called "x"`},
		"weights of 0":   {weigh(serving.VariantWeight{VariantName: "AllTraffic", DesiredWeight: ptr(0.0)}), "none would get traffic"},
		"not serverless": {weigh(serving.VariantWeight{VariantName: "AllTraffic", ServerlessUpdateConfig: &serving.ServerlessUpdateConfig{}}), "not serverless"},
	} {
		kind, code := errs.KindOf(c.err), errs.CodeOf(c.err)
		if asAWS := kind == errs.Invalid && code == "" || code == "ValidationException"; !asAWS || !strings.Contains(errs.MessageOf(c.err), c.want) {
			t.Errorf("%s: got %v, want %q", name, c.err, c.want)
		}
	}
	if e := h.await("e"); e.EndpointStatus != serving.InService || e.EndpointConfigName != "red" {
		t.Errorf("after nothing but refusals: %+v", e)
	}
}

func TestShadow(t *testing.T) {
	t.Parallel()
	h := colours(t, nil)
	_, err := h.CreateEndpointConfig(t.Context(), serving.EndpointConfig{EndpointConfigName: "shadowed",
		ProductionVariants:       []serving.ProductionVariant{variantOf("red", 2)},
		ShadowProductionVariants: []serving.ProductionVariant{variantOf("blue", 2)}})
	if err != nil {
		t.Fatal(err)
	}
	h.update("shadowed", nil)
	if e := h.await("e"); len(e.ShadowVariants) != 1 || e.ShadowVariants[0].Deployed.IsZero() {
		t.Fatalf("shadowed: %+v", e)
	}
	const n = 40
	for range n {
		if got := h.serves("e"); got != "red" {
			t.Fatalf("%s answers, not the production variant", got)
		}
	}
	if _, err := h.Invoke(t.Context(), serving.InvokeInput{Endpoint: "e", Variant: "blue", ContentType: asJSON, Body: []byte(`{"instances": ["red"]}`)}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a shadow variant as target: %v", err)
	}
	h.awaitMetric(`heliograph_invocations_total{endpoint="e",result="ok",variant="red"} ` + fmt.Sprint(n))
	h.awaitMetric(`heliograph_invocations_total{endpoint="e",result="ok",variant="blue"} ` + fmt.Sprint(n))
	// What the shadow refuses is no failure of the request.
	if _, err := h.UpdateEndpointWeightsAndCapacities(t.Context(), "e", []serving.VariantWeight{{VariantName: "blue", DesiredWeight: ptr(0.0)}}); err != nil {
		t.Fatal(err)
	}
	h.await("e")
	h.serves("e")
	h.awaitMetric(`heliograph_invocations_total{endpoint="e",result="ok",variant="red"} ` + fmt.Sprint(n+1))
	h.awaitMetric(`heliograph_invocations_total{endpoint="e",result="ok",variant="blue"} ` + fmt.Sprint(n))
}
