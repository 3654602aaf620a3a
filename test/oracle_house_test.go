//go:build e2e

package test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
	"github.com/heliograph/heliograph/internal/fasttextcmd"
)

// originalFasttext runs the original command and returns what it prints on standard output.
func originalFasttext(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("fasttext", args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the original's fasttext %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}

// ourFasttext runs our command and returns what it prints.
func ourFasttext(t *testing.T, stdin string, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := fasttextcmd.Main(context.Background(), args, strings.NewReader(stdin), &out, &errs); code != 0 {
		t.Fatalf("fasttext %s: exit code %d\n%s", strings.Join(args, " "), code, errs.Bytes())
	}
	return out.String(), errs.String()
}

// oracleCorpus writes n lines of made-up text to a file. Labels go with words, not
// always; there are rare words, several labels on some lines, letters outside ASCII, and
// each kind of white space.
func oracleCorpus(t *testing.T, name string, n int, seed uint64) string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 5))
	topics := [][]string{
		strings.Fields("card payment refund invoice überweisung charge fee money déjà-vu"),
		strings.Fields("login password crash error screen 画面 reset update install"),
		strings.Fields("delivery parcel street courier late пакет arrived box return"),
		strings.Fields("opening hours shop visit parking café saturday closed where"),
	}
	common := strings.Fields("the a my is it please help with not why , . ? i you and to again")
	spaces := []string{" ", " ", " ", " ", "  ", "\t", " \r", "\v", "\f "}
	var b strings.Builder
	for range n {
		topic := min(int(r.ExpFloat64()*1.5), len(topics)-1)
		fmt.Fprintf(&b, "__label__topic%d ", topic)
		if r.IntN(5) == 0 {
			fmt.Fprintf(&b, "__label__extra%d ", r.IntN(3))
		}
		for range 3 + r.IntN(12) {
			switch p := r.IntN(100); {
			case p < 35:
				b.WriteString(topics[topic][r.IntN(len(topics[topic]))])
			case p < 40:
				other := topics[r.IntN(len(topics))]
				b.WriteString(other[r.IntN(len(other))])
			case p < 46:
				fmt.Fprintf(&b, "rare%d", r.IntN(n))
			case p < 47:
				b.WriteString("z")
			default:
				b.WriteString(common[r.IntN(len(common))])
			}
			b.WriteString(spaces[r.IntN(len(spaces))])
		}
		b.WriteByte('\n')
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// oracleQueries are lines to predict that hold every oddity of the tokeniser.
const oracleQueries = "why is my card payment late\n" +
	"\n" +
	"   \t \n" +
	"login überweisung 画面 пакет unseen-word z q\n" +
	"__label__topic1 delivery __label__unknown box\n" +
	"one </s> two card\n" +
	"nul\x00byte \r\n" +
	"\xff\xfe invalid \x80\x80 utf8\n" +
	"</s>\n" +
	"no newline at the end refund"

// noRecall leaves out what Debian's 0.9.2 prints wrongly: it counts no label as present, so
// that recall is undefined and F1 goes above 1 (mended upstream after that release).
func noRecall(s string) string {
	s = regexp.MustCompile(`F1-Score : \S+  `).ReplaceAllString(s, "")
	return regexp.MustCompile(`Recall : \S+ `).ReplaceAllString(s, "")
}

func sameBytesAfterLoadAndSave(t *testing.T, path string) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := fasttext.LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := m.Save(&buf); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(buf.Bytes(), want) {
		t.Errorf("%s: loaded and saved, it is not the same", path)
	}
	again := filepath.Join(t.TempDir(), "again")
	if err := m.SaveFile(again); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(again); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: loaded and saved to a file, it is not the same (%v)", path, err)
	}
}

func wantSame(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got\n%s\nthe original prints\n%s", what, got, want)
	}
}

// samePredictions wants the same lines, with probabilities up to 1e-4.
func samePredictions(t *testing.T, what, got, want string) {
	t.Helper()
	sameFields(t, what, got, want, 1e-4)
}

// sameNumbers wants the same lines, with numbers up to what five digits show.
func sameNumbers(t *testing.T, what, got, want string) {
	t.Helper()
	sameFields(t, what, got, want, 2e-5)
}

func sameFields(t *testing.T, what, got, want string, tolerance float64) {
	t.Helper()
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(gotLines) != len(wantLines) {
		t.Fatalf("%s: %d lines, the original prints %d:\n%s\n%s", what, len(gotLines), len(wantLines), got, want)
	}
	for i := range wantLines {
		g, w := strings.Split(gotLines[i], " "), strings.Split(wantLines[i], " ")
		equal := len(g) == len(w)
		for j := 0; equal && j < len(w); j++ {
			x, err1 := strconv.ParseFloat(g[j], 64)
			y, err2 := strconv.ParseFloat(w[j], 64)
			if err1 == nil && err2 == nil {
				equal = math.Abs(x-y) <= tolerance*max(1, math.Abs(y))
			} else {
				equal = g[j] == w[j]
			}
		}
		if !equal {
			t.Errorf("%s: line %d: got\n%s\nthe original prints\n%s", what, i+1, gotLines[i], wantLines[i])
		}
	}
}

func sortLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func vectorsOf(t *testing.T, path string, words ...string) string {
	t.Helper()
	vec, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, w := range words {
		for line := range strings.Lines(string(vec)) {
			if strings.HasPrefix(line, w+" ") {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

func precisionOf(t *testing.T, model, held string) float64 {
	t.Helper()
	m, err := fasttext.LoadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(held)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	metrics, err := m.Test(context.Background(), f, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	return metrics.Precision()
}
