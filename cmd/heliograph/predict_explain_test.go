package main

import (
	"bufio"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

func TestExplanationInColour(t *testing.T) {
	t.Parallel()
	e := explain(&fasttext.Explanation{
		Labels: []fasttext.ExplainedLabel{{Label: "__label__billing", Prob: 0.75, Score: 1.5}},
		Features: []fasttext.Feature{
			{Kind: fasttext.WordFeature, Text: "my", Contributions: []float64{-0.5}},
			{Kind: fasttext.WordNgramFeature, Text: "my money", Contributions: []float64{2}},
			{Kind: fasttext.WordNgramFeature, Text: "\x1b[2J </s>", Contributions: []float64{0}},
		},
		Tokens: []fasttext.ExplainedToken{
			{Text: "my", Known: true, Contributions: []float64{0.5}},
			{Text: "money", Known: true, Contributions: []float64{1}},
			{Text: "\x1b[2J", Contributions: []float64{0}},
			{Text: "</s>", Known: true, Contributions: []float64{0}},
		},
	}, "My money", "my money", "__label__", func(fasttext.Prediction) bool { return false })
	var b strings.Builder
	w := bufio.NewWriter(&b)
	if err := (explainer{coloured: true}).write(w, e); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	const want = "\x1b[1mbilling\x1b[0m  0.7500  score 1.500\n" +
		"  \x1b[32mmy\x1b[0m \x1b[30;42mmoney\x1b[0m \x1b[90m\\x1b[2J\x1b[0m\n" +
		"  \x1b[32m  +2.000\x1b[0m  \"my money\"\n" +
		"  \x1b[31m  -0.500\x1b[0m  my\n" +
		"  \x1b[32m  +0.000\x1b[0m  \"\\x1b[2J\" at the end\n\n"
	if b.String() != want {
		t.Errorf("got\n%q, want\n%q", b.String(), want)
	}
	if mayColour(&b) {
		t.Error("colours for what is no terminal")
	}
}
