package policy_test

import (
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/iam/policy"
)

var someActions = []policy.Action{
	{Name: "s3:GetObject", Resources: []string{"arn:aws:s3:::{}/*"}}, {Name: "s3:PutObject", Resources: []string{"arn:aws:s3:::{}/*"}},
	{Name: "s3:ListBucket", Resources: []string{"arn:aws:s3:::{}"}}, {Name: "sagemaker:ListModels", Resources: []string{"*"}},
	{Name: "sagemaker:CreateModel", Resources: []string{"arn:aws:sagemaker:*:*:model/*"}}, {Name: "iam:PassRole", Resources: []string{"arn:aws:iam::*:role/*"}},
	{Name: "iam:PutUserPolicy", Resources: []string{"arn:aws:iam::*:user/*"}}, {Name: "sts:AssumeRole"},
}

func TestLint(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		// What is fine.
		`"Effect": "Allow", "Action": ["s3:GetObject", "s3:Put*"], "Resource": "arn:aws:s3:::data/*"`:                                                            "",
		`"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"]`:                                                          "",
		`"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"`:                                                                                                 "",
		`"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::data/*"`:                                                                                  "",
		`"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"`:                                                                                            "",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::${aws:username}/*"`:                                                              "",
		`"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111122223333:role/Trainer"`:                                                      "",
		`"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "a.b"}}`:                            "",
		`"Effect": "Allow", "Action": "iam:PutUserPolicy", "Resource": "arn:aws:iam::111122223333:user/${aws:username}"`:                                         "",
		`"Effect": "Allow", "Action": "iam:PutUserPolicy", "Resource": "*", "Condition": {"ArnEquals": {"iam:PermissionsBoundary": "a"}}`:                        "",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"StringLike": {"a:b": ["x*", "*y"]}, "StringNotLike": {"a:b": "xy*"}}`:      "",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"NumericGreaterThan": {"a:b": 5}, "NumericLessThan": {"a:b": 5.5}}`:         "",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"IpAddress": {"a:b": "10.0.0.0/8"}, "NotIpAddress": {"a:b": "10.0.0.0/9"}}`: "",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"StringEqualsIfExists": {"a:b": "x"}, "Null": {"a:b": "true"}}`:             "",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"a:b": "x"}, "Null": {"a:b": "false"}}`:       "",

		`"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::data*"`: "",
		`"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::data/*"`:         "",

		// What doesn't exist.
		`"Effect": "Allow", "Action": "s3:GetObjects", "Resource": "*"`:    "1:41: mistake S: there is no action s3:GetObjects here; perhaps s3:GetObject (unknown-action)",
		`"Effect": "Allow", "Action": "s3:Delete*", "Resource": "*"`:       "mistake S: there is no action s3:Delete* here (unknown-action)",
		`"Effect": "Deny", "NotAction": "s3:Lst*", "Resource": "*"`:        "(unknown-action)",
		`"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"`: "warning S: ec2:RunInstances is of a service that this server doesn't offer (unknown-service)",

		// What never matches.
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data"`:                                                                                 "mistake S: arn:aws:s3:::data: none of the actions is ever asked on these resources; s3:GetObject is asked on arn:aws:s3:::NAME/* (impossible-resource)",
		`"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::data/*"`:                                                                              "s3:ListBucket is asked on arn:aws:s3:::NAME (impossible-resource)",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:sagemaker:*:*:model/*"`:                                                                     "(impossible-resource)",
		`"Effect": "Allow", "Action": "sagemaker:ListModels", "Resource": "arn:aws:sagemaker:*:*:model/*"`:                                                             "(impossible-resource)",
		`"Effect": "Allow", "Action": "sagemaker:CreateModel", "Resource": "arn:aws:sagemaker:*:*:endpoint/*"`:                                                         "(impossible-resource)",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"StringEquals": {"a:b": []}}`:                                                     "mistake S: the condition StringEquals on a:b names no value, so nothing meets it (empty-condition)",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"StringEquals": {"a:b": "x"}, "StringLike": {"a:B": "y*"}}`:                       "(contradiction)",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"StringEquals": {"a:b": ["x", "y"]}, "StringNotEquals": {"a:b": ["y", "x"]}}`:     "mistake S: the conditions on a:b exclude each other (contradiction)",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"NumericGreaterThan": {"a:b": 5}, "NumericLessThan": {"a:b": 5}}`:                 "(contradiction)",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"DateGreaterThan": {"a:b": "2026-02-01"}, "DateLessThan": {"a:b": "2026-01-01"}}`: "(contradiction)",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"IpAddress": {"a:b": "10.0.0.0/9"}, "NotIpAddress": {"a:b": "10.0.0.0/8"}}`:       "(contradiction)",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"Null": {"a:b": "true"}, "Bool": {"a:b": "true"}}`:                                "(contradiction)",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::locked/a*"`:                                                                            "mistake S: what it allows is denied by the statement in line 1 (always-denied)",

		// What is wider than meant.
		`"Effect": "Allow", "Action": "*", "Resource": "*"`:                             "warning S: this allows every action on everything (everything)",
		`"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"`:                      "(not-action)",
		`"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::data/*"`:     "(not-resource)",
		`"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"`:                  "(pass-role)",
		`"Effect": "Allow", "Action": "iam:Pass*", "Resource": "arn:aws:iam::*:role/*"`: "(pass-role)",
		`"Effect": "Allow", "Action": "iam:PutUserPolicy", "Resource": "*"`:             "(takeover)",

		// What is misread.
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"a:b": "x"}}`: "(for-all-values)",
		`"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"StringEquals": {"a:b": "x*"}}`:             "(literal-star)",
	} {
		d := mustParse(t, policy.Identity, `{"Version": "2012-10-17", "Statement": [{"Sid": "S", `+statement+`},
			{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::locked/*"}]}`)
		if strings.Contains(want, "always-denied") {
			d = mustParse(t, policy.Identity, `{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::locked/*"}, {"Sid": "S", `+statement+`}]}`)
		}
		found := policy.Lint(d, someActions)
		switch {
		case want == "" && len(found) > 0, want != "" && len(found) != 1:
			t.Errorf("%s: found %v, want %q", statement, found, want)
		case want != "" && !strings.HasSuffix(found[0].String(), want):
			t.Errorf("%s: found\n%s\nwant\n%s", statement, found[0], want)
		}
	}
}

func TestLintPoliciesOfResources(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/*"}`:                                       "public",
		`{"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/*"}`:                "not-principal",
		`{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "arn:aws:s3:::data/*"}`:                           "",
		`{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}`:                                                               "public",
		`{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:PrincipalAccount": "1"}}}`: "",
		`{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}`:                                     "",
	} {
		kind := policy.Resource
		if strings.Contains(src, "sts:") {
			kind = policy.Trust
		}
		found := policy.Lint(mustParse(t, kind, `{"Version": "2012-10-17", "Statement": `+src+`}`), someActions)
		if want == "" && len(found) > 0 || want != "" && (len(found) != 1 || found[0].Code != want) {
			t.Errorf("%s: found %v, want %q", src, found, want)
		}
	}
	old := policy.Lint(mustParse(t, policy.Identity, `{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::${aws:username}/*"}}`), nil)
	if len(old) != 1 || old[0].Code != "old-version" {
		t.Errorf("variables in the old version: found %v", old)
	}
}
