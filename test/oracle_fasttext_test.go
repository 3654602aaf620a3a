//go:build e2e

// These tests hold package fasttext and its command against the original fasttext
// program, which must be on the path.
package test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/fasttextcmd"
)

var oracleModels = map[string][]string{
	"softmax":          {"-loss", "softmax"},
	"hs":               {"-loss", "hs"},
	"ns":               {"-loss", "ns"},
	"ova":              {"-loss", "ova"},
	"bigrams":          {"-wordNgrams", "2"},
	"4-grams, ova":     {"-wordNgrams", "4", "-loss", "one-vs-all", "-minCount", "2"},
	"characters":       {"-minn", "2", "-maxn", "4"},
	"characters of 1":  {"-minn", "1", "-maxn", "3", "-wordNgrams", "2", "-minCount", "3"},
	"maxn only":        {"-maxn", "3"},
	"hs, all, dim 33":  {"-loss", "hs", "-wordNgrams", "3", "-minn", "3", "-maxn", "6", "-dim", "33"},
	"minCountLabel":    {"-minCountLabel", "60"},
	"high rate":        {"-lr", "2", "-epoch", "50", "-wordNgrams", "2"},
	"few labels known": {"-label", "__label__topic", "-loss", "ova", "-dim", "3"},
}

func TestOracleModelsGoBothWays(t *testing.T) {
	t.Parallel()
	train, held := oracleCorpus(t, "train.txt", 600, 1), oracleCorpus(t, "held.txt", 200, 2)
	for name, options := range oracleModels {
		for _, by := range []string{"original", "ours"} {
			t.Run(name+", trained by "+by, func(t *testing.T) {
				t.Parallel()
				out := filepath.Join(t.TempDir(), "model")
				args := append([]string{"supervised", "-input", train, "-output", out, "-dim", "10", "-bucket", "5000",
					"-thread", "2", "-lr", "0.3", "-epoch", "8", "-verbose", "0"}, options...)
				if by == "original" {
					originalFasttext(t, "", args...)
				} else {
					ourFasttext(t, "", args...)
				}
				compareModel(t, out+".bin", held)
				if by == "ours" {
					compareVectors(t, out)
				}
			})
		}
	}
}

// compareModel runs every verb on a model with both programs.
func compareModel(t *testing.T, model, held string) {
	t.Helper()
	sameBytesAfterLoadAndSave(t, model)
	for _, rest := range [][]string{nil, {"3"}, {"-1"}, {"5", "0.2"}, {"2", "0.9"}} {
		inputs := []string{held}
		if len(rest) == 1 {
			inputs = append(inputs, "-")
		}
		for _, in := range inputs {
			args := append([]string{"predict-prob", model, in}, rest...)
			got, _ := ourFasttext(t, oracleQueries, args...)
			samePredictions(t, strings.Join(args, " "), got, originalFasttext(t, oracleQueries, args...))
		}
	}
	args := []string{"test", model, held}
	got, _ := ourFasttext(t, "", args...)
	wantSame(t, "test", got, originalFasttext(t, "", args...))

	args = []string{"test", model, held, "2", "0.1"}
	got, _ = ourFasttext(t, "", args...)
	wantSame(t, "test with k and threshold", got, originalFasttext(t, "", args...))

	args = []string{"test-label", model, held, "2"}
	got, _ = ourFasttext(t, "", args...)
	wantSame(t, "test-label", noRecall(got), noRecall(originalFasttext(t, "", args...)))

	for _, k := range []string{"1", "3"} {
		args = []string{"predict", model, held, k, "0.1"}
		got, _ = ourFasttext(t, "", args...)
		wantSame(t, "predict", got, originalFasttext(t, "", args...))
	}
	for _, what := range []string{"args", "dict", "input", "output"} {
		args = []string{"dump", model, what}
		got, _ = ourFasttext(t, "", args...)
		wantSame(t, "dump "+what, got, originalFasttext(t, "", args...))
	}
	for _, word := range []string{"überweisung", "unseen", "a", "</s>"} {
		got, _ = ourFasttext(t, "", "print-ngrams", model, word)
		sameNumbers(t, "print-ngrams "+word, got, originalFasttext(t, "", "print-ngrams", model, word))
	}
	got, _ = ourFasttext(t, "card unseen überweisung </s>\nq", "print-word-vectors", model)
	sameNumbers(t, "print-word-vectors", got, originalFasttext(t, "card unseen überweisung </s>\nq", "print-word-vectors", model))
	got, _ = ourFasttext(t, oracleQueries, "print-sentence-vectors", model)
	sameNumbers(t, "print-sentence-vectors", got, originalFasttext(t, oracleQueries, "print-sentence-vectors", model))
}

// compareVectors holds the .vec file we wrote against the original's vectors from our model.
func compareVectors(t *testing.T, out string) {
	t.Helper()
	vec, err := os.ReadFile(out + ".vec")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(vec), "\n")
	var words strings.Builder
	for line := range strings.Lines(rest) {
		words.WriteString(strings.Fields(line)[0] + "\n")
	}
	if n := strings.Count(rest, "\n"); !strings.HasPrefix(head, strconv.Itoa(n)+" ") {
		t.Errorf(".vec starts with %q and has %d words", head, n)
	}
	sameNumbers(t, ".vec", rest, originalFasttext(t, words.String(), "print-word-vectors", out+".bin"))
}

