//go:build !race

package fasttext_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

func TestRecipeLearns(t *testing.T) {
	t.Parallel()
	for _, labels := range []int{2, 3, 20, 90} {
		m, r := mustTrainRecipe(t, topics(labels, 20*labels, 1), fasttext.RecipeOptions{})
		test, err := m.Test(t.Context(), strings.NewReader(topics(labels, 10*labels, 2)), 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if test.Precision() < 0.75 || r.Accuracy < 0.7 || r.HeldOut == 0 || r.MacroF1 <= 0 || r.CalibrationError > 0.2 {
			t.Errorf("%d labels: accuracy %.3f, report %+v", labels, test.Precision(), r)
		}
		file := saved(t, m)
		if r.Bytes != int64(len(file)) {
			t.Errorf("%d labels: the report says %d bytes, the file has %d", labels, r.Bytes, len(file))
		}
		again, err := fasttext.Load(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		const text = "filler1 topic0word3 filler9 topic1word4 unheard of"
		want, got := m.Predict(nil, text, 5, 0), again.Predict(nil, text, 5, 0)
		if fmt.Sprint(got) != fmt.Sprint(want) || len(got) == 0 {
			t.Errorf("%d labels: the file predicts %v, the model %v", labels, got, want)
		}
	}
}

func TestRecipeIsDeterministic(t *testing.T) {
	t.Parallel()
	for _, text := range []string{topics(2, 300, 1), topics(40, 500, 1), severalTopics(300)} {
		want := []byte(nil)
		for _, threads := range []int{1, 2, 7} {
			m, _ := mustTrainRecipe(t, text, fasttext.RecipeOptions{Threads: threads, Seed: 3})
			file := saved(t, m)
			if want == nil {
				want = file
			}
			if !bytes.Equal(file, want) {
				t.Errorf("%d threads make another model than 1", threads)
			}
		}
	}
}

func TestRecipeKeepsToItsSize(t *testing.T) {
	t.Parallel()
	const most = 500_000
	text := topics(40, 2000, 1) + strings.Repeat("__label__topic0 x\n", 3)
	var b strings.Builder
	b.WriteString(text)
	for i := range 3000 { // words that are seen once
		fmt.Fprintf(&b, "__label__topic%d topic%dword%d once%d\n", i%40, i%40, i%30, i)
	}
	m, r := mustTrainRecipe(t, b.String(), fasttext.RecipeOptions{MaxBytes: most})
	if size := len(saved(t, m)); size > most*6/5 { // the dictionary comes on top
		t.Errorf("the file has %d bytes, report %+v", size, r)
	}
	test, err := m.Test(t.Context(), strings.NewReader(topics(40, 400, 2)), 1, 0)
	if err != nil || test.Precision() < 0.7 {
		t.Errorf("precision %.3f, %v", test.Precision(), err)
	}
}
