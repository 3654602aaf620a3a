package app_test

import (
	"slices"
	"testing"

	"github.com/heliograph/heliograph/internal/app"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

func TestActions(t *testing.T) {
	t.Parallel()
	found := map[string][]string{}
	for _, a := range app.Actions() {
		if _, twice := found[a.Name]; twice {
			t.Errorf("%s is there twice", a.Name)
		}
		found[a.Name] = a.Resources
	}
	for name, want := range map[string][]string{
		"s3:GetObject":                                 {"arn:aws:s3:::{}/*"},
		"s3:DeleteObject":                              {"arn:aws:s3:::{}/*"},
		"s3:ListBucket":                                {"arn:aws:s3:::{}"},
		"s3:PutBucketPolicy":                           {"arn:aws:s3:::{}"},
		"sagemaker:CreateModel":                        {"arn:aws:sagemaker:*:*:model/*"},
		"sagemaker:DescribeEndpointConfig":             {"arn:aws:sagemaker:*:*:endpoint-config/*"},
		"sagemaker:UpdateEndpointWeightsAndCapacities": {"arn:aws:sagemaker:*:*:endpoint/*"},
		"sagemaker:StopHyperParameterTuningJob":        {"arn:aws:sagemaker:*:*:hyper-parameter-tuning-job/*"},
		"sagemaker:InvokeEndpoint":                     {"arn:aws:sagemaker:*:*:endpoint/*"},
		"sagemaker:ListModels":                         {"*"},
		"sagemaker:AddTags":                            {"arn:aws:sagemaker:*:*:*", "*"},
		"execute-api:Invoke":                           {"arn:aws:execute-api:*:*:*"},
		"iam:GetRole":                                  {"arn:aws:iam:*:*:*"},
		"lambda:InvokeFunction":                        {"arn:aws:lambda:*:*:function:{}"},
		"lambda:AddPermission":                         {"arn:aws:lambda:*:*:function:{}"},
		"lambda:ListFunctions":                         {"*"},
	} {
		if got, ok := found[name]; !ok || !slices.Equal(got, want) {
			t.Errorf("%s is asked on %q (known: %v), want %q", name, got, ok, want)
		}
	}
}

// TestReadyMadePolicies lints the policies that come with the product.
func TestReadyMadePolicies(t *testing.T) {
	t.Parallel()
	for _, p := range policy.ReadyMade() {
		doc, err := policy.Parse([]byte(p.Document), policy.Identity)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		for _, f := range policy.Lint(doc, app.Actions()) {
			t.Errorf("%s: %s", p.Name, f)
		}
		if policy.Size([]byte(p.Document)) > policy.MaxManaged || p.Description == "" {
			t.Errorf("%s is too large or has no description", p.Name)
		}
	}
}
