package fasttext_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

// Contributions add up to the score, and the score to the probability.
func TestExplain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"softmax", "hs", "ns", "ova", "quantised", "pruned"} {
		m := mustLoad(t, name)
		for _, text := range []string{"why was my card charged überweisung twice ?", "card", "unheard card\n画面 card", "__label__billing refund __label__none x", "a </s> card", "\xff\x80 card"} {
			e := m.Explain(text, 0)
			want := m.Predict(nil, text, 0, 0)
			if len(e.Labels) != len(want) {
				t.Fatalf("%s, %q: %d labels, want %d", name, text, len(e.Labels), len(want))
			}
			var softmax float64
			for _, l := range e.Labels {
				softmax += math.Exp(l.Score)
			}
			for i, l := range e.Labels {
				if l.Label != want[i].Label || l.Prob != want[i].Prob {
					t.Errorf("%s, %q: label %v, want %v", name, text, l, want[i])
				}
				features, tokens := l.Base, l.Base
				for _, f := range e.Features {
					features += f.Contributions[i]
				}
				for _, token := range e.Tokens {
					tokens += token.Contributions[i]
				}
				if math.Abs(features-l.Score) > 1e-9 || math.Abs(tokens-l.Score) > 1e-9 {
					t.Errorf("%s, %q, %s: features add up to %v and tokens to %v, the score is %v", name, text, l.Label, features, tokens, l.Score)
				}
				var prob float64
				switch m.Args().Loss {
				case fasttext.Softmax:
					prob = math.Exp(l.Score) / softmax
				case fasttext.HierarchicalSoftmax:
					prob = math.Exp(l.Score)
				default:
					prob = 1 / (1 + math.Exp(-l.Score)) // the model has it from a table
				}
				tolerance := 1e-4
				if m.Args().Loss == fasttext.OneVsAll || m.Args().Loss == fasttext.NegativeSampling {
					tolerance = 0.01
				}
				if math.Abs(prob-float64(l.Prob)) > tolerance {
					t.Errorf("%s, %q, %s: score %v means %v, predicted %v", name, text, l.Label, l.Score, prob, l.Prob)
				}
			}
			for _, f := range e.Features {
				if f.Kind == fasttext.WordFeature && text[f.Start:f.End] != f.Text {
					t.Errorf("%s, %q: %+v stands elsewhere", name, text, f)
				}
				if f.Kind == fasttext.SubwordFeature && strings.Trim(f.Text, "<>") != text[f.Start:f.End] {
					t.Errorf("%s, %q: %+v stands elsewhere", name, text, f)
				}
			}
		}
	}
}

// A contribution is what leaving the feature's row out would take away.
func TestExplainFeatures(t *testing.T) {
	t.Parallel()
	m := mustTrain(t, []byte("__label__a red car\n__label__b blue car\n"), func(o *fasttext.TrainOptions) { o.WordNgrams, o.Maxn, o.Minn, o.Epoch = 3, 0, 0, 100 })
	e := m.Explain(" red  car __label__a new", 1)
	var got []string
	for _, f := range e.Features {
		got = append(got, string(f.Kind)+": "+f.Text)
	}
	want := []string{"word: red", "word: car", "line end: </s>", "word n-gram: red car", "word n-gram: red car new",
		"word n-gram: car new", "word n-gram: car new </s>", "word n-gram: new </s>"}
	if !slices.Equal(got, want) {
		t.Errorf("features %q, want %q", got, want)
	}
	if e.Labels[0].Label != "__label__a" || e.Tokens[0].Contributions[0] <= e.Tokens[1].Contributions[0] {
		t.Errorf("red should speak for a more than car does: %+v", e)
	}
	if tokens := e.Tokens; len(tokens) != 4 || tokens[2].Text != "new" || tokens[2].Known || !tokens[0].Known || tokens[0].Start != 1 || tokens[0].End != 4 {
		t.Errorf("tokens %+v", tokens)
	}

	if e := mustLoad(t, "skipgram").Explain("card", 1); len(e.Labels) > 0 {
		t.Errorf("word vectors: %+v", e)
	}
	closed, _ := mustOpen(t, "softmax")
	closed.Close()
	if e := closed.Explain("card", 1); len(e.Labels) > 0 {
		t.Errorf("closed: %+v", e)
	}
}

func FuzzExplain(f *testing.F) {
	names := []string{"softmax", "hs", "ns", "ova", "quantised", "pruned"}
	var models []*fasttext.Model
	for i, name := range names {
		models = append(models, mustLoad(f, name))
		f.Add("why is there a fee on my invoice ?", uint8(i))
	}
	f.Add("</s> \x00\xff __label__billing\n<>", uint8(3))
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		m := models[int(which)%len(models)]
		e := m.Explain(text, 1)
		if want := m.Predict(nil, text, 1, 0); len(want) != len(e.Labels) || len(want) > 0 && e.Labels[0].Label != want[0].Label {
			t.Fatalf("explained %v, predicted %v", e.Labels, want)
		}
		for _, token := range e.Tokens[:len(e.Tokens)-1] {
			if text[token.Start:token.End] != token.Text {
				t.Errorf("%+v stands elsewhere in %q", token, text)
			}
		}
	})
}
