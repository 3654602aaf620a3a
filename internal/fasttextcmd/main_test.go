package fasttextcmd_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/fasttextcmd"
)

const (
	testdata = "../../fasttext/testdata/"
	text     = testdata + "requests.txt"
	model    = testdata + "golden/softmax.bin"
)

func run(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = fasttextcmd.Main(context.Background(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// mustRun wants success and returns standard output.
func mustRun(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	code, stdout, stderr := run(stdin, args...)
	if code != 0 {
		t.Fatalf("fasttext %v: exit code %d\n%s", args, code, stderr)
	}
	return stdout
}

func TestOutput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stdin string
		args  []string
		want  string // a regular expression for all of it
	}{
		{"the app crashes\nmy invoice\n", []string{"predict", model, "-"}, `__label__technical\n__label__\w+\n`},
		{"the app crashes\n", []string{"predict", model, "-", "-1"}, `__label__technical( __label__\w+){2}\n`},
		{"the app crashes\n\n", []string{"predict-prob", model, "-", "2", "0.1"}, `(__label__\w+ 0\.\d{1,6} ?){1,2}\n(.+)\n`},
		{"the app crashes\n", []string{"predict", model, "-", "1", "1.5"}, `\n`},
		{"", []string{"test", model, text}, `N\t50\nP@1\t(0\.\d{1,3}|1)\nR@1\t0\.\d{1,3}\n`},
		{"__label__billing invoice\n", []string{"test", model, "-", "3"}, `N\t1\nP@3\t0.333\nR@3\t1\n`},
		{"", []string{"test", model, "-"}, `N\t0\nP@1\tnan\nR@1\tnan\n`},
		{"__label__general shop\n", []string{"test-label", model, "-", "3"},
			`F1-Score : \d\.\d{6}  Precision : \d\.\d{6}  Recall : (\d\.\d{6}|-{8})   __label__\w+\n(.*\n){2}N\t1\nP@3\t0\.333\nR@3\t1\.000\n`},
		{"card x\ninvoice", []string{"print-word-vectors", model}, `card( -?[\d.e-]+){4} \nx 0 0 0 0 \ninvoice( -?[\d.e-]+){4} \n`},
		{"my card\n\nx", []string{"print-sentence-vectors", model}, `((-?[\d.e-]+ ){4}\n){3}`},
		{"", []string{"dump", model, "args"}, `dim 4\nws 5\nepoch 20\nminCount 1\nneg 5\nwordNgrams 2\nloss softmax\nmodel sup\nbucket 300\nminn 0\nmaxn 0\nlrUpdateRate 100\nt 0.0001\n`},
		{"", []string{"dump", model, "dict"}, `\d+\n\S+ \d+ word\n(\S+ \d+ word\n)*(__label__\w+ \d+ label\n){3}`},
		{"", []string{"dump", model, "output"}, `3 4\n(-?[\d.e-]+ -?[\d.e-]+ -?[\d.e-]+ -?[\d.e-]+\n){3}`},
	} {
		if got := mustRun(t, c.stdin, c.args...); !regexp.MustCompile(`^(?:` + c.want + `)$`).MatchString(got) {
			t.Errorf("fasttext %v printed\n%s", c.args, got)
		}
	}
}

func TestSupervisedWritesItsFiles(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "model")
	code, stdout, stderr := run("", "supervised", "-input", text, "-output", out, "-dim", "3", "-loss", "ova", "-lr", "0.5",
		"-epoch", "7", "-thread", "1", "-label", "__label__", "-wordNgrams", "2", "-bucket", "100", "-minn", "2", "-maxn", "3",
		"-minCount", "2", "-minCountLabel", "1", "-neg", "3", "-ws", "4", "-t", "0.001", "-lrUpdateRate", "50", "-seed", "9", "-saveOutput")
	if code != 0 || stdout != "" {
		t.Fatalf("exit code %d, %q\n%s", code, stdout, stderr)
	}
	want := `(?s)^\rRead 0M words\nNumber of words:  \d+\nNumber of labels: 3\n.*\r` +
		`Progress: 100\.0% words/sec/thread: +\d+ lr:  0\.000000 avg\.loss: +\d+\.\d{6} ETA:   0h 0m 0s\n$`
	if !regexp.MustCompile(want).MatchString(stderr) {
		t.Errorf("standard error: %q", stderr)
	}
	m, err := fasttext.LoadFile(out + ".bin")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%+v", m.Args()); !strings.Contains(got, "WS:4 Epoch:7 MinCount:2 MinCountLabel:0 Neg:3 WordNgrams:2 Loss:one-vs-all Model:sup Bucket:100 Minn:2 Maxn:3") {
		t.Errorf("options in the file: %s", got)
	}
	vec, err := os.ReadFile(out + ".vec")
	if err != nil || !strings.HasPrefix(string(vec), fmt.Sprintf("%d 3\n", m.Words())) || strings.Count(string(vec), "\n") != m.Words()+1 {
		t.Errorf(".vec: %v\n%.100s", err, vec)
	}
	output, err := os.ReadFile(out + ".output")
	if err != nil || !regexp.MustCompile(`^3 3\n(__label__\w+( -?[\d.e-]+){3} \n){3}$`).Match(output) {
		t.Errorf(".output: %v\n%s", err, output)
	}
	if code, _, stderr := run("", "supervised", "-input", text, "-output", out, "-verbose", "0", "-thread", "1"); code != 0 || stderr != "" {
		t.Errorf("-verbose 0: exit code %d, %q", code, stderr)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := dir + "/m"
	empty := dir + "/empty"
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		says string
	}{
		{"", "usage: fasttext <command>"},
		{"nonsense", "usage: fasttext <command>"},
		{"quantize -input a -output b", "b.bin: no such file"},
		{"skipgram", "-input and -output are needed"},
		{"supervised", "-input and -output are needed\n\nMandatory:"},
		{"supervised -h", "Mandatory:"},
		{"supervised -input " + text, "-input and -output are needed"},
		{"supervised -input " + text + " -output", "-output needs a value"},
		{"supervised -inptu x", "unknown option -inptu"},
		{"supervised input x", "input: options start with a dash"},
		{"supervised -dim ten", `-dim: "ten" is not a whole number`},
		{"supervised -lr fast", `-lr: "fast" is not a number`},
		{"supervised -loss l2", `-loss: unknown loss "l2"`},
		{"supervised -autotune-validation", "-autotune-validation needs a value"},
		{"supervised -input - -output " + out, "training wants a file"},
		{"supervised -input " + dir + "/none -output " + out, "none cannot be opened for training"},
		{"supervised -input " + text + " -output " + dir + "/no/m", "cannot be opened for saving"},
		{"supervised -input " + empty + " -output " + out, "no words to learn from"},
		{"supervised -input " + text + " -label # -output " + out, "no labelled lines"},
		{"supervised -input " + text + " -dim 0 -output " + out, "-dim is 0: want 1 to 65536"},
		{"supervised -input " + text + " -lr 1e30 -output " + out, "lower -lr"},
		{"test", "usage: fasttext test <model>"},
		{"test-label", "usage: fasttext test-label <model>"},
		{"predict " + model, "usage: fasttext predict[-prob]"},
		{"predict " + model + " - 0", "<k> is 0"},
		{"predict " + model + " - many", `<k>: "many" is not a whole number`},
		{"predict " + model + " - 1 half", `<th>: "half" is not a number`},
		{"predict " + dir + "/none -", "no such file"},
		{"predict " + text + " -", "not a fastText model: at byte 0"},
		{"predict " + model + " " + dir + "/none", "the text cannot be opened"},
		{"predict " + testdata + "golden/skipgram.bin -", "no labels to predict"},
		{"print-word-vectors", "usage: fasttext print-word-vectors <model>"},
		{"dump " + model, "usage: fasttext dump"},
		{"dump " + model + " all", "usage: fasttext dump"},
		{"dump " + testdata + "golden/quantised.ftz input", "quantised"},
	} {
		code, stdout, stderr := run("", strings.Fields(c.args)...)
		if code != 1 || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("fasttext %s: exit code %d, %q, want 1 and an error that says %q; got\n%s", c.args, code, stdout, c.says, stderr)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("a failed training left files: %v", files)
	}
}
