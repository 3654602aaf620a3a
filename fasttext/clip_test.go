package fasttext_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

// A learning rate that is far too high still gives a classifier, and word vectors of ordinary length.
func TestClipping(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	for _, lr := range []float64{5, 100, 1e4} {
		m := mustTrain(t, text, func(o *fasttext.TrainOptions) { o.LR, o.WordNgrams, o.Epoch = lr, 2, 50 })
		if p := precision(t, m, text); p < 0.9 {
			t.Errorf("-lr %v: precision on the training text is %v", lr, p)
		}
		m = mustTrain(t, text, func(o *fasttext.TrainOptions) { o.LR, o.Deterministic, o.Thread, o.Epoch = lr, true, 2, 50 })
		if p := precision(t, m, text); p < 0.9 {
			t.Errorf("-lr %v, deterministic: precision on the training text is %v", lr, p)
		}
	}
	m := mustTrain(t, text, func(o *fasttext.TrainOptions) { o.LabelWeights = map[string]float32{"__label__billing": 1e4} })
	for _, p := range m.Predict(nil, "refund for my card", 0, 0) {
		if !(p.Prob >= 0 && p.Prob <= 1) {
			t.Errorf("with a heavy label: %v", p)
		}
	}
}

func TestClippingOfVectors(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	for _, kind := range []fasttext.ModelKind{fasttext.Skipgram, fasttext.CBOW, fasttext.BatchSkipgram} {
		for _, loss := range allLosses {
			if kind == fasttext.BatchSkipgram && loss != fasttext.NegativeSampling {
				continue
			}
			for _, maxn := range []int{0, 4} {
				for _, lr := range []float64{2, 10, 100} {
					t.Run(fmt.Sprintf("%v, %v, -maxn %d, -lr %v", kind, loss, maxn, lr), func(t *testing.T) {
						t.Parallel()
						m := mustTrain(t, text, func(o *fasttext.TrainOptions) {
							o.Model, o.Loss, o.Maxn, o.LR, o.Dim, o.MinCount, o.T = kind, loss, maxn, lr, 10, 1, 1
						})
						for i := range m.Words() {
							word, _ := m.Word(i)
							for _, x := range m.WordVector(nil, word) {
								if !(math.Abs(float64(x)) < 1e4) {
									t.Fatalf("%s has %v", word, x)
								}
							}
						}
					})
				}
			}
		}
	}
}

// Weights that are not numbers are found when a model is read, or else when they are used.
func TestWeightsThatAreNotNumbers(t *testing.T) {
	t.Parallel()
	for name, bits := range map[string][]byte{"NaN": {0, 0, 0xc0, 0x7f}, "infinity": {0, 0, 0x80, 0x7f}, "minus infinity": {0, 0, 0x80, 0xff}} {
		for _, model := range []string{"softmax", "hs", "ova", "skipgram", "pruned"} {
			file := slices.Clone(mustRead(t, modelPath(model)))
			copy(file[len(file)-4:], bits)
			for _, load := range []func() (*fasttext.Model, error){
				func() (*fasttext.Model, error) { return fasttext.LoadBytes(file) },
				func() (*fasttext.Model, error) { return fasttext.Load(bytes.NewReader(file)) },
				func() (*fasttext.Model, error) { return fasttext.Load(struct{ io.Reader }{bytes.NewReader(file)}) },
			} {
				_, err := load()
				fault, ok := errors.AsType[*fasttext.FormatError](err)
				if !ok || fault.Offset != int64(len(file)-4) || !strings.Contains(err.Error(), "a weight that is not a number") {
					t.Errorf("%s, %s: %v", model, name, err)
				}
			}
		}
	}

	mapped, file := withNaN(t)
	if _, err := fasttext.Load(bytes.NewReader(file)); err == nil || !strings.Contains(err.Error(), "the input matrix has a weight that is not a number") {
		t.Errorf("reading all: %v", err)
	}
	path := filepath.Join(t.TempDir(), "model.bin")
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	opened, err := fasttext.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	for _, m := range []*fasttext.Model{mapped, opened} {
		if p := m.Predict(nil, "card", 0, 0); p != nil {
			t.Errorf("predictions from no numbers: %v", p)
		}
		err := m.PredictLines(context.Background(), strings.NewReader("card\n"), 1, 0, func([]fasttext.Prediction) error { return nil })
		if !errors.Is(err, fasttext.ErrNotNumbers) {
			t.Errorf("PredictLines: %v", err)
		}
		if _, err := m.Test(context.Background(), strings.NewReader("__label__a card\n"), 1, 0); !errors.Is(err, fasttext.ErrNotNumbers) {
			t.Errorf("Test: %v", err)
		}
	}
}
