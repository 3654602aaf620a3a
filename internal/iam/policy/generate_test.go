package policy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

func TestGenerate(t *testing.T) {
	t.Parallel()
	uses := []policy.Use{
		{Action: "sagemaker:ListModels", Resource: "*"}, {Action: "s3:ListBucket", Resource: "arn:aws:s3:::data"},
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::data/a*.txt"}, {Action: "s3:GetObject", Resource: "arn:aws:s3:::data/a*.txt"},
		{Action: "s3:PutObject", Resource: "arn:aws:s3:::data/a*.txt"}, {Action: "execute-api:Invoke", Resource: "arn:aws:execute-api:us-east-1:111122223333:x/y"},
	}
	for i := range 20 {
		uses = append(uses, policy.Use{Action: "s3:DeleteObject", Resource: fmt.Sprintf("arn:aws:s3:::data/old/%d/%d", i%2, i)})
	}
	text, err := policy.Generate(uses)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "ExecuteApiUse1",
      "Effect": "Allow",
      "Action": [
        "execute-api:Invoke"
      ],
      "Resource": [
        "arn:aws:execute-api:us-east-1:111122223333:x/y"
      ]
    },
    {
      "Sid": "S3Use1",
      "Effect": "Allow",
      "Action": [
        "s3:DeleteObject"
      ],
      "Resource": [
        "arn:aws:s3:::data/old/0/*",
        "arn:aws:s3:::data/old/1/*"
      ]
    },
    {
      "Sid": "S3Use2",
      "Effect": "Allow",
      "Action": [
        "s3:GetObject",
        "s3:PutObject"
      ],
      "Resource": [
        "arn:aws:s3:::data/a${*}.txt"
      ]
    },
    {
      "Sid": "S3Use3",
      "Effect": "Allow",
      "Action": [
        "s3:ListBucket"
      ],
      "Resource": [
        "arn:aws:s3:::data"
      ]
    },
    {
      "Sid": "SagemakerUse1",
      "Effect": "Allow",
      "Action": [
        "sagemaker:ListModels"
      ],
      "Resource": [
        "*"
      ]
    }
  ]
}
`
	if string(text) != want {
		t.Errorf("got\n%s", text)
	}
	for _, bad := range [][]policy.Use{nil, {{Action: "", Resource: "*"}}, {{Action: "s3:*", Resource: "*"}}, {{Action: "s3:GetObject", Resource: "GET /data"}}} {
		if _, err := policy.Generate(bad); errs.CodeOf(err) != policy.CodeMalformed {
			t.Errorf("%v: got %v", bad, err)
		}
	}
}

// TestGenerateAllowsWhatWasDone makes random uses, of names that mean something
// in patterns too: each is allowed, and the policy stays small.
func TestGenerateAllowsWhatWasDone(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(3, 4))}
	for range 300 {
		var uses []policy.Use
		for range 1 + d.IntN(400) {
			var key strings.Builder
			for range 1 + d.IntN(4) {
				key.WriteString(d.of("a", "b*", "?", "${aws:username}", "é", "//", "folder/", "${*}", "$", "x/*"))
			}
			uses = append(uses, policy.Use{Action: d.of("s3:GetObject", "s3:PutObject", "sagemaker:InvokeEndpoint", "sagemaker:ListModels"),
				Resource: d.of("arn:aws:s3:::data/", "arn:aws:s3:::other/", "arn:aws:sagemaker:us-east-1:111122223333:endpoint/") + key.String()})
		}
		text, err := policy.Generate(uses)
		if err != nil {
			t.Fatal(err)
		}
		if n := policy.Size(text); n > policy.MaxManaged {
			t.Errorf("%d characters", n)
		}
		ps := policy.Policies{Identity: []policy.Attached{{Name: "g", Document: mustParse(t, policy.Identity, string(text))}}}
		for _, u := range uses {
			r := aliceGets()
			r.Principal.Account, r.Action, r.Resource = "111122223333", u.Action, u.Resource
			if !ps.Decide(r).Allowed {
				t.Fatalf("%+v is denied by\n%s", u, text)
			}
		}
		r := aliceGets()
		r.Action, r.Resource = "s3:DeleteObject", uses[0].Resource
		if ps.Decide(r).Allowed {
			t.Errorf("more is allowed by\n%s", text)
		}
	}
}
