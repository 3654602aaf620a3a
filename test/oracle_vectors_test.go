//go:build e2e

package test

import (
	"bufio"
	"context"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nearLines fails unless both texts have the same words and nearly the same numbers.
func nearLines(t *testing.T, what, theirs, ours string) {
	t.Helper()
	a, b := strings.Fields(theirs), strings.Fields(ours)
	if len(a) != len(b) {
		t.Fatalf("%s: the original prints\n%s\nand we\n%s", what, theirs, ours)
	}
	for i := range a {
		x, errX := strconv.ParseFloat(a[i], 64)
		y, errY := strconv.ParseFloat(b[i], 64)
		if same := a[i] == b[i] || errX == nil && errY == nil && math.Abs(x-y) <= 2e-5*max(1, math.Abs(x)); !same {
			t.Fatalf("%s: field %d is %s from the original and %s from us\n%s\n%s", what, i, a[i], b[i], theirs, ours)
		}
	}
}

// TestOracleVectors lets each program train word vectors with the same flags, and both
// answer from both models.
func TestOracleVectors(t *testing.T) {
	t.Parallel()
	corpus := oracleCorpus(t, "vectors.txt", 800, 11)
	const words = "card überweisung 画面 unheardof </s>\npassword parcel\n"
	for _, verb := range []string{"skipgram", "cbow"} {
		for _, loss := range []string{"ns", "hs", "softmax", "ova"} {
			dir := t.TempDir()
			flags := []string{"-input", corpus, "-dim", "12", "-bucket", "3000", "-loss", loss, "-minCount", "2",
				"-t", "0.01", "-epoch", "3", "-minn", "2", "-maxn", "4", "-thread", "1", "-verbose", "0", "-saveOutput"}
			originalFasttext(t, "", append([]string{verb, "-output", dir + "/theirs"}, flags...)...)
			ourFasttext(t, "", append([]string{verb, "-output", dir + "/ours"}, flags...)...)
			for _, name := range []string{"theirs", "ours"} {
				model := dir + "/" + name + ".bin"
				for _, query := range [][]string{
					{"nn", model, "5"}, {"print-word-vectors", model}, {"print-sentence-vectors", model},
					{"print-ngrams", model, "überweisung"}, {"print-ngrams", model, "unheardof"},
					{"dump", model, "args"}, {"dump", model, "dict"}, {"dump", model, "input"}, {"dump", model, "output"},
				} {
					ours, _ := ourFasttext(t, words, query...)
					nearLines(t, strings.Join([]string{verb, loss, name, query[0]}, " "), originalFasttext(t, words, query...), ours)
				}
				const triplets = "card refund password\nparcel überweisung 画面 screen unheardof late\n"
				ours, _ := ourFasttext(t, triplets, "analogies", model, "4")
				// Both ask once more at the end, the original for ever.
				ours = strings.TrimSuffix(ours, "Query triplet (A - B + C)? ")
				nearLines(t, strings.Join([]string{verb, loss, name, "analogies"}, " "), firstLines(t, triplets, strings.Count(ours, "\n"), "analogies", model, "4"), ours)
				vec, err := os.ReadFile(dir + "/" + name + ".vec")
				if err != nil || strings.Count(string(vec), "\n") != strings.Count(string(mustReadFile(t, dir+"/theirs.vec")), "\n") {
					t.Errorf("%s %s: %s.vec has %d lines, %v", verb, loss, name, strings.Count(string(vec), "\n"), err)
				}
			}
		}
	}
}

// firstLines runs the original command, which may not end by itself, and returns the first n lines that it prints.
func firstLines(t *testing.T, stdin string, n int, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "fasttext", args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	lines := bufio.NewScanner(out)
	for n > 0 && lines.Scan() {
		b.WriteString(lines.Text() + "\n")
		n--
	}
	cancel()
	_ = cmd.Wait() // killed
	if n > 0 {
		t.Fatalf("the original's fasttext %s ended %d lines early:\n%s", strings.Join(args, " "), n, b.String())
	}
	return b.String()
}

func mustReadFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
