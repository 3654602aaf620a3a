package training_test

import (
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/training"
)

// mustRole makes a role that SageMaker may assume, with one policy.
func (h *house) mustRole(name, document string) string {
	h.t.Helper()
	r, err := h.access.CreateRole(h.ctx, iam.NewRole{Name: name, MaxSession: time.Hour, TrustPolicy: `{"Version":"2012-10-17","Statement":{"Effect":"Allow",
		"Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}}`})
	if err != nil {
		h.t.Fatal(err)
	}
	h.allow(iam.Entity{Kind: iam.RoleEntity, Name: name}, document)
	return r.ARN
}

func (h *house) allow(e iam.Entity, statements string) {
	h.t.Helper()
	if err := h.access.PutInlinePolicy(h.ctx, e, "p", `{"Version":"2012-10-17","Statement":[`+statements+`]}`); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) dropRole(name string) {
	h.t.Helper()
	if err := h.access.DeleteInlinePolicy(h.ctx, iam.Entity{Kind: iam.RoleEntity, Name: name}, "p"); err != nil {
		h.t.Fatal(err)
	}
	if err := h.access.DeleteRole(h.ctx, name); err != nil {
		h.t.Fatal(err)
	}
}

const (
	readTrain   = `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::data/train*"},{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::data","Condition":{"StringLike":{"s3:prefix":"train*"}}}`
	writeOutput = `{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::data/output/*"}`
)

func withRole(s training.Spec, role string) training.Spec {
	s.RoleArn = role
	return s
}

// What a job does with buckets is authorised for its role, not for its creator.
func TestRoleMustReachTheData(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(10, 1))
	for name, c := range map[string]struct{ policy, want string }{
		"no-list":  {`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::data/*"}`, `has "s3:ListBucket" permissions on bucket "data". Error message from S3: `},
		"no-write": {readTrain, "may not write the model to"},
	} {
		_, err := h.Create(h.ctx, withRole(spec(name), h.mustRole(name, c.policy)))
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.run(h.Service)
	h.create(withRole(spec("no-read"), h.mustRole("no-read", writeOutput+`,{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}`)))
	if job := h.waitDone("no-read"); !strings.Contains(job.FailureReason, "may not read s3://data/train") || !strings.Contains(job.FailureReason, "Allow it s3:GetObject there.") {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
	h.create(withRole(spec("just-enough"), h.mustRole("just-enough", readTrain+","+writeOutput)))
	if job := h.waitDone("just-enough"); job.TrainingJobStatus != training.Completed {
		t.Errorf("%s: %s", job.TrainingJobStatus, job.FailureReason)
	}
}

func TestRoleMustExist(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(10, 1))
	_, err := h.Create(h.ctx, withRole(spec("job"), role+"x"))
	const want = "Could not assume role " + role + "x. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role."
	if errs.CodeOf(err) != "ValidationException" || errs.MessageOf(err) != want {
		t.Errorf("%v", err)
	}
}

func TestCreatorMustBeAllowedToPassTheRole(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(10, 1))
	maker := h.mustRole("maker", `{"Effect":"Allow","Action":"sagemaker:*","Resource":"*"}`)
	ctx, err := h.access.ForService("sagemaker.amazonaws.com", "maker").Assume(t.Context(), maker, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Create(ctx, spec("job")); !errs.Is(err, errs.Denied) || !strings.Contains(err.Error(), "not authorized to perform: iam:PassRole on resource: "+role) {
		t.Errorf("%v", err)
	}
	h.allow(iam.Entity{Kind: iam.RoleEntity, Name: "maker"}, `{"Effect":"Allow","Action":"sagemaker:*","Resource":"*"},
		{"Effect":"Allow","Action":"iam:PassRole","Resource":"`+role+`","Condition":{"StringEquals":{"iam:PassedToService":"sagemaker.amazonaws.com"}}}`)
	if _, err := h.Create(ctx, spec("job")); err != nil {
		t.Error(err)
	}
}

func TestDeletedRoleEndsTheJob(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *training.Options) { o.LeaseTTL = time.Second })
	h.put("train", text(2000, 1))
	arn := h.mustRole("gone", readTrain+","+writeOutput)
	h.create(withRole(spec("waits"), arn))
	h.dropRole("gone")
	h.run(h.Service)
	const want = "ClientError: Could not assume role arn:aws:iam::000000000000:role/gone."
	if job := h.waitDone("waits"); job.TrainingJobStatus != training.Failed || !strings.HasPrefix(job.FailureReason, want) {
		t.Errorf("a job that had not begun: %s: %s", job.TrainingJobStatus, job.FailureReason)
	}
	arn = h.mustRole("gone", readTrain+","+writeOutput)
	h.create(withRole(spec("runs", "epochs", "1000000"), arn))
	h.wait("runs", "training", func(j training.Job) bool { return j.SecondaryStatus == training.Training })
	h.dropRole("gone")
	job := h.waitDone("runs")
	if job.TrainingJobStatus != training.Failed || !strings.HasPrefix(job.FailureReason, want) {
		t.Errorf("a job under way: %s: %s", job.TrainingJobStatus, job.FailureReason)
	}
	if log := h.logOf(job); !strings.Contains(log, "Could not assume role") {
		t.Errorf("its log does not say why:\n%s", log)
	}
}
