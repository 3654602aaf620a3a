package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/iam/policy"
)

// decideGoal is how long one decision by 100 statements may take.
const decideGoal = 5 * time.Microsecond

// decisions measures decisions by 100 statements of ten policies, in this process:
// the last statement allows the request, so that all others are looked at first, or
// none does.
func (b *bench) decisions() error {
	t := newTable(os.Stdout, append([]column{wordsIn("what", 52)}, append(figuresIn("µs", "CPU µs", "allocations"), wordsIn("goal", 0))...)...)
	policies, err := hundredStatements()
	if err != nil {
		return err
	}
	address, secure := []string{"192.0.2.7"}, []string{"true"}
	request := &policy.Request{
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
	for _, row := range []struct {
		what, resource string
		allowed        bool
	}{
		{"a decision by 100 statements, the last one allows", "arn:aws:s3:::data/alice/in/reviews.txt", true},
		{"a decision by 100 statements, none allows", "arn:aws:s3:::data/bob/in/reviews.txt", false},
	} {
		request.Resource = row.resource
		if d := policies.Decide(request); d.Allowed != row.allowed {
			return fmt.Errorf("%s: decided %+v", row.what, d)
		}
		var times, cpus, allocations []float64
		for range b.runs {
			used := 0.0
			r := testing.Benchmark(func(loop *testing.B) {
				loop.ReportAllocs()
				began := cpuSeconds()
				for loop.Loop() {
					policies.Decide(request)
				}
				used = (cpuSeconds() - began) / float64(loop.N)
			})
			times, cpus, allocations = append(times, r.T.Seconds()/float64(r.N)), append(cpus, used), append(allocations, float64(r.AllocsPerOp()))
		}
		took, cpu, allocated := median(times), median(cpus), median(allocations)
		v := verdict{row: "authorisation with 100 statements", goal: fmt.Sprintf("under %v, no allocation", decideGoal), what: row.what,
			figure: figure(1e6*took) + " µs", met: took < decideGoal.Seconds() && allocated == 0}
		if !v.met && cpu < decideGoal.Seconds() {
			v.note = fmt.Sprintf("by CPU %.2f µs", 1e6*cpu)
		}
		t.row(row.what, figure(1e6*took), figure(1e6*cpu), fmt.Sprintf("%.0f", allocated), b.board.add(v))
	}
	return nil
}

// hundredStatements are ten policies of ten statements: allows and denies, with
// wildcards, variables and conditions, none of which is about the request but the last.
func hundredStatements() (*policy.Policies, error) {
	all := &policy.Policies{}
	for i := range 10 {
		var statements []string
		for j := range 10 {
			n := 10*i + j
			s := fmt.Sprintf(`{"Effect": "Deny", "NotAction": "iam:*", "Resource": "*",
				"Condition": {"StringEquals": {"aws:PrincipalTag/team": "t%d"}, "Bool": {"aws:SecureTransport": "false"}}}`, n)
			switch {
			case n == 99:
				s = `{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::data/${aws:username}/*", "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}`
			case n%3 == 0:
				s = fmt.Sprintf(`{"Effect": "Deny", "Action": ["s3:*", "sagemaker:Delete*"], "Resource": ["arn:aws:s3:::locked-%d/*", "arn:aws:sagemaker:*:*:model/m%d"]}`, n, n)
			case n%3 == 1:
				s = fmt.Sprintf(`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data-%d/*/in/*.txt"}`, n)
			}
			statements = append(statements, s)
		}
		doc, err := policy.Parse([]byte(`{"Version": "2012-10-17", "Statement": [`+strings.Join(statements, ",")+`]}`), policy.Identity)
		if err != nil {
			return nil, err
		}
		all.Identity = append(all.Identity, policy.Attached{Name: fmt.Sprintf("policy %d", i), Document: doc})
	}
	return all, nil
}
