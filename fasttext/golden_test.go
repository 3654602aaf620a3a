package fasttext_test

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

var update = flag.Bool("update", false, "write testdata/golden anew; needs the original fasttext program")

// golden are small models and what the original program makes of them. Those without
// made are trained here; the others by the original.
var golden = []struct {
	name  string
	train func(*fasttext.Args)
	quant *fasttext.QuantizeOptions // how it is quantised after training; nil for not
	made  [][]string                // command lines of the original; {} is the model's path without suffix
	file  string                    // suffix
}{
	{name: "softmax", train: func(a *fasttext.Args) { a.WordNgrams = 2 }},
	{name: "hs", train: func(a *fasttext.Args) { a.Loss = fasttext.HierarchicalSoftmax; a.Minn, a.Maxn = 2, 3 }},
	{name: "ns", train: func(a *fasttext.Args) { a.Loss = fasttext.NegativeSampling; a.WordNgrams = 3 }},
	{name: "ova", train: func(a *fasttext.Args) { a.Loss = fasttext.OneVsAll; a.MinCount = 2; a.Minn, a.Maxn = 1, 4 }},
	{name: "quantised", file: ".ftz", made: [][]string{
		{"supervised", "-input", "testdata/requests.txt", "-output", "{}", "-dim", "4", "-bucket", "300", "-lr", "1", "-epoch", "20",
			"-wordNgrams", "2", "-thread", "1", "-verbose", "0"},
		{"quantize", "-input", "testdata/requests.txt", "-output", "{}", "-qnorm", "-thread", "1", "-verbose", "0"}}},
	{name: "pruned", file: ".ftz", made: [][]string{
		{"supervised", "-input", "testdata/requests.txt", "-output", "{}", "-dim", "5", "-bucket", "500", "-lr", "1", "-epoch", "20",
			"-minn", "2", "-maxn", "4", "-thread", "1", "-verbose", "0"},
		{"quantize", "-input", "testdata/requests.txt", "-output", "{}", "-cutoff", "400", "-thread", "1", "-verbose", "0"}}},
	{name: "quantised-here", file: ".ftz", train: func(a *fasttext.Args) { a.WordNgrams, a.Dim = 2, 5 },
		quant: &fasttext.QuantizeOptions{QOut: true, DSub: 3}},
	{name: "pruned-here", file: ".ftz", train: func(a *fasttext.Args) { a.Loss = fasttext.OneVsAll; a.Minn, a.Maxn = 2, 4 },
		quant: &fasttext.QuantizeOptions{QNorm: true, Cutoff: 300}},
	{name: "skipgram", made: [][]string{
		{"skipgram", "-input", "testdata/requests.txt", "-output", "{}", "-dim", "6", "-bucket", "300", "-minCount", "2", "-thread", "1", "-verbose", "0"}}},
}

const goldenWords = "card refund überweisung 画面 unheard </s> q\n"

// modelPath returns the file of a golden model.
func modelPath(name string) string {
	for _, g := range golden {
		if g.name == name {
			return filepath.Join("testdata/golden", name+cmp.Or(g.file, ".bin"))
		}
	}
	panic(name)
}

func mustLoad(t testing.TB, name string) *fasttext.Model {
	t.Helper()
	m, err := fasttext.LoadFile(modelPath(name))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// smallArgs are options for the training text of the tests.
func smallArgs() fasttext.Args {
	a := fasttext.SupervisedDefaults()
	a.Dim, a.Bucket, a.LR, a.Epoch, a.Thread = 4, 300, 0.5, 20, 1
	return a
}

func mustTrain(t testing.TB, text []byte, change func(*fasttext.TrainOptions)) *fasttext.Model {
	t.Helper()
	opt := fasttext.TrainOptions{Args: smallArgs()}
	if change != nil {
		change(&opt)
	}
	m, err := fasttext.Train(context.Background(), bytes.NewReader(text), opt)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestGolden holds predictions and vectors against those of the original program.
func TestGolden(t *testing.T) {
	if *update {
		updateGolden(t)
	}
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			file := mustRead(t, modelPath(g.name))
			m, err := fasttext.Load(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			var again bytes.Buffer
			if err := m.Save(&again); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again.Bytes(), file) {
				t.Error("loaded and saved, the file is not the same")
			}

			var words bytes.Buffer
			for _, w := range strings.Fields(goldenWords) {
				fmt.Fprintf(&words, "%s %s\n", w, fasttext.AppendVector(nil, m.WordVector(nil, w)))
			}
			sameFields(t, words.String(), string(mustRead(t, "testdata/golden/"+g.name+".words")))
			if !m.Supervised() {
				return
			}
			var lines bytes.Buffer
			err = m.PredictLines(context.Background(), bytes.NewReader(mustRead(t, "testdata/questions.txt")), 0, 0, func(found []fasttext.Prediction) error {
				for i, p := range found {
					if i > 0 {
						lines.WriteByte(' ')
					}
					fmt.Fprintf(&lines, "%s %g", p.Label, p.Prob)
				}
				lines.WriteByte('\n')
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			sameFields(t, lines.String(), string(mustRead(t, "testdata/golden/"+g.name+".predictions")))
		})
	}
}

// sameFields wants the same words, with numbers up to 1e-4.
func sameFields(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(g) != len(w) {
		t.Fatalf("%d lines, want %d:\n%s", len(g), len(w), got)
	}
	for i := range w {
		if !slices.EqualFunc(strings.Fields(g[i]), strings.Fields(w[i]), func(a, b string) bool {
			x, err1 := strconv.ParseFloat(a, 64)
			y, err2 := strconv.ParseFloat(b, 64)
			return a == b || err1 == nil && err2 == nil && math.Abs(x-y) < 1e-4
		}) {
			t.Errorf("line %d: got\n%s\nwant\n%s", i+1, g[i], w[i])
		}
	}
}

func updateGolden(t *testing.T) {
	dir := "testdata/golden"
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	original := func(stdin string, args ...string) []byte {
		cmd := exec.Command("fasttext", args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("fasttext %v: %v", args, err)
		}
		return out
	}
	for _, g := range golden {
		path := modelPath(g.name)
		if g.train != nil {
			m := mustTrain(t, mustRead(t, "testdata/requests.txt"), func(o *fasttext.TrainOptions) { g.train(&o.Args) })
			if g.quant != nil {
				m = mustQuantize(t, m, *g.quant)
			}
			if err := m.SaveFile(path); err != nil {
				t.Fatal(err)
			}
		} else {
			base := filepath.Join(t.TempDir(), "model")
			for _, args := range g.made {
				args = slices.Clone(args)
				args[slices.Index(args, "{}")] = base
				original("", args...)
			}
			if err := os.WriteFile(path, mustRead(t, base+cmp.Or(g.file, ".bin")), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		words := original(goldenWords, "print-word-vectors", path)
		if err := os.WriteFile(filepath.Join(dir, g.name+".words"), words, 0o666); err != nil {
			t.Fatal(err)
		}
		if g.name != "skipgram" {
			found := original("", "predict-prob", path, "testdata/questions.txt", "-1")
			if err := os.WriteFile(filepath.Join(dir, g.name+".predictions"), found, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}