func TestOracleQuantisedModels(t *testing.T) {
	t.Parallel()
	train, held := oracleCorpus(t, "train.txt", 2000, 3), oracleCorpus(t, "held.txt", 200, 4)
	for name, options := range map[string][]string{
		"plain":                  nil,
		"norms apart":            {"-qnorm"},
		"uneven parts":           {"-dsub", "3", "-qnorm"},
		"pruned":                 {"-cutoff", "700", "-qnorm"},
		"pruned and learned on":  {"-cutoff", "900", "-retrain", "-epoch", "2"},
		"pruned to the end mark": {"-cutoff", "256"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "model")
			originalFasttext(t, "", "supervised", "-input", train, "-output", out, "-dim", "10", "-bucket", "3000", "-thread", "1",
				"-lr", "0.5", "-wordNgrams", "2", "-minn", "2", "-maxn", "3", "-verbose", "0")
			originalFasttext(t, "", append([]string{"quantize", "-input", train, "-output", out, "-thread", "1", "-verbose", "0"}, options...)...)
			model := out + ".ftz"
			sameBytesAfterLoadAndSave(t, model)
			for _, k := range []string{"1", "-1"} {
				got, _ := ourFasttext(t, oracleQueries, "predict-prob", model, "-", k)
				samePredictions(t, "predict-prob", got, originalFasttext(t, oracleQueries, "predict-prob", model, "-", k))
			}
			got, _ := ourFasttext(t, "", "test", model, held)
			wantSame(t, "test", got, originalFasttext(t, "", "test", model, held))
		})
	}
}

// A quantised output matrix needs 256 labels.
func TestOracleQuantisedOutput(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 900 {
		fmt.Fprintf(&b, "__label__l%d word%d and word%d\n", i%300, i%300, i/3)
	}
	dir := t.TempDir()
	train, out := filepath.Join(dir, "train.txt"), filepath.Join(dir, "model")
	if err := os.WriteFile(train, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	originalFasttext(t, "", "supervised", "-input", train, "-output", out, "-dim", "9", "-thread", "1", "-epoch", "20", "-lr", "1", "-verbose", "0")
	originalFasttext(t, "", "quantize", "-input", train, "-output", out, "-qout", "-qnorm", "-thread", "1", "-verbose", "0")
	sameBytesAfterLoadAndSave(t, out+".ftz")
	got, _ := ourFasttext(t, "word1 and word7\nword200\n", "predict-prob", out+".ftz", "-", "5")
	samePredictions(t, "predict-prob", got, originalFasttext(t, "word1 and word7\nword200\n", "predict-prob", out+".ftz", "-", "5"))
}

func TestOracleWordVectors(t *testing.T) {
	t.Parallel()
	train := oracleCorpus(t, "train.txt", 800, 6)
	for _, verb := range []string{"skipgram", "cbow"} {
		for _, loss := range []string{"ns", "hs", "softmax"} {
			t.Run(verb+" "+loss, func(t *testing.T) {
				t.Parallel()
				out := filepath.Join(t.TempDir(), "vectors")
				originalFasttext(t, "", verb, "-input", train, "-output", out, "-dim", "20", "-bucket", "5000", "-loss", loss,
					"-epoch", "2", "-thread", "2", "-verbose", "0", "-minn", "2", "-maxn", "5")
				sameBytesAfterLoadAndSave(t, out+".bin")
				words := "card überweisung unseen \xff 画面 </s> a"
				got, _ := ourFasttext(t, words, "print-word-vectors", out+".bin")
				sameNumbers(t, "print-word-vectors", got, originalFasttext(t, words, "print-word-vectors", out+".bin"))
				got, _ = ourFasttext(t, "why is my card late\n\nrefund", "print-sentence-vectors", out+".bin")
				sameNumbers(t, "print-sentence-vectors", got, originalFasttext(t, "why is my card late\n\nrefund", "print-sentence-vectors", out+".bin"))

				// Such vectors are also what -pretrainedVectors reads; both start with the same vocabulary.
				var dictionaries []string
				for _, by := range []string{"original", "ours"} {
					sup := filepath.Join(t.TempDir(), by)
					args := []string{"supervised", "-input", train, "-output", sup, "-dim", "20", "-minCount", "4", "-thread", "1",
						"-pretrainedVectors", out + ".vec", "-verbose", "0", "-epoch", "1", "-lr", "0.000001"}
					if by == "original" {
						originalFasttext(t, "", args...)
					} else {
						ourFasttext(t, "", args...)
					}
					dictionaries = append(dictionaries, sortLines(originalFasttext(t, "", "dump", sup+".bin", "dict")))
					got := originalFasttext(t, "card überweisung refund", "print-word-vectors", sup+".bin")
					want := vectorsOf(t, out+".vec", "card", "überweisung", "refund")
					sameFields(t, "rows taken over by "+by, got, want, 1e-3)
				}
				wantSame(t, "vocabulary with pretrained vectors", dictionaries[1], dictionaries[0])
			})
		}
	}
}

func TestOracleVocabulary(t *testing.T) {
	t.Parallel()
	train := oracleCorpus(t, "train.txt", 1500, 7)
	for _, options := range [][]string{
		{"-minCount", "1"}, {"-minCount", "3"}, {"-minCountLabel", "200"}, {"-label", "__label__topic"},
	} {
		t.Run(strings.Join(options, " "), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := append([]string{"supervised", "-input", train, "-dim", "2", "-epoch", "1", "-thread", "1", "-verbose", "0"}, options...)
			originalFasttext(t, "", append(args, "-output", dir+"/a")...)
			ourFasttext(t, "", append(args, "-output", dir+"/b")...)
			wantSame(t, "dump args", originalFasttext(t, "", "dump", dir+"/b.bin", "args"), originalFasttext(t, "", "dump", dir+"/a.bin", "args"))
			// Equal counts may come in another order.
			wantSame(t, "dump dict", sortLines(originalFasttext(t, "", "dump", dir+"/b.bin", "dict")), sortLines(originalFasttext(t, "", "dump", dir+"/a.bin", "dict")))
		})
	}
}

