package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/heliograph/heliograph/fasttext"
)

// mostFeatures is how many features people are shown of one label.
const mostFeatures = 8

// explainer prints why a model labels texts as it does.
type explainer struct {
	coloured bool
}

// mayColour reports whether w is a terminal that is to have colours (https://no-color.org).
func mayColour(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

type explainedText struct {
	Text       string           `json:"text"`
	Normalized string           `json:"normalized"` // what the places are in
	Labels     []explainedLabel `json:"labels"`
}

type explainedLabel struct {
	Label       string             `json:"label"`
	Probability float32            `json:"probability"`
	Score       float64            `json:"score"` // base and all contributions of features, or of tokens
	Base        float64            `json:"base"`
	Tokens      []explainedToken   `json:"tokens"`
	Features    []explainedFeature `json:"features"`
}

type explainedToken struct {
	Text         string  `json:"text"`
	Start        int     `json:"start"` // byte
	End          int     `json:"end"`
	Known        bool    `json:"known"`
	Contribution float64 `json:"contribution"`
}

type explainedFeature struct {
	Kind         fasttext.FeatureKind `json:"kind"`
	Text         string               `json:"text"`
	Start        int                  `json:"start"`
	End          int                  `json:"end"`
	Contribution float64              `json:"contribution"`
}

// explain puts an explanation in the form of the output, features by falling weight, without some
// of the labels.
func explain(e *fasttext.Explanation, text, normalized, prefix string, leaveOut func(fasttext.Prediction) bool) explainedText {
	result := explainedText{Text: text, Normalized: normalized, Labels: []explainedLabel{}}
	for i, l := range e.Labels {
		if leaveOut(fasttext.Prediction{Label: l.Label, Prob: l.Prob}) {
			continue
		}
		label := explainedLabel{Label: labelName(l.Label, prefix), Probability: l.Prob, Score: l.Score, Base: l.Base}
		for _, t := range e.Tokens {
			label.Tokens = append(label.Tokens, explainedToken{t.Text, t.Start, t.End, t.Known, t.Contributions[i]})
		}
		for _, f := range e.Features {
			label.Features = append(label.Features, explainedFeature{f.Kind, f.Text, f.Start, f.End, f.Contributions[i]})
		}
		slices.SortStableFunc(label.Features, func(a, b explainedFeature) int {
			return cmp.Compare(math.Abs(b.Contribution), math.Abs(a.Contribution))
		})
		result.Labels = append(result.Labels, label)
	}
	return result
}

// write prints an explanation for people: of each label its probability, the text in
// colours, and the features that did most.
func (x explainer) write(w *bufio.Writer, e explainedText) error {
	for _, l := range e.Labels {
		fmt.Fprintf(w, "%s  %s  score %.3f", x.bold(l.Label), strconv.FormatFloat(float64(l.Probability), 'f', 4, 32), l.Score)
		if l.Base != 0 {
			fmt.Fprintf(w, ", %.3f of it without the text", l.Base)
		}
		w.WriteString("\n")
		if x.coloured {
			x.paint(w, l.Tokens)
		}
		shown := l.Features[:min(len(l.Features), mostFeatures)]
		for _, f := range shown {
			fmt.Fprintf(w, "  %s  %s\n", x.signed(f.Contribution), featureName(f))
		}
		if rest := l.Features[len(shown):]; len(rest) > 0 {
			var sum float64
			for _, f := range rest {
				sum += f.Contribution
			}
			fmt.Fprintf(w, "  %s  %s more\n", x.signed(sum), counted(len(rest), "feature"))
		}
	}
	if len(e.Labels) == 0 {
		w.WriteString("no label\n")
	}
	return w.WriteByte('\n')
}

func featureName(f explainedFeature) string {
	switch f.Kind {
	case fasttext.LineEndFeature:
		return "the text's end"
	case fasttext.WordNgramFeature:
		if words, atEnd := strings.CutSuffix(f.Text, " </s>"); atEnd {
			return strconv.Quote(words) + " at the end"
		}
		return strconv.Quote(f.Text)
	case fasttext.SubwordFeature:
		return visible(f.Text) + " (letters)"
	}
	return visible(f.Text)
}

// visible is a word whose control characters do nothing to a terminal.
func visible(word string) string {
	quoted := strconv.Quote(word)
	if plain := quoted[1 : len(quoted)-1]; plain != word {
		return plain
	}
	return word
}

const (
	green, red, bold, grey, plain = "\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[90m", "\x1b[0m"
	greenBack, redBack            = "\x1b[30;42m", "\x1b[97;41m" // for what did most
)

func (x explainer) bold(s string) string {
	if !x.coloured {
		return s
	}
	return bold + s + plain
}

// signed is a contribution, green for the label and red against it.
func (x explainer) signed(c float64) string {
	s := fmt.Sprintf("%+8.3f", c)
	switch {
	case !x.coloured:
		return s
	case c < 0:
		return red + s + plain
	}
	return green + s + plain
}

// paint writes the text: words that speak for the label in green, those against it in red, the
// strongest on a background, unknown ones in grey.
func (x explainer) paint(w *bufio.Writer, tokens []explainedToken) {
	var most float64
	for _, t := range tokens {
		most = max(most, math.Abs(t.Contribution))
	}
	w.WriteString("  ")
	for i, t := range tokens[:max(len(tokens)-1, 0)] { // the last one is the text's end
		if i > 0 {
			w.WriteByte(' ')
		}
		w.WriteString(tint(t, most))
		w.WriteString(visible(t.Text))
		w.WriteString(plain)
	}
	w.WriteString("\n")
}

// tint is the colour of a word, given the highest contribution of any.
func tint(t explainedToken, most float64) string {
	share := 0.0
	if most > 0 {
		share = t.Contribution / most
	}
	switch {
	case share > 0.5:
		return greenBack
	case share > 0.1:
		return green
	case share < -0.5:
		return redBack
	case share < -0.1:
		return red
	case !t.Known:
		return grey
	}
	return plain
}
