package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestWordsPerSecond(t *testing.T) {
	t.Parallel()
	const said = "Read 6M words\nNumber of words:  10\n" +
		"\rProgress:  50.0% words/sec/thread:  100000 lr:  0.1\rProgress: 100.0% words/sec/thread: 1234567 lr:  0.000000 avg.loss:  0.5 ETA:   0h 0m 0s\n"
	for said, want := range map[string]float64{said: 1234567, "": 0, "words/sec/thread:": 0, "words/sec/thread: many": 0} {
		if got := wordsPerSecond(said); got != want {
			t.Errorf("%q: %v, want %v", said, got, want)
		}
	}
}

func TestPrecisionIn(t *testing.T) {
	t.Parallel()
	if p, err := precisionIn("N\t100\nP@1\t0.875\nR@1\t0.5\n"); err != nil || p != 0.875 {
		t.Errorf("%v, %v, want 0.875", p, err)
	}
	for _, out := range []string{"", "N\t3\n", "P@1\tall\n"} {
		if p, err := precisionIn(out); err == nil {
			t.Errorf("%q: %v, want an error", out, p)
		}
	}
}

func TestParseFigures(t *testing.T) {
	t.Parallel()
	if v, err := parseFigures("1.5\n2e6\n"); err != nil || !slices.Equal(v, []float64{1.5, 2e6}) {
		t.Errorf("%v, %v", v, err)
	}
	for _, out := range []string{"", "\n", "1 x"} {
		if v, err := parseFigures(out); err == nil {
			t.Errorf("%q: %v, want an error", out, v)
		}
	}
}

// A run is measured in a process of its own: input, output and the three figures.
func TestAnswerRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, []byte("some text"), 0o600); err != nil {
		t.Fatal(err)
	}
	values, err := answerRun(t.Context(), []string{in, out, "0", "0", "cat"})
	if err != nil {
		t.Fatal(err)
	}
	if len(values) != 3 || values[0] <= 0 {
		t.Errorf("figures %v", values)
	}
	if text, err := os.ReadFile(out); err != nil || string(text) != "some text" {
		t.Errorf("output %q, %v", text, err)
	}
	for _, args := range [][]string{
		{"", out, "0", "0"}, {in + "missing", out, "0", "0", "cat"}, {"", out, "0", "0", "false"},
		{"", out, "soon", "0", "cat"}, {"", out, "0", "much", "cat"}, {"", out, "0.05", "0", "sleep", "100"},
	} {
		if values, err := answerRun(t.Context(), args); err == nil {
			t.Errorf("%q: %v, want an error", args, values)
		}
	}
}

func TestUnfinishedRun(t *testing.T) {
	t.Parallel()
	const progress = "\rProgress:  99.9% Trials:   12 Best score:  0.874 ETA:   0h 0m 0s\rProgress: 100.0% Trials:   13 Best score:  0.881 ETA:   0h 0m 0s"
	for said, want := range map[string]string{
		progress + "\nbench: killed: it had not ended after 60 s\n": "killed: it had not ended after 60 s; the last it said: Progress: 100.0% Trials: 13 Best score: 0.881 ETA: 0h 0m 0s",
		"bench: signal: killed\n":                                   "signal: killed",
		"terminate called\nbench: exit status 1\n\n":                "exit status 1; the last it said: terminate called",
		"": "it did not end as it should",
	} {
		if got := unfinishedRun(said).Error(); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	all, err := choose("")
	if err != nil || len(all) != len(sections) {
		t.Errorf("%d sections, %v", len(all), err)
	}
	some, err := choose("invoke,training")
	if err != nil || len(some) != 2 || some[0].name != "invoke" || some[1].name != "training" {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := choose("training,nothing"); err == nil || !strings.Contains(err.Error(), `no section "nothing"`) || !strings.Contains(err.Error(), "prediction") {
		t.Errorf("error %v", err)
	}
}

func TestReadTexts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "labelled")
	line := "__label__a " + strings.Repeat("w ", 30) + "\n"
	if err := os.WriteFile(path, []byte(strings.Repeat(line, 4)), 0o600); err != nil {
		t.Fatal(err)
	}
	texts, err := readTexts(path, 9)
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) != 2 || len(strings.Fields(texts[0])) != textWords || strings.Contains(texts[0], "__label__") {
		t.Errorf("texts %q", texts)
	}
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	if texts, err := readTexts(path, 9); err == nil {
		t.Errorf("30 words gave %q, want an error", texts)
	}
}

// The parts of a set have every line once, and are the same each time.
func TestDivide(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lines")
	var lines []string
	for i := range 40 {
		lines = append(lines, "__label__"+spell(uint64(i)))
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var before []string
	for range 2 {
		learn, valid, err := divide(path)
		if err != nil {
			t.Fatal(err)
		}
		most, err := readLines(learn)
		if err != nil {
			t.Fatal(err)
		}
		tenth, err := readLines(valid)
		if err != nil {
			t.Fatal(err)
		}
		if len(tenth) != 4 {
			t.Errorf("%d lines to validate, want 4", len(tenth))
		}
		all := slices.Concat(most, tenth)
		if before != nil && !slices.Equal(all, before) {
			t.Error("another order the second time")
		}
		before = slices.Clone(all)
		slices.Sort(all)
		if want := slices.Sorted(slices.Values(lines)); !slices.Equal(all, want) {
			t.Errorf("lines %q, want %q", all, want)
		}
	}
}
