package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

func TestParseKeepsWhatIsWritten(t *testing.T) {
	t.Parallel()
	d := mustParse(t, policy.Resource, `{
  "Version": "2012-10-17", "Id": "The id",
  "Statement": [{"Sid": "One two", "Effect": "Deny", "NotPrincipal": {"AWS": "111122223333", "Service": ["a.b", "c.d"]},
    "NotAction": "s3:Get*", "NotResource": ["arn:aws:s3:::é/*"], "Condition": {"NumericLessThan": {"s3:max-keys": 10}, "Bool": {"aws:SecureTransport": [true, "false"]}}},
    {"Effect": "Allow", "Principal": "*", "Action": ["*"], "Resource": "*"}]
}`)
	if d.Version != policy.Version2012 || d.ID != "The id" || d.Kind != policy.Resource || len(d.Statements) != 2 {
		t.Fatalf("got %+v", d)
	}
	s := &d.Statements[0]
	for what, pair := range map[string][2]any{
		"sid":        {s.Sid, "One two"},
		"effect":     {s.Effect, policy.Deny},
		"principals": {s.NotPrincipals, []policy.PrincipalRef{{Type: "AWS", Name: "111122223333"}, {Type: "Service", Name: "a.b"}, {Type: "Service", Name: "c.d"}}},
		"actions":    {s.NotActions, []string{"s3:Get*"}},
		"resources":  {s.NotResources, []string{"arn:aws:s3:::é/*"}},
		"conditions": {s.Conditions, []policy.Condition{
			{Operator: "NumericLessThan", Key: "s3:max-keys", Values: []string{"10"}}, {Operator: "Bool", Key: "aws:SecureTransport", Values: []string{"true", "false"}}}},
		"start":    {s.Start, policy.Position{Line: 3, Column: 17}},
		"end":      {s.End, policy.Position{Line: 4, Column: 170}},
		"everyone": {d.Statements[1].Principals, []policy.PrincipalRef{{Type: "AWS", Name: "*"}}},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: got %+v, want %+v", what, pair[0], pair[1])
		}
	}
}

