package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/heliograph/heliograph/internal/iam/policy"
)

// dice makes random policies and requests of a small world, so that they meet often.
type dice struct{ *rand.Rand }

func (d dice) of(list ...string) string { return list[d.IntN(len(list))] }

func (d dice) statement(kind policy.Kind, effect string) map[string]any {
	s := map[string]any{"Effect": effect}
	s[d.of("Action", "Action", "Action", "NotAction")] = []string{d.action(), d.action()}
	s[d.of("Resource", "Resource", "Resource", "NotResource")] = []string{d.resource(), d.resource()}
	if kind == policy.Resource {
		var who any = "*"
		if d.IntN(3) > 0 {
			who = map[string]any{"AWS": []string{d.of("111122223333", "arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:role/R",
				"arn:aws:sts::111122223333:assumed-role/R/s", "*", "444455556666")}}
		}
		s[d.of("Principal", "Principal", "NotPrincipal")] = who
	}
	if d.IntN(2) == 0 {
		s["Condition"] = map[string]any{
			d.of("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIfExists", "ForAllValues:StringEquals",
				"ForAnyValue:StringNotEquals", "ForAnyValue:StringLike"): map[string]any{
				d.of("aws:PrincipalTag/team", "aws:TagKeys", "aws:username"): []string{d.of("a", "b", "${aws:username}", "a*"), d.of("alice", "b")},
			},
		}
	}
	return s
}

func (d dice) action() string {
	return d.of("s3:GetObject", "s3:PutObject", "s3:Get*", "*", "iam:*", "s3:?etObject")
}

func (d dice) resource() string {
	return d.of("arn:aws:s3:::b/k", "arn:aws:s3:::b/*", "*", "arn:aws:s3:::c/*", "arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::b/?")
}

func (d dice) document(t *testing.T, kind policy.Kind, statements []map[string]any) *policy.Document {
	src, err := json.Marshal(map[string]any{"Version": d.of(policy.Version2012, policy.Version2012, policy.Version2008), "Statement": statements})
	if err != nil {
		t.Fatal(err)
	}
	return mustParse(t, kind, string(src))
}

func (d dice) attached(t *testing.T, kind policy.Kind) policy.Attached {
	var statements []map[string]any
	for range 1 + d.IntN(3) {
		statements = append(statements, d.statement(kind, d.of("Allow", "Allow", "Deny")))
	}
	return policy.Attached{Name: "p", Document: d.document(t, kind, statements)}
}

func (d dice) policies(t *testing.T) policy.Policies {
	var ps policy.Policies
	for range d.IntN(3) {
		ps.Identity = append(ps.Identity, d.attached(t, policy.Identity))
	}
	if d.IntN(3) == 0 {
		a := d.attached(t, policy.Identity)
		ps.Boundary = &a
	}
	if d.IntN(3) == 0 {
		ps.Session = append(ps.Session, d.attached(t, policy.Identity))
	}
	if d.IntN(2) == 0 {
		a := d.attached(t, policy.Resource)
		ps.Resource = &a
	}
	return ps
}

func (d dice) request() *policy.Request {
	r := &policy.Request{Action: d.of("s3:GetObject", "s3:PutObject", "iam:CreateUser"), Resource: d.of("arn:aws:s3:::b/k", "arn:aws:s3:::c/k", "arn:aws:s3:::alice/k", "*")}
	r.Principal.Account = "111122223333"
	switch d.IntN(5) {
	case 0:
		r.Principal.Type, r.Principal.ARN, r.Principal.Name = policy.User, "arn:aws:iam::111122223333:user/alice", "alice"
	case 1:
		r.Principal.Type, r.Principal.ARN, r.Principal.RoleARN = policy.AssumedRole, "arn:aws:sts::111122223333:assumed-role/R/s", "arn:aws:iam::111122223333:role/R"
	case 2:
		r.Principal.Type, r.Principal.ARN = policy.Root, "arn:aws:iam::111122223333:root"
	case 3:
		r.Principal = policy.Principal{Type: policy.Anonymous}
	case 4:
		r.Principal = policy.Principal{Type: policy.Service, Service: "sagemaker.amazonaws.com"}
	}
	if d.IntN(4) == 0 {
		r.ResourceAccount = "444455556666"
	}
	context := map[string][]string{}
	for _, key := range []string{"aws:principaltag/team", "aws:tagkeys"} {
		for range d.IntN(3) {
			context[key] = append(context[key], d.of("a", "b", "ab", "alice", ""))
		}
	}
	r.Context = func(key string) ([]string, bool) { v, ok := context[key]; return v, ok }
	return r
}

// TestMoreStatements adds a statement to policies of every source: a deny never
// allows what was denied, an allow never denies what was allowed, and each
// decision is explained by the statements that are said to match.
func TestMoreStatements(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(1, 2))}
	outcomes := map[string]int{}
	for range 6000 {
		ps, r := d.policies(t), d.request()
		before := ps.Decide(r)
		outcomes[fmt.Sprint(before.Reason, before.Source)]++
		explained(t, &ps, r)

		effect := d.of("Allow", "Deny")
		more := ps
		add := func(kind policy.Kind) policy.Attached {
			return policy.Attached{Name: "more", Document: d.document(t, kind, []map[string]any{d.statement(kind, effect)})}
		}
		switch what := d.IntN(3); {
		case what == 0 && ps.Resource != nil:
			more.Resource = &policy.Attached{Name: "both", Document: joined(ps.Resource.Document, add(policy.Resource).Document)}
		case what == 1 && ps.Boundary != nil:
			more.Boundary = &policy.Attached{Name: "both", Document: joined(ps.Boundary.Document, add(policy.Identity).Document)}
		case what == 2 && len(ps.Session) > 0:
			more.Session = append(more.Session[:len(more.Session):len(more.Session)], add(policy.Identity))
		default:
			more.Identity = append(more.Identity[:len(more.Identity):len(more.Identity)], add(policy.Identity))
		}
		after := more.Decide(r)
		if effect == "Deny" && after.Allowed && !before.Allowed {
			t.Fatalf("a deny more allows %+v: was %+v, is %+v", r, before, after)
		}
		if effect == "Allow" && before.Allowed && !after.Allowed {
			t.Fatalf("an allow more denies %+v: was %+v, is %+v", r, before, after)
		}
	}
	if len(outcomes) < 8 {
		t.Errorf("the policies are too alike: only %v came out", outcomes)
	}
}

// joined is a document with the statements of both.
func joined(a, b *policy.Document) *policy.Document {
	both := *a
	both.Statements = append(append([]policy.Statement{}, a.Statements...), b.Statements...)
	return &both
}

func explained(t *testing.T, ps *policy.Policies, r *policy.Request) {
	t.Helper()
	e := ps.Explain(r)
	if e.Decision != ps.Decide(r) {
		t.Fatalf("explained as %+v, decided as %+v", e.Decision, ps.Decide(r))
	}
	denies := false
	for _, m := range e.Matched {
		denies = denies || m.Effect == policy.Deny
	}
	if denies != (e.Reason == policy.ExplicitDeny) {
		t.Fatalf("the statements %+v don't go with %+v", e.Matched, e.Decision)
	}
	if e.Statement >= 0 && len(e.Matched) == 0 {
		t.Fatalf("%+v has no statement among those that match", e.Decision)
	}
}
