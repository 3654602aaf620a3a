package iam

import (
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
)

const sageMaker = "sagemaker.amazonaws.com"

// trusting is a trust policy for SageMaker under a condition.
func trusting(condition string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{` + condition + `}}}`
}

func TestPassRole(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	const job = "arn:aws:sagemaker:us-east-1:000000000000:training-job/j"
	role := h.mustRole(t, "train", trusting(""), "")
	lambda := h.mustRole(t, "lambda", strings.ReplaceAll(trusting(""), "sagemaker", "lambda"), "")
	mine := h.mustRole(t, "mine", trusting(`"StringEquals":{"aws:SourceAccount":"000000000000"},"ArnLike":{"aws:SourceArn":"arn:aws:sagemaker:*:000000000000:training-job/*"}`), "")
	others := h.mustRole(t, "others", trusting(`"ArnLike":{"aws:SourceArn":"arn:aws:sagemaker:*:111111111111:*"}`), "")
	passes := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{` + condition + `}}}`
	}
	any := h.mustUser(t, "any", passes(""))
	const cannotAssume = "Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role."
	for name, c := range map[string]struct {
		who  Credentials
		role string
		want string // part of the error's message; "" for none
	}{
		"may":                           {any, role, ""},
		"may pass it to SageMaker":      {h.mustUser(t, "to", passes(`"StringEquals":{"iam:PassedToService":"sagemaker.amazonaws.com"}`)), role, ""},
		"may pass it to Lambda":         {h.mustUser(t, "lam", passes(`"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}`)), role, "not authorized to perform: iam:PassRole on resource: " + role},
		"may pass it to training jobs":  {h.mustUser(t, "jobs", passes(`"ArnLike":{"iam:AssociatedResourceArn":"arn:aws:sagemaker:*:*:training-job/*"}`)), role, ""},
		"may pass it to models":         {h.mustUser(t, "models", passes(`"ArnLike":{"iam:AssociatedResourceArn":"arn:aws:sagemaker:*:*:model/*"}`)), role, "not authorized"},
		"may not":                       {h.mustUser(t, "none", ""), role, "not authorized"},
		"may not, whatever it is":       {h.mustUser(t, "none2", ""), role + "x", "not authorized"},
		"a role that trusts another":    {any, lambda, cannotAssume},
		"a role that does not exist":    {any, role + "x", cannotAssume},
		"a role under another path":     {any, strings.Replace(role, "role/", "role/x/", 1), cannotAssume},
		"a role of another account":     {any, strings.Replace(role, "000000000000", "111111111111", 1), "Cross-account pass role is not allowed."},
		"no role at all":                {any, "train", cannotAssume},
		"a role that trusts this job":   {any, mine, ""},
		"a role that trusts other jobs": {any, others, cannotAssume},
		"a role that exists by itself":  {any, h.RoleARN(ExecutionRole), ""},
		"the function's role, to a job": {any, h.RoleARN(FunctionRole), cannotAssume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := h.ForService(sageMaker, "SageMaker").Pass(h.as(t, c.who), c.role, job)
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(errs.MessageOf(err), c.want) || errs.KindOf(err) != errs.Denied && errs.CodeOf(err) != "ValidationException") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestActingRoleIsLive holds on to the context of a role, as a long job does.
func TestActingRoleIsLive(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	role := h.mustRole(t, "train", trusting(""), allowing(`"s3:GetObject"`, `"arn:aws:s3:::data/train/*"`))
	ctx := h.acting(t, sageMaker, role)
	if p, _ := PrincipalOf(ctx); p.ARN != "arn:aws:sts::000000000000:assumed-role/train/test" {
		t.Errorf("got %+v", p)
	}
	h.may(t, ctx, "s3:GetObject", "arn:aws:s3:::data/train/a", true)
	h.may(t, ctx, "s3:GetObject", "arn:aws:s3:::data/other/a", false)
	h.may(t, ctx, "s3:PutObject", "arn:aws:s3:::data/train/a", false)
	h.mustPut(t, Entity{RoleEntity, "train"}, allowing(`"s3:PutObject"`, `"*"`))
	h.may(t, ctx, "s3:GetObject", "arn:aws:s3:::data/train/a", false)
	h.may(t, ctx, "s3:PutObject", "arn:aws:s3:::data/train/a", true)
	remove := func() {
		t.Helper()
		if err := h.DeleteInlinePolicy(h.root(t), Entity{RoleEntity, "train"}, "p"); err != nil {
			t.Fatal(err)
		}
		if err := h.DeleteRole(h.root(t), "train"); err != nil {
			t.Fatal(err)
		}
	}
	remove()
	h.may(t, ctx, "s3:PutObject", "arn:aws:s3:::data/train/a", false)
	if _, err := h.ForService(sageMaker, "test").Assume(t.Context(), role, ""); !errs.Is(err, errs.Invalid) {
		t.Errorf("a deleted role: %v", err)
	}
	h.mustRole(t, "train", trusting(""), allowing(`"s3:*"`, `"*"`))
	h.may(t, ctx, "s3:PutObject", "arn:aws:s3:::data/train/a", false) // another role of the name
	if err := h.UpdateTrustPolicy(h.root(t), "train", trustAccount); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ForService(sageMaker, "test").Assume(t.Context(), role, ""); !errs.Is(err, errs.Invalid) {
		t.Errorf("a role that trusts the service no more: %v", err)
	}
}

// BenchmarkFunctionAsks is what a function's call of an endpoint costs here.
func BenchmarkFunctionAsks(b *testing.B) {
	h := newHouse(b, b.TempDir())
	role := h.ForService("lambda.amazonaws.com", "function")
	b.ReportAllocs()
	for b.Loop() {
		ctx, err := role.Assume(b.Context(), h.RoleARN(FunctionRole), "")
		if err != nil {
			b.Fatal(err)
		}
		if err := h.Authorize(ctx, "sagemaker:InvokeEndpoint", "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e"); err != nil {
			b.Fatal(err)
		}
	}
}
