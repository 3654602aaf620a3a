package fasttext_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

// topics makes lines of labelled text: words of the label among words of no meaning.
func topics(labels, lines int, seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	for i := range lines {
		label := i % labels
		fmt.Fprintf(&b, "__label__topic%d", label)
		for range 4 + r.IntN(8) {
			if r.IntN(3) == 0 {
				fmt.Fprintf(&b, " topic%dword%d", label, r.IntN(30))
			} else {
				fmt.Fprintf(&b, " filler%d", r.IntN(200))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func mustTrainRecipe(t *testing.T, text string, opt fasttext.RecipeOptions) (*fasttext.Model, *fasttext.RecipeReport) {
	t.Helper()
	m, r, err := fasttext.TrainRecipe(t.Context(), strings.NewReader(text), opt)
	if err != nil {
		t.Fatal(err)
	}
	return m, r
}

// A few examples that are all told apart are no reason to be certain about others.
func TestRecipeIsInDoubtAboutLittle(t *testing.T) {
	t.Parallel()
	var one, several strings.Builder
	for i := range 24 {
		words := []string{"red", "green", "blue"}[i%3]
		fmt.Fprintf(&one, "__label__%s %s thing%d\n", words, words, i%4)
		fmt.Fprintf(&several, "__label__%s %s thing%d\n", words, words, i%4)
	}
	several.WriteString(strings.Repeat("__label__red __label__blue red blue thing\n", 4))
	for _, text := range []string{one.String(), several.String()} {
		m, r := mustTrainRecipe(t, text, fasttext.RecipeOptions{})
		if found := m.Predict(nil, "green thing1", 1, 0); len(found) != 1 || found[0].Label != "__label__green" || found[0].Prob < 0.7 || found[0].Prob > 0.998 {
			t.Errorf("several labels %v: %v; sharpness %.2f", r.SeveralLabels, found, r.Sharpness)
		}
	}
}

// severalTopics makes lines that have up to three labels.
func severalTopics(lines int) string {
	r := rand.New(rand.NewPCG(5, 1))
	var b strings.Builder
	for range lines {
		for range 1 + r.IntN(3) {
			label := r.IntN(12)
			fmt.Fprintf(&b, "__label__topic%d topic%dword%d filler%d topic%dword%d ", label, label, r.IntN(10), r.IntN(100), label, r.IntN(10))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestRecipeWithSeveralLabels(t *testing.T) {
	t.Parallel()
	m, r := mustTrainRecipe(t, severalTopics(600), fasttext.RecipeOptions{})
	if !r.SeveralLabels || m.Args().Loss != fasttext.OneVsAll || r.F1 < 0.8 || !(r.Threshold > 0 && r.Threshold < 1) {
		t.Fatalf("report %+v", r)
	}
	found := map[string]float32{}
	for _, p := range m.Predict(nil, "topic3word1 topic3word5 filler7 topic8word2 topic8word6", -1, float32(r.Threshold)) {
		found[p.Label] = p.Prob
	}
	if len(found) != 2 || found["__label__topic3"] == 0 || found["__label__topic8"] == 0 {
		t.Errorf("found %v, want topic3 and topic8", found)
	}
}

func TestRecipeTakesOddText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text string }{
		{"one label", "__label__a x y\n__label__a z\n"},
		{"one line", "__label__a x"},
		{"one row a label", "__label__a x y\n__label__b z w\n__label__c v u\n"},
		{"two rows a label", "__label__a x y\n__label__b z w\n__label__a x v\n__label__b z u\n"},
		{"equal texts, other labels", strings.Repeat("__label__a x y\n__label__b x y\n__label__c x y\n", 20)},
		{"empty texts", strings.Repeat("__label__a\n__label__b x\n__label__b\n\n", 10)},
		{"nothing but empty texts", "__label__a\n__label__b\n"},
		{"unbalanced", strings.Repeat("__label__a x y z\n", 500) + "__label__b w v\n"},
		{"several labels, one row each", "__label__a __label__b x\n__label__c __label__d y\n"},
		{"a label twice", strings.Repeat("__label__a __label__a x\n__label__b y\n", 5)},
		{"not UTF-8", strings.Repeat("__label__a \xff\xfe\x80\n__label__b \xc3\n", 10)},
		{"one word", strings.Repeat("__label__a x\n__label__b x\n", 10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, r := mustTrainRecipe(t, c.text, fasttext.RecipeOptions{})
			for _, text := range []string{"x y", "", "never seen before", "__label__a"} {
				for _, p := range m.Predict(nil, text, -1, 0) {
					if !(p.Prob >= 0 && p.Prob <= 1) {
						t.Errorf("%q: %v", text, p)
					}
				}
			}
			if _, err := fasttext.Load(bytes.NewReader(saved(t, m))); err != nil {
				t.Error(err)
			}
			if r.Labels != len(m.Labels()) {
				t.Errorf("report %+v", r)
			}
		})
	}
}

func TestRecipeLearnsRareLabels(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "__label__often common filler%d filler%d\n", i%37, i%11)
	}
	b.WriteString("__label__rare strange filler1\n__label__rare strange filler2\n")
	m, _ := mustTrainRecipe(t, b.String(), fasttext.RecipeOptions{})
	if p := m.Predict(nil, "strange filler9", 1, 0); len(p) != 1 || p[0].Label != "__label__rare" {
		t.Errorf("predicted %v", p)
	}
}

func TestRecipeRefuses(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		text string
		opt  fasttext.RecipeOptions
		want error
	}{
		{"empty", t.Context(), "", fasttext.RecipeOptions{}, fasttext.ErrEmpty},
		{"no labels", t.Context(), "a b c\n", fasttext.RecipeOptions{}, fasttext.ErrNoLabels},
		{"an ended context", ended, topics(3, 100, 1), fasttext.RecipeOptions{}, context.Canceled},
		{"threads", t.Context(), "__label__a x\n", fasttext.RecipeOptions{Threads: -1}, nil},
		{"size", t.Context(), "__label__a x\n", fasttext.RecipeOptions{MaxBytes: -1}, nil},
	} {
		_, _, err := fasttext.TrainRecipe(c.ctx, strings.NewReader(c.text), c.opt)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
}
