package serving_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/serving"
)

// roles notes which roles are handed on and assumed, and forgets one on demand.
type roles struct {
	mu             sync.Mutex
	gone           string
	passes, assume []string
}

func (r *roles) Pass(_ context.Context, role, source string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passes = append(r.passes, role+" to "+source)
	return nil
}

func (r *roles) Assume(ctx context.Context, role, source string) (context.Context, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if role == r.gone {
		return ctx, errs.New(errs.Invalid, "ValidationException", "Could not assume role %s.", role)
	}
	r.assume = append(r.assume, role+" for "+source)
	return ctx, nil
}

func (r *roles) lose(role string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = role
}

func TestModelsActAsTheirRole(t *testing.T) {
	t.Parallel()
	const fallback, own = "arn:aws:iam::123456789012:role/Default", "arn:aws:iam::123456789012:role/Own"
	known := &roles{}
	h := openHouse(t, t.TempDir(), func(o *serving.Options) { o.Roles, o.DefaultRole = known, fallback })
	if err := h.blobs.CreateBucket(t.Context(), "models", "us-east-1"); err != nil {
		t.Fatal(err)
	}
	url := h.put("m.tar.gz", packed(t, trained(t, "red")))
	create := func(name, role string) error {
		_, err := h.CreateModel(t.Context(), serving.Model{ModelName: name, ExecutionRoleArn: role, PrimaryContainer: &serving.Container{Image: image, ModelDataUrl: url}})
		return err
	}
	for name, role := range map[string]string{"own": own, "none": ""} {
		if err := create(name, role); err != nil {
			t.Fatal(err)
		}
	}
	asked := strings.Join(known.passes, "\n") + strings.Join(known.assume, "\n")
	for _, want := range []string{
		own + " to arn:aws:sagemaker:us-east-1:123456789012:model/own", own + " for arn:aws:sagemaker:us-east-1:123456789012:model/own",
		fallback + " to arn:aws:sagemaker:us-east-1:123456789012:model/none", fallback + " for arn:aws:sagemaker:us-east-1:123456789012:model/none",
	} {
		if !strings.Contains(asked, want) {
			t.Errorf("nobody asked for %s in\n%s", want, asked)
		}
	}
	h.config("c", variantOf("own", 1))
	h.create("e", "c")
	if e := h.await("e"); e.EndpointStatus != serving.InService {
		t.Fatalf("%s: %s", e.EndpointStatus, e.FailureReason)
	}
	known.lose(own)
	if err := create("late", own); errs.CodeOf(err) != "ValidationException" || !strings.Contains(err.Error(), `Please ensure that the role "`+own+`" exists`) {
		t.Errorf("a model of a role that is gone: %v", err)
	}
	h.create("late", "c")
	if e := h.await("late"); e.EndpointStatus != serving.Failed || !strings.Contains(e.FailureReason, "Could not access model data at "+url) {
		t.Errorf("an endpoint of a role that is gone: %s: %s", e.EndpointStatus, e.FailureReason)
	}
	// What is in service comes back without its role.
	h = h.restart(func(o *serving.Options) { o.Roles, o.DefaultRole = known, fallback })
	if e := h.await("e"); e.EndpointStatus != serving.InService {
		t.Errorf("after a restart: %s: %s", e.EndpointStatus, e.FailureReason)
	}
	if got := h.top("e", "red"); got != "__label__red" {
		t.Errorf("it answers %s", got)
	}
}

func TestModelsNeedTheRightToTheirRole(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	url := h.put("m", []byte("m"))
	h.auth.deny("iam:PassRole")
	model := serving.Model{ModelName: "m", PrimaryContainer: &serving.Container{Image: image, ModelDataUrl: url}}
	if _, err := h.CreateModel(t.Context(), model); !errs.Is(err, errs.Denied) {
		t.Errorf("a model without a role: %v", err)
	}
	model.ExecutionRoleArn = "arn:aws:iam::123456789012:role/SageMakerRole"
	if _, err := h.CreateModel(t.Context(), model); !errs.Is(err, errs.Denied) {
		t.Errorf("a model: %v", err)
	}
	h.auth.deny("s3:GetObject")
	if _, err := h.CreateModel(t.Context(), model); errs.CodeOf(err) != "ValidationException" || !strings.Contains(err.Error(), "Could not access model data at "+url) {
		t.Errorf("a model that its role can't read: %v", err)
	}
	h.auth.deny("none")
	h.model("m", url)
	h.auth.deny("iam:PassRole")
	_, err := h.CreateEndpointConfig(t.Context(), serving.EndpointConfig{EndpointConfigName: "c", ExecutionRoleArn: model.ExecutionRoleArn,
		ProductionVariants: []serving.ProductionVariant{variantOf("m", 1)}})
	if !errs.Is(err, errs.Denied) {
		t.Errorf("an endpoint config: %v", err)
	}
}
