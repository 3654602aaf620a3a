package cases_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/iam/policy/cases"
)

// TestDocumentedRules decides the cases of testdata, which are AWS's documented
// rules: each operator, each precedence, each refusal.
func TestDocumentedRules(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all, err := cases.Read(src, func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(filepath.Dir(name), path)) })
		if err != nil {
			t.Errorf("%s:%v", filepath.Base(name), err)
			continue
		}
		total += len(all)
		for _, f := range cases.Run(all) {
			t.Errorf("%s:%s", filepath.Base(name), f.String())
		}
	}
	if total < 200 {
		t.Errorf("there are %d cases; at least 200 are promised", total)
	}
	t.Logf("%d cases in %d files", total, len(files))
}

const head = `policy P {"Version": "2012-10-17", "Statement": {"Sid": "S", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}
given identity P
as user alice
`

func TestFailureIsADifference(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"s3:PutObject on arn:aws:s3:::b/k is allowed":                                                 "4: LINE\n    given identity P\n    as arn:aws:iam::111122223333:user/alice\n  - is allowed\n  + is denied because no identity-based policy allows it\n",
		"s3:GetObject on arn:aws:s3:::b/k is denied by P":                                             "4: LINE\n    given identity P\n    as arn:aws:iam::111122223333:user/alice\n  - is denied by P\n  + is allowed by P#S, identity-based policy\n",
		"s3:PutObject on arn:aws:s3:::b/k is denied because no session policy allows it":              "4: LINE\n    given identity P\n    as arn:aws:iam::111122223333:user/alice\n  - is denied because no session policy allows it\n  + is denied because no identity-based policy allows it\n",
		"refused policy {\"Statement\": {\"Effect\": \"Allow\"}} because it is too long":              "4: LINE\n  - is refused because it is too long\n  + is refused because Policy statement must contain actions. (line 1, column 15)\n",
		`refused policy {"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}} because no`: "4: LINE\n  - is refused because no\n  + is accepted\n",
	} {
		all, err := cases.Read([]byte(head+line), nil)
		if err != nil {
			t.Fatal(err)
		}
		failed := cases.Run(all)
		if len(failed) != 1 {
			t.Fatalf("%s: %d failures", line, len(failed))
		}
		if got := strings.Replace(failed[0].String(), line, "LINE", 1); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
}

func TestMistakesInFiles(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"":                                            "the file has no cases",
		"hello":                                       "1: a line begins with policy, account, given, as or refused",
		"policy P":                                    "1: policy P: its text must be a JSON object",
		"policy P {\n\"Statement\": [":                "its text has no closing brace",
		"policy P from x.json":                        "1: policy P: files can't be read here",
		"\npolicy P {\n\"Statement\": 1}":             "2: policy P: Missing required field Statement: the policy has no statements. (line 1, column 1)",
		head + "policy P {}":                          "4: there is a policy P already",
		head + "given identity Q":                     "4: there is no policy Q above this line",
		head + "given boundary P P":                   "4: given boundary: how many names it has is wrong",
		head + "given resource P":                     "4: policy P has the form of every identity-based policy and can't be given as resource",
		head + "given all":                            "4: given all",
		head + "given owner me":                       "twelve digits",
		head + "as alice":                             "4: as must be followed by",
		head + "as user a of 12":                      "twelve digits",
		head + "s3:GetObject on x is":                 "4: a call is written so",
		head + "s3:GetObject on x is good":            "4: a verdict is",
		head + "s3:GetObject on x with y is allowed":  "behind with must stand KEY=VALUE",
		head + "s3:GetObject on \"x is allowed":       "a quote is not closed",
		head + "s3:GetObject on x is allowed by Q":    "4: there is no policy Q",
		head + "s3:GetObject on x is allowed by P#T":  "4: policy P has no statement T",
		"given nothing\ns3:GetObject on x is allowed": "2: before the first call must be said who calls",
		"as root\ns3:GetObject on x is allowed":       "2: before the first call must be said which policies",
		"refused {}":                                  "1: refused must be followed by policy",
		"refused policy {}":                           "because",
		"\xff":                                        "not UTF-8",
	} {
		if _, err := cases.Read([]byte(src), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", src, err, want)
		}
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	all, err := cases.Read([]byte(`account 000000000000
policy P {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::000000000000:role/R"}}}}
given identity P
as role R
s3:GetObject on arn:aws:s3:::b/k is allowed
as role R of 111122223333
s3:GetObject on arn:aws:s3:::b/k is denied
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range cases.Run(all) {
		t.Error(f.String())
	}
	for _, bad := range []string{"account", "account mine", "account 12", head + "account 000000000000\ns3:GetObject on x is allowed"} {
		if _, err := cases.Read([]byte(bad), nil); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("../testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte(head + `s3:GetObject on arn:aws:s3:::b/k with a:b="c \" d" a:b=[] is allowed by P#1`))
	f.Fuzz(func(t *testing.T, src []byte) {
		all, err := cases.Read(src, nil)
		if err == nil && len(all) == 0 {
			t.Error("no cases and no error")
		}
		for _, failed := range cases.Run(all) {
			if failed.Want == failed.Got {
				t.Errorf("%s fails without a difference", failed.Text)
			}
		}
	})
}
