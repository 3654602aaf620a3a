package policy_test

import (
	"fmt"
	"testing"

	"github.com/heliograph/heliograph/internal/iam/policy"
)

func mustParse(t testing.TB, kind policy.Kind, src string) *policy.Document {
	t.Helper()
	d, err := policy.Parse([]byte(src), kind)
	if err != nil {
		t.Fatalf("%v in\n%s", err, src)
	}
	return d
}

// hundred is an identity with 100 statements, of which the last decides.
func hundred(t testing.TB) *policy.Policies {
	ps := &policy.Policies{}
	for i := range 10 {
		src := `{"Version": "2012-10-17", "Statement": [`
		for j := range 10 {
			if j > 0 {
				src += ","
			}
			switch n := 10*i + j; {
			case n == 99:
				src += `{"Sid": "Last", "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::data/${aws:username}/*",
					"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}`
			case n%3 == 0:
				src += fmt.Sprintf(`{"Effect": "Deny", "Action": ["s3:*", "sagemaker:Delete*"], "Resource": ["arn:aws:s3:::locked-%d/*", "arn:aws:sagemaker:*:*:model/m%d"]}`, n, n)
			case n%3 == 1:
				src += fmt.Sprintf(`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data-%d/*/in/*.txt"}`, n)
			default:
				src += fmt.Sprintf(`{"Effect": "Deny", "NotAction": "iam:*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "t%d"}, "Bool": {"aws:SecureTransport": "false"}}}`, n)
			}
		}
		ps.Identity = append(ps.Identity, policy.Attached{Name: fmt.Sprint("inline:p", i), Document: mustParse(t, policy.Identity, src+"]}")})
	}
	return ps
}

func aliceGets() *policy.Request {
	address, secure := []string{"192.0.2.7"}, []string{"true"}
	return &policy.Request{
		Principal: policy.Principal{Type: policy.User, ARN: "arn:aws:iam::111122223333:user/alice", Account: "111122223333", UserID: "AIDAALICE", Name: "alice"},
		Action:    "s3:GetObject", Resource: "arn:aws:s3:::data/alice/in/reviews.txt",
		Context: func(key string) ([]string, bool) {
			switch key {
			case "aws:sourceip":
				return address, true
			case "aws:securetransport":
				return secure, true
			}
			return nil, false
		},
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	ps, r := hundred(t), aliceGets()
	if d := ps.Decide(r); !d.Allowed || d.Sid != "Last" || d.Policy != "inline:p9" || d.Statement != 9 {
		t.Fatalf("got %+v", d)
	}
	if n := testing.AllocsPerRun(100, func() { ps.Decide(r) }); n != 0 {
		t.Errorf("a decision allocates %v times", n)
	}
}

func BenchmarkDecide100(b *testing.B) {
	ps, r := hundred(b), aliceGets()
	b.ReportAllocs()
	for b.Loop() {
		if !ps.Decide(r).Allowed {
			b.Fatal("denied")
		}
	}
}