func TestParseBounds(t *testing.T) {
	t.Parallel()
	const whole = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	for src, want := range map[string]string{
		"":            "invalid Json: it ends too early. (line 1, column 1)",
		"[]":          "Policies must be valid JSON and the first byte must be '{'.",
		whole[:30]:    "invalid Json",
		whole + whole: "there is more behind",
		whole + " x":  "there is more behind",
		strings.Repeat(" ", policy.MaxBytes) + whole: "at most 131072 are allowed",
		strings.Repeat("[", 100000):                  "nests deeper",
		strings.Replace(whole, "*", "\xff", 1):       "not UTF-8",
		strings.Replace(whole, `"*"`, "\n\n  1", 1):  "(line 3, column 3)",
	} {
		_, err := policy.Parse([]byte(src), policy.Identity)
		if err == nil || !strings.Contains(err.Error(), want) || errs.CodeOf(err) != policy.CodeMalformed || !errs.Is(err, errs.Invalid) {
			t.Errorf("%.60q: got %v, want %q", src, err, want)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]int{"": 0, " {\n\t} ": 2, `{"a b": "é\" x"}`: 15, `"\\" "x"`: 7} {
		if got := policy.Size([]byte(src)); got != want {
			t.Errorf("%q: got %d, want %d", src, got, want)
		}
	}
}

// TestWildcardsAgainstRegexp holds the matching of patterns against expressions
// that say the same.
func TestWildcardsAgainstRegexp(t *testing.T) {
	t.Parallel()
	texts := []string{""}
	for range 6 {
		for _, s := range texts[:min(len(texts), 400)] {
			for _, c := range []string{"a", "b", ":", "é"} {
				texts = append(texts, s+c)
			}
		}
	}
	texts = texts[:1200]
	for _, p := range []string{"*", "a*", "*a", "*a*b", "a?b", "?", "??*", "*?", "a*:b", "*:*", "a**b", "*ab*ab*", "?é?", "a*?*b", "*:a*b:*", "a:*b:?"} {
		kinds := map[policy.Kind]*regexp.Regexp{}
		re := regexp.QuoteMeta(p)
		re = strings.NewReplacer(`\*`, `(?s:.*)`, `\?`, `(?s:.)`).Replace(re)
		kinds[policy.Identity] = regexp.MustCompile("^" + re + "$")
		d := mustParse(t, policy.Identity, fmt.Sprintf(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringLike": {"a:b": %q}}}}`, p))
		arn := mustParse(t, policy.Identity, fmt.Sprintf(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"ArnLike": {"a:b": %q}}}}`, "arn:aws:s3:::"+p))
		ps := policy.Policies{Identity: []policy.Attached{{Document: d}}}
		arns := policy.Policies{Identity: []policy.Attached{{Document: arn}}}
		for _, s := range texts {
			want := kinds[policy.Identity].MatchString(s)
			value := []string{s}
			r := &policy.Request{Action: "a:b", Resource: "*", Context: func(string) ([]string, bool) { return value, true }}
			if got := ps.Decide(r).Allowed; got != want {
				t.Errorf("%q against %q: got %v, want %v", s, p, got, want)
			}
			value[0] = "arn:aws:s3:::" + s
			if got := arns.Decide(r).Allowed; got != want {
				t.Errorf("ARN %q against %q: got %v, want %v", s, p, got, want)
			}
		}
	}
}

// TestPatternsTakeTheirTime would not end if a pattern could make matching
// exponential, or worse than the product of the lengths.
func TestPatternsTakeTheirTime(t *testing.T) {
	t.Parallel()
	d := mustParse(t, policy.Identity, fmt.Sprintf(`{"Statement": {"Effect": "Allow", "Action": "*", "Resource": %q}}`,
		"arn:aws:"+strings.Repeat("*a*:", 3)+strings.Repeat("*a", 2000)+"b"))
	ps := policy.Policies{Identity: []policy.Attached{{Document: d}}}
	r := &policy.Request{Action: "a:b", Resource: "arn:aws:" + strings.Repeat(strings.Repeat("a", 600)+":", 3) + strings.Repeat("a", 20000)}
	if ps.Decide(r).Allowed {
		t.Error("allowed")
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal("there are no cases to begin with", err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.SplitSeq(string(src), "\n") {
			if from, to := strings.IndexByte(line, '{'), strings.LastIndexByte(line, '}'); from >= 0 && to > from {
				f.Add([]byte(line[from:to+1]), uint8(len(line)%3))
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, kind uint8) {
		k := policy.Kind(kind % 3)
		policy.GuessKind(src)
		d, err := policy.Parse(src, k)
		if err != nil {
			if d != nil || errs.CodeOf(err) != policy.CodeMalformed {
				t.Fatalf("got %v with %v", d, err)
			}
			return
		}
		d.Public()
		d.ContextKeys()
		for _, f := range policy.Lint(d, someActions) {
			if f.Message == "" || f.Line < 1 || f.Column < 1 {
				t.Errorf("found %+v", f)
			}
		}
		a := policy.Attached{Name: "p", Document: d}
		ps := policy.Policies{Identity: []policy.Attached{a}}
		if k != policy.Identity {
			ps = policy.Policies{Resource: &a}
		}
		for _, s := range d.Statements {
			for _, resource := range append(s.Resources, s.NotResources...) {
				r := aliceGets()
				r.Resource = resource
				explained(t, &ps, r)
			}
		}
	})
}

func TestGuessKind(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]policy.Kind{
		`{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`:                 policy.Identity,
		`{"Statement": [{"Effect": "Allow"}, {"NotPrincipal": "*", "NotResource": "*"}]}`:    policy.Resource,
		`{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}`: policy.Trust,
		`{"Statement": 1}`: policy.Identity, `[]`: policy.Identity, `{`: policy.Identity,
	} {
		if got := policy.GuessKind([]byte(src)); got != want {
			t.Errorf("%s: got %v, want %v", src, got, want)
		}
	}
}
