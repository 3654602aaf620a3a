package fasttext_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

func TestDeterministic(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	for _, loss := range allLosses {
		for _, maxn := range []int{0, 3} {
			train := func(threads, seed int) *fasttext.Model {
				return mustTrain(t, text, func(o *fasttext.TrainOptions) {
					o.Deterministic, o.Thread, o.Seed, o.Loss, o.WordNgrams, o.Maxn, o.Epoch = true, threads, seed, loss, 2, maxn, 60
					o.BalanceLabels = true
				})
			}
			first := train(1, 1)
			want := saved(t, first)
			for _, threads := range []int{1, 2, 3, 4, 9} {
				if !bytes.Equal(saved(t, train(threads, 1)), want) {
					t.Errorf("%v, maxn %d: %d threads make another model than one", loss, maxn, threads)
				}
			}
			if bytes.Equal(saved(t, train(2, 2)), want) {
				t.Errorf("%v, maxn %d: another seed makes the same model", loss, maxn)
			}
			plain := mustTrain(t, text, func(o *fasttext.TrainOptions) {
				o.Loss, o.WordNgrams, o.Maxn, o.Epoch, o.BalanceLabels = loss, 2, maxn, 60, true
			})
			if got, usual := precision(t, first, text), precision(t, plain, text); got < usual-0.1 {
				t.Errorf("%v, maxn %d: precision on the training text is %v, with the usual training %v", loss, maxn, got, usual)
			}
		}
	}
}

func precision(t *testing.T, m *fasttext.Model, text []byte) float64 {
	t.Helper()
	metrics, err := m.Test(context.Background(), bytes.NewReader(text), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	return metrics.Precision()
}

func TestDeterministicErrors(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	for _, loss := range allLosses {
		opt := fasttext.TrainOptions{Args: smallArgs(), Deterministic: true}
		opt.Loss, opt.LR = loss, 1e30
		if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), opt); !errors.Is(err, fasttext.ErrDiverged) {
			t.Errorf("%v: %v", loss, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	opt := fasttext.TrainOptions{Args: smallArgs(), Deterministic: true, OnProgress: func(fasttext.Progress) { cancel() }}
	opt.Epoch = 1 << 30
	if _, err := fasttext.Train(ctx, bytes.NewReader(text), opt); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	opt.Model = fasttext.Skipgram
	if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), opt); err == nil || !strings.Contains(err.Error(), "for supervised models") {
		t.Errorf("skipgram: %v", err)
	}
}
