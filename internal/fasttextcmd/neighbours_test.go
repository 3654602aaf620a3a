package fasttextcmd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// vectorsText has two kinds of lines, whose words never meet.
var vectorsText = strings.Repeat("rain wind cloud storm rain wind storm cloud\nbread salt butter milk bread milk salt butter\n", 200)

// trained trains with each verb and returns the path without suffix.
func trained(t *testing.T, verb string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	input := filepath.Join(dir, "text")
	if err := os.WriteFile(input, []byte(vectorsText), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{verb, "-input", input, "-output", dir + "/m", "-dim", "8", "-bucket", "1000", "-t", "1", "-epoch", "10", "-thread", "1", "-verbose", "1"}, flags...)
	code, _, stderr := run("", args...)
	if code != 0 || !strings.Contains(stderr, "Number of words:  9\n") || !strings.Contains(stderr, "Progress: 100.0%") {
		t.Fatalf("%s: exit code %d\n%s", verb, code, stderr)
	}
	return dir + "/m"
}

func TestVectorVerbs(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"skipgram", "cbow", "batch_skipgram"} {
		m := trained(t, verb)
		vec, err := os.ReadFile(m + ".vec")
		if err != nil || !strings.HasPrefix(string(vec), "9 8\nrain ") {
			t.Errorf("%s: .vec starts with %.20q, %v", verb, vec, err)
		}
		code, out, _ := run("rain\nbread salt", "nn", m+".bin", "3")
		lines := regexp.MustCompile(`(?m)^(Query word\? )?[a-z</>]+ -?[0-9.]+(e-\d+)?$`)
		if code != 0 || len(lines.FindAllString(out, -1)) != 9 || !strings.HasSuffix(out, "\nQuery word? ") {
			t.Errorf("%s: nn ended with %d and printed\n%s", verb, code, out)
		}
		if verb == "skipgram" {
			for _, word := range []string{"wind", "cloud", "storm"} {
				if first := out[:strings.LastIndex(out, "Query word? ")]; !strings.Contains(strings.SplitAfterN(first, "Query", 3)[1], word) {
					t.Errorf("%s is not near rain:\n%s", word, out)
				}
			}
		}
		code, out, _ = run("rain wind bread rain", "analogies", m+".bin", "2")
		want := "Loading model " + m + ".bin\nQuery triplet (A - B + C)? "
		if code != 0 || !strings.HasPrefix(out, want) || strings.Count(out, "\n") != 3 || !strings.HasSuffix(out, "\nQuery triplet (A - B + C)? ") {
			t.Errorf("%s: analogies ended with %d and printed\n%s", verb, code, out)
		}
		kind := map[string]string{"skipgram": "sg", "cbow": "cbow", "batch_skipgram": "sg"}[verb]
		if _, out, _ = run("", "dump", m+".bin", "args"); !strings.Contains(out, fmt.Sprintf("\nmodel %s\n", kind)) {
			t.Errorf("%s: dump args prints\n%s", verb, out)
		}
	}
}

func TestPrintNgrams(t *testing.T) {
	t.Parallel()
	m := trained(t, "skipgram", "-minn", "4", "-maxn", "5")
	code, out, _ := run("", "print-ngrams", m+".bin", "rain")
	var names []string
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) != 9 {
			t.Errorf("%q: want a name and 8 values", line)
		}
		names = append(names, fields[0])
	}
	if got := strings.Join(names, " "); code != 0 || got != "rain <rai <rain rain rain> ain>" {
		t.Errorf("exit code %d, n-grams %s", code, got)
	}
}

func TestVectorVerbErrors(t *testing.T) {
	t.Parallel()
	m := trained(t, "skipgram") + ".bin"
	for _, c := range []struct {
		args string
		says string
	}{
		{"nn", "usage: fasttext nn <model> [<k>]"},
		{"nn " + m + " 0", "want at least 1"},
		{"nn " + m + " many", "<k>: \"many\" is not a whole number"},
		{"nn /nowhere.bin", "model cannot be loaded"},
		{"analogies " + m + " -1", "want at least 1"},
		{"analogies a b c", "usage: fasttext analogies <model> [<k>]"},
		{"print-ngrams " + m, "usage: fasttext print-ngrams <model> <word>"},
		{"batch_skipgram -input x -output y -loss hs", "x cannot be opened"},
		{"skipgram -input " + m + " -output " + m + " -t 0", "-t is 0"},
		{"cbow -input " + m + " -output " + m + " -autotune-validation " + m, "supervised only"},
	} {
		if code, _, stderr := run("", strings.Fields(c.args)...); code != 1 || !strings.Contains(stderr, c.says) {
			t.Errorf("fasttext %s: exit code %d, %q: want %q", c.args, code, stderr, c.says)
		}
	}
}
