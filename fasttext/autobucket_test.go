package fasttext_test

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

// TestAutoBucket counts the n-grams itself, as strings.
func TestAutoBucket(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	pairs, pieces := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var words []string
		for _, w := range strings.Fields(line) {
			if !strings.HasPrefix(w, "__label__") {
				words = append(words, w)
			}
		}
		for _, w := range words {
			marked := []rune("<" + w + ">")
			for n := 2; n <= 3; n++ {
				for i := 0; i+n <= len(marked); i++ {
					pieces[string(marked[i:i+n])] = true
				}
			}
		}
		words = append(words, "</s>")
		for i := range words[1:] {
			pairs[words[i]+" "+words[i+1]] = true
		}
	}
	text = append(text, "a line without any label is left out\n"...)
	for _, c := range []struct {
		name   string
		change func(*fasttext.Args)
		want   int
	}{
		{"words", func(a *fasttext.Args) { a.WordNgrams = 2 }, len(pairs)},
		{"characters", func(a *fasttext.Args) { a.Minn, a.Maxn = 2, 3 }, len(pieces)},
		{"both", func(a *fasttext.Args) { a.WordNgrams, a.Minn, a.Maxn = 2, 2, 3 }, len(pairs) + len(pieces)},
		{"none", func(*fasttext.Args) {}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			train := func(bucket int) *fasttext.Model {
				return mustTrain(t, text, func(o *fasttext.TrainOptions) {
					o.Epoch = 50
					c.change(&o.Args)
					o.Bucket = bucket
				})
			}
			m, large := train(fasttext.AutoBucket), train(200000)
			got := m.Args().Bucket
			// The unlabelled line's words are in the vocabulary, and so are their pieces.
			if math.Abs(float64(got-c.want)) > 0.05*float64(c.want) {
				t.Errorf("%d rows, want about %d", got, c.want)
			}
			again, err := fasttext.Load(bytes.NewReader(mustSave(t, m)))
			if err != nil || again.Args().Bucket != got {
				t.Errorf("loaded with %d rows: %v", again.Args().Bucket, err)
			}
			if same := agreement(t, m, large, text); same < 0.75 {
				t.Errorf("agrees with a large table in %.3f of the lines", same)
			}
		})
	}
	for says, change := range map[string]func(*fasttext.Args){
		"-bucket is auto": func(a *fasttext.Args) {
			*a = fasttext.UnsupervisedDefaults(fasttext.CBOW)
			a.Bucket = fasttext.AutoBucket
		},
		"-bucket is -2": func(a *fasttext.Args) { a.Bucket = -2 },
	} {
		a := smallArgs()
		change(&a)
		if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), fasttext.TrainOptions{Args: a}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
}
