package fasttext_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

var allLosses = []fasttext.Loss{fasttext.Softmax, fasttext.HierarchicalSoftmax, fasttext.NegativeSampling, fasttext.OneVsAll}

const moreRequests = "__label__legal my lawyer writes to you about this contract\n__label__legal the court wants the contract\n"

func TestContinue(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	for _, loss := range allLosses {
		t.Run(loss.String(), func(t *testing.T) {
			t.Parallel()
			first := mustTrain(t, text, func(o *fasttext.TrainOptions) { o.Loss, o.WordNgrams, o.Maxn, o.Epoch = loss, 2, 3, 60 })
			file := saved(t, first)
			loaded, err := fasttext.Load(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			goOn := func(from *fasttext.Model, text string, epochs int) *fasttext.Model {
				return mustTrain(t, []byte(text), func(o *fasttext.TrainOptions) {
					o.Continue, o.Epoch, o.MinCount, o.MinCountLabel = from, epochs, 2, 2
				})
			}
			// What was learned is still there, whatever the text says of it.
			const query = "refund for my card 画面"
			same := goOn(loaded, moreRequests, 0)
			if len(same.Labels()) != len(first.Labels())+1 || same.Args().WordNgrams != 2 || same.Args().Maxn != 3 {
				t.Errorf("labels %v, options %+v", same.Labels(), same.Args())
			}
			if same.Tokens() != first.Tokens()+17 {
				t.Errorf("%d tokens after %d and 17", same.Tokens(), first.Tokens())
			}
			if got, want := same.SentenceVector(nil, query), first.SentenceVector(nil, query); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("the text's vector was %v and is %v", want, got)
			}
			if loss == fasttext.OneVsAll || loss == fasttext.NegativeSampling {
				got := map[string]float32{}
				for _, p := range same.Predict(nil, query, 0, 0) {
					got[p.Label] = p.Prob
				}
				for _, p := range first.Predict(nil, query, 0, 0) {
					if got[p.Label] != p.Prob {
						t.Errorf("%s had %v and has %v", p.Label, p.Prob, got[p.Label])
					}
				}
			}
			if !bytes.Equal(saved(t, goOn(first, moreRequests, 3)), saved(t, goOn(loaded, moreRequests, 3))) {
				t.Error("going on from the file gives another model")
			}
			if !bytes.Equal(saved(t, first), file) {
				t.Error("the model was changed")
			}
			// New words and a new label are learned, and old ones not forgotten.
			both := goOn(loaded, strings.Repeat(moreRequests, 5)+string(text), 60)
			if p := both.Predict(nil, "a contract for the court", 1, 0); p[0].Label != "__label__legal" {
				t.Errorf("the new label: %v", p)
			}
			m, err := both.Test(context.Background(), bytes.NewReader(text), 1, 0)
			if err != nil || m.Precision() < 0.95 {
				t.Errorf("precision on the old text is %v, %v", m.Precision(), err)
			}
			if _, err := fasttext.Load(bytes.NewReader(saved(t, both))); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestContinueErrors(t *testing.T) {
	t.Parallel()
	first := mustTrain(t, mustRead(t, "testdata/requests.txt"), nil)
	for _, c := range []struct {
		name  string
		model *fasttext.Model
		label string
		says  string
	}{
		{"word vectors", mustLoad(t, "skipgram"), "__label__", "cannot go on from word vectors"},
		{"quantised", mustLoad(t, "quantised"), "__label__", "cannot go on from a quantised model"},
		{"pruned", mustLoad(t, "pruned"), "__label__", "cannot go on from a quantised model"},
		{"other prefix", first, "#", "does not begin with -label, which is #"},
		{"prefix of words", first, "_", ""},
		{"words are labels", mustTrain(t, []byte("#a word\n"), func(o *fasttext.TrainOptions) { o.Label = "#" }), "__label__", "does not begin with -label"},
		{"no labels of its own", mustTrain(t, []byte("__label__a _b word\n"), nil), "_", "the word _b of the model to go on from begins as -label says"},
	} {
		opt := fasttext.TrainOptions{Args: smallArgs(), Continue: c.model}
		opt.Label = c.label
		_, err := fasttext.Train(context.Background(), strings.NewReader(moreRequests), opt)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: got %v, want an error that says %q", c.name, err, c.says)
		}
	}
}

func TestTrainRows(t *testing.T) {
	t.Parallel()
	rows := func(yield func(fasttext.Example, error) bool) {
		_ = yield(fasttext.Example{Text: "my\ncard is\x00gone __label__b </s> now", Labels: []string{"a", "__label__c"}}, nil) &&
			yield(fasttext.Example{Text: "unlabelled"}, nil) &&
			yield(fasttext.Example{Text: strings.Repeat("long ", 1<<19), Labels: []string{"b"}}, nil)
	}
	text := "__label__a __label__c my card is gone now\nunlabelled\n__label__b " + strings.Repeat("long ", 1<<19) + "\n"
	opt := fasttext.TrainOptions{Args: smallArgs()}
	opt.Epoch, opt.WordNgrams = 3, 2
	got, err := fasttext.TrainRows(context.Background(), rows, opt)
	if err != nil {
		t.Fatal(err)
	}
	want, err := fasttext.Train(context.Background(), strings.NewReader(text), opt)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(saved(t, got), saved(t, want)) {
		t.Error("another model than from the same examples as text")
	}
	broken := errors.New("no more disk")
	one := func(e fasttext.Example, err error) iter.Seq2[fasttext.Example, error] {
		return func(yield func(fasttext.Example, error) bool) {
			_ = yield(fasttext.Example{Text: "fine", Labels: []string{"a"}}, nil) && yield(e, err)
		}
	}
	if _, err := fasttext.TrainRows(context.Background(), one(fasttext.Example{}, broken), opt); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "example 2: ") {
		t.Errorf("got %v", err)
	}
	for _, label := range []string{"", "__label__", "two words", "line\n"} {
		if _, err := fasttext.TrainRows(context.Background(), one(fasttext.Example{Text: "x", Labels: []string{label}}, nil), opt); err == nil || !strings.Contains(err.Error(), "example 2: the label") {
			t.Errorf("label %q: got %v", label, err)
		}
	}
	if _, err := fasttext.TrainRows(context.Background(), func(func(fasttext.Example, error) bool) {}, opt); !errors.Is(err, fasttext.ErrEmpty) {
		t.Errorf("nothing: got %v", err)
	}
}

// One text in ten says the same and has the other label: weights of 9 make up for it.
func TestLabelWeights(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat(strings.Repeat("__label__a word\n", 9)+"__label__b word\n", 20))
	for _, loss := range allLosses {
		share := func(weights map[string]float32, balance bool) float64 {
			m := mustTrain(t, text, func(o *fasttext.TrainOptions) {
				o.Loss, o.LabelWeights, o.BalanceLabels, o.LR, o.Epoch, o.Neg = loss, weights, balance, 0.1, 40, 1
			})
			probs := map[string]float64{}
			for _, p := range m.Predict(nil, "word", 0, 0) {
				probs[p.Label] = float64(p.Prob)
			}
			return probs["__label__b"] / (probs["__label__a"] + probs["__label__b"])
		}
		if got := share(nil, false); math.Abs(got-0.1) > 0.05 {
			t.Errorf("%v: without weights, the rare label has %v", loss, got)
		}
		if got := share(map[string]float32{"__label__b": 9}, false); math.Abs(got-0.5) > 0.12 {
			t.Errorf("%v: with a weight of 9, the rare label has %v", loss, got)
		}
		if got := share(nil, true); math.Abs(got-0.5) > 0.12 {
			t.Errorf("%v: balanced, the rare label has %v", loss, got)
		}
	}
	for weight, says := range map[float32]string{-1: "want a number from 0 on", float32(math.NaN()): "want a number", float32(math.Inf(1)): "want a number"} {
		opt := fasttext.TrainOptions{Args: smallArgs(), LabelWeights: map[string]float32{"__label__b": weight}}
		if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), opt); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("weight %v: %v", weight, err)
		}
	}
	opt := fasttext.TrainOptions{Args: smallArgs(), LabelWeights: map[string]float32{"b": 1}}
	if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), opt); err == nil || !strings.Contains(err.Error(), `"b", which is not a label`) {
		t.Errorf("unknown label: %v", err)
	}
}

// Whatever the learning rate, there is either a model whose probabilities are numbers or
// the error that names the option.
func TestNeverNaN(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	for _, loss := range allLosses {
		for _, lr := range []float64{2, 50, 1e4, 1e10, 1e20, 1e37, 1e300} {
			for _, threads := range []int{1, 3} {
				opt := fasttext.TrainOptions{Args: smallArgs()}
				opt.Loss, opt.LR, opt.WordNgrams, opt.Thread = loss, lr, 2, threads
				m, err := fasttext.Train(context.Background(), bytes.NewReader(text), opt)
				if err != nil {
					if !errors.Is(err, fasttext.ErrDiverged) || !strings.Contains(err.Error(), "-lr") {
						t.Errorf("%v, lr %v: %v", loss, lr, err)
					}
					continue
				}
				for _, p := range m.Predict(nil, "refund for my card", 0, 0) {
					if !(p.Prob >= 0 && p.Prob <= 1) {
						t.Errorf("%v, lr %v, %d threads: %v", loss, lr, threads, p)
					}
				}
			}
		}
	}
}
