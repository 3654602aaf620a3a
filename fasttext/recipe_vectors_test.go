package fasttext_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

// kinds makes labelled lines whose words hardly repeat, so that only what is known of the words from elsewhere
// helps; n is how many words each kind has.
func kinds(lines, n int) string {
	var b strings.Builder
	for i := range lines {
		k := i % 3
		fmt.Fprintf(&b, "__label__kind%d word%dx%d word%dx%d\n", k, k, (2*i)%n, k, (2*i+1)%n)
	}
	return b.String()
}

func TestRecipeUsesPretrainedVectors(t *testing.T) {
	t.Parallel()
	const words = 150
	path := filepath.Join(t.TempDir(), "words.vec")
	var vec strings.Builder
	fmt.Fprintf(&vec, "%d 4\n", 3*words)
	for i := range 3 * words {
		k := i % 3
		x := [4]float64{3: 0.1 * float64(i%7)}
		x[k] = 1
		fmt.Fprintf(&vec, "word%dx%d %v %v %v %v\n", k, i/3, x[0], x[1], x[2], x[3])
	}
	if err := os.WriteFile(path, []byte(vec.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	m, r := mustTrainRecipe(t, kinds(60, 100), fasttext.RecipeOptions{PretrainedVectors: path})
	for k := range 3 {
		text := fmt.Sprintf("word%dx%d", k, words-1) // not in the labelled text
		if p := m.Predict(nil, text, 1, 0); len(p) != 1 || p[0].Label != fmt.Sprintf("__label__kind%d", k) {
			t.Errorf("%s: predicted %v, report %+v", text, p, r)
		}
	}
	if _, _, err := fasttext.TrainRecipe(t.Context(), strings.NewReader("__label__a x\n"), fasttext.RecipeOptions{PretrainedVectors: path + "?"}); err == nil {
		t.Error("no error without a file")
	}
}

func TestRecipeUsesUnlabelledText(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 1500 {
		k := i % 3
		for j := range 8 {
			fmt.Fprintf(&b, "word%dx%d ", k, (i*(j+3)+j*j)%60)
		}
		b.WriteByte('\n')
	}
	train := func() (*fasttext.Model, *fasttext.RecipeReport) {
		return mustTrainRecipe(t, kinds(30, 50), fasttext.RecipeOptions{Unlabelled: strings.NewReader(b.String())})
	}
	m, r := train()
	for k := range 3 {
		text := fmt.Sprintf("word%dx%d word%dx%d", k, 55, k, 57)
		if p := m.Predict(nil, text, 1, 0); len(p) != 1 || p[0].Label != fmt.Sprintf("__label__kind%d", k) {
			t.Errorf("%s: predicted %v, report %+v", text, p, r)
		}
	}
	if again, _ := train(); string(saved(t, again)) != string(saved(t, m)) {
		t.Error("the same text makes another model")
	}
	// Nothing to learn from.
	mustTrainRecipe(t, kinds(30, 50), fasttext.RecipeOptions{Unlabelled: strings.NewReader("")})
	mustTrainRecipe(t, "__label__a x\n", fasttext.RecipeOptions{Unlabelled: strings.NewReader("\n\ny")})
}
