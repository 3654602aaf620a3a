package main

import (
	"context"
	"io"
	"math"
	"testing"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

// On rows whose labels the model knows, the score is that of fasttext's Test, and so of
// the original command.
func TestScoreIsFastTexts(t *testing.T) {
	t.Parallel()
	rows, err := dataset.StarterRows("tone")
	if err != nil {
		t.Fatal(err)
	}
	train, held, err := dataset.Split(rows, 0.3, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range held { // some rows with several labels
		if i%3 == 0 && held[i].Labels[0] != "angry" {
			held[i].Labels = append([]string{"angry"}, held[i].Labels...)
		}
	}
	lines := func(rows []dataset.Row) io.Reader {
		return dataset.Lines(dataset.Slice(rows), dataset.LineOptions{Normalize: true})
	}
	args := fasttext.SupervisedDefaults()
	args.Dim, args.LR, args.Epoch, args.Thread, args.Bucket = 10, 0.5, 10, 1, 1000
	m, err := fasttext.Train(context.Background(), lines(train), fasttext.TrainOptions{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []int{1, 2, 5} {
		want, err := m.Test(context.Background(), lines(held), k, 0.1)
		if err != nil {
			t.Fatal(err)
		}
		s := newScore(k)
		s.threshold = 0.1
		if err := s.add(context.Background(), m, dataset.Slice(held), true); err != nil {
			t.Fatal(err)
		}
		got := s.report()
		for name, pair := range map[string][2]float64{
			"rows": {float64(got.Rows), float64(want.Examples)}, "precision": {got.Precision, want.Precision()},
			"recall": {got.Recall, want.Recall()}, "F1": {got.F1, want.F1()}, "macro F1": {got.MacroF1, want.MacroF1()},
		} {
			if math.Abs(pair[0]-pair[1]) > 1e-9 {
				t.Errorf("k %d: %s %v, want %v", k, name, pair[0], pair[1])
			}
		}
	}
}

func TestScoreCountsUnknownLabelsAsMissed(t *testing.T) {
	t.Parallel()
	s := newScore(1)
	answer := func(label string) []fasttext.Prediction {
		return []fasttext.Prediction{{Label: "__label__" + label, Prob: 1}}
	}
	s.count([]string{"card lost"}, answer("card_lost"))
	s.count([]string{"unknown"}, answer("card_lost"))
	s.count([]string{"card_lost"}, nil)
	r := s.report()
	if r.Accuracy != 1./3 || r.Precision != 0.5 || r.Recall != 1./3 || r.Rows != 3 {
		t.Errorf("%+v", r)
	}
	want := []confusion{{"card_lost", "", 1}, {"unknown", "card_lost", 1}}
	if len(r.Confusions) != 2 || r.Confusions[0] != want[0] || r.Confusions[1] != want[1] {
		t.Errorf("confusions %+v, want %+v", r.Confusions, want)
	}
}