func TestOracleTrainingPrintsTheSameLines(t *testing.T) {
	t.Parallel()
	train := oracleCorpus(t, "train.txt", 300, 8)
	numbers := regexp.MustCompile(`words/sec/thread: *\d+|avg\.loss: *[\d.]+|lr: *0\.\d+`)
	for _, verbose := range []string{"0", "1", "2"} {
		args := []string{"supervised", "-input", train, "-output", filepath.Join(t.TempDir(), "m"), "-thread", "1", "-verbose", verbose, "-dim", "4"}
		cmd := exec.Command("fasttext", args...)
		want, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		stdout, stderr := ourFasttext(t, "", args...)
		if stdout != "" {
			t.Errorf("on standard output: %q", stdout)
		}
		lastLine := func(s string) string { return s[strings.LastIndexByte(strings.TrimSpace(s), '\r')+1:] }
		wantSame(t, "last line", numbers.ReplaceAllString(lastLine(stderr), "#"), numbers.ReplaceAllString(lastLine(string(want)), "#"))
		head := func(s string) string { return strings.Split(s, "\rProgress")[0] }
		wantSame(t, "first lines", head(stderr), head(string(want)))
	}
}

func TestOracleAccuracyIsTheOriginals(t *testing.T) {
	t.Parallel()
	train, held := oracleCorpus(t, "train.txt", 4000, 9), oracleCorpus(t, "held.txt", 4000, 10)
	for _, options := range [][]string{
		{"-loss", "softmax"}, {"-loss", "hs"}, {"-loss", "ns"}, {"-loss", "ova"}, {"-wordNgrams", "2", "-minn", "2", "-maxn", "4"},
	} {
		t.Run(strings.Join(options, " "), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := append([]string{"supervised", "-input", train, "-dim", "10", "-bucket", "50000", "-thread", "2",
				"-lr", "0.3", "-epoch", "10", "-verbose", "0"}, options...)
			originalFasttext(t, "", append(args, "-output", dir+"/a")...)
			ourFasttext(t, "", append(args, "-output", dir+"/b")...)
			theirs, mine := precisionOf(t, dir+"/a.bin", held), precisionOf(t, dir+"/b.bin", held)
			t.Logf("P@1: original %.4f, ours %.4f", theirs, mine)
			if mine < theirs-0.01 {
				t.Errorf("P@1 is %.4f, the original's %.4f", mine, theirs)
			}
		})
	}
}

// What both refuse, ours refuses with a message and the same code where the original has one.
func TestOracleRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	train := oracleCorpus(t, "train.txt", 50, 11)
	for _, args := range [][]string{
		{}, {"nonsense"}, {"supervised"}, {"supervised", "-input", train}, {"supervised", "-input", train, "-output"},
		{"supervised", "-inptu", train, "-output", dir + "/x"}, {"supervised", "input", train}, {"supervised", "-h"},
		{"supervised", "-input", train, "-output", dir + "/x", "-loss", "none"}, {"test"}, {"test", "a", "b", "1", "0", "x"},
		{"predict"}, {"predict-prob", "x"}, {"print-word-vectors"}, {"print-sentence-vectors", "a", "b"}, {"dump", "x"},
	} {
		var stdout, stderr bytes.Buffer
		code := fasttextcmd.Main(context.Background(), args, strings.NewReader(""), &stdout, &stderr)
		err := exec.Command("fasttext", args...).Run()
		exit, ok := err.(*exec.ExitError)
		if !ok || exit.ExitCode() != code {
			t.Errorf("fasttext %v: exit code %d, the original: %v", args, code, err)
		}
		if stderr.Len() == 0 || stdout.Len() > 0 {
			t.Errorf("fasttext %v: stdout %q, stderr %q", args, stdout.String(), stderr.String())
		}
	}
}
