package fasttext_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

// noisyLines are texts of one telling word, in a third of the cases under another label.
func noisyLines(seed uint64, n int) (lines [][]string) {
	r := rand.New(rand.NewPCG(seed, 0))
	for range n {
		word := r.IntN(3)
		label := word
		if r.IntN(3) == 0 {
			label = r.IntN(3)
		}
		text := fmt.Sprintf("w%d n%d n%d", word, r.IntN(50), r.IntN(50))
		lines = append(lines, []string{text, fmt.Sprintf("__label__%d", label)})
	}
	return lines
}

func pairs(lines [][]string) iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for _, l := range lines {
			if !yield(l[0], l[1:]) {
				return
			}
		}
	}
}

// overfit trains a model that is too sure of itself.
func overfit(t testing.TB, loss fasttext.Loss) *fasttext.Model {
	var text bytes.Buffer
	for _, l := range noisyLines(1, 300) {
		fmt.Fprintln(&text, l[1], l[0])
	}
	return mustTrain(t, text.Bytes(), func(o *fasttext.TrainOptions) {
		o.Loss, o.Epoch, o.LR, o.WordNgrams, o.Bucket = loss, 200, 1, 2, 10_000
	})
}

func TestCalibrate(t *testing.T) {
	t.Parallel()
	for _, loss := range []fasttext.Loss{fasttext.Softmax, fasttext.HierarchicalSoftmax, fasttext.NegativeSampling, fasttext.OneVsAll} {
		m := overfit(t, loss)
		c, err := m.Calibrate(context.Background(), pairs(noisyLines(2, 2000)))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v: temperature %.2f, loss %.3f to %.3f, error %.3f to %.3f, thresholds %v", loss, c.Temperature, c.LossBefore, c.LossAfter, c.ErrorBefore, c.ErrorAfter, c.Thresholds)
		if c.Examples != 2000 || c.Temperature < 1.2 || c.LossAfter >= c.LossBefore || c.ErrorAfter > c.ErrorBefore/2 {
			t.Errorf("%v: %+v", loss, c)
		}
		calibrated, err := m.WithCalibration(c)
		if err != nil {
			t.Fatal(err)
		}
		temperatureOnly := *c
		temperatureOnly.Isotonic = nil
		tempered, err := m.WithCalibration(&temperatureOnly)
		if err != nil {
			t.Fatal(err)
		}
		if v := c.CrossValidated; v.Before.Error < 2*v.Temperature.Error || v.Before.Loss < v.Temperature.Loss || c.Isotonic != nil && v.Isotonic.Error >= v.Temperature.Error {
			t.Errorf("%v: cross-validated %+v", loss, *v)
		}
		// On texts that nobody saw, it holds too.
		var before, after fasttext.Reliability
		for text, labels := range pairs(noisyLines(3, 2000)) {
			raw, better := m.Predict(nil, text, 0, 0), calibrated.Predict(nil, text, 0, 0)
			before.Add(raw[0].Prob, raw[0].Label == labels[0])
			after.Add(better[0].Prob, better[0].Label == labels[0])
			var sum float64
			for i, p := range better {
				if !(p.Prob >= 0 && p.Prob <= 1) {
					t.Fatalf("%v: probability %v", loss, p)
				}
				if loss != fasttext.HierarchicalSoftmax && loss != fasttext.NegativeSampling && loss != fasttext.OneVsAll && p.Label != raw[i].Label {
					t.Fatalf("%v: calibrated order %v, before %v", loss, better, raw)
				}
				sum += float64(p.Prob)
			}
			if loss == fasttext.Softmax && math.Abs(sum-1) > 1e-6 {
				t.Fatalf("probabilities %v add up to %v", better, sum)
			}
			e := calibrated.Explain(text, 1)
			score := e.Labels[0].Base
			for _, f := range e.Features {
				score += f.Contributions[0]
			}
			if e.Labels[0].Prob != better[0].Prob || math.Abs(score-e.Labels[0].Score) > 1e-9 ||
				loss == fasttext.HierarchicalSoftmax && math.Abs(math.Exp(score)-float64(tempered.Predict(nil, text, 1, 0)[0].Prob)) > 1e-4 {
				t.Fatalf("%v: explained as %+v, predicted %v", loss, e.Labels[0], better[0])
			}
		}
		if before.Count() != 2000 || after.CalibrationError() > before.CalibrationError()/2 {
			t.Errorf("%v: error on other texts %.3f, before %.3f", loss, after.CalibrationError(), before.CalibrationError())
		}
		if several := loss == fasttext.NegativeSampling || loss == fasttext.OneVsAll; several != (len(c.Thresholds) == 3) {
			t.Errorf("%v: thresholds %v", loss, c.Thresholds)
		}
	}
}

// The thresholds give about the highest F1 that any thresholds give.
func TestThresholds(t *testing.T) {
	t.Parallel()
	m := overfit(t, fasttext.OneVsAll)
	lines := noisyLines(2, 500)
	c, err := m.Calibrate(context.Background(), pairs(lines))
	if err != nil {
		t.Fatal(err)
	}
	calibrated, err := m.WithCalibration(c)
	if err != nil {
		t.Fatal(err)
	}
	f1 := func(label string, threshold float32) float64 {
		var correct, predicted, gold float64
		for text, labels := range pairs(lines) {
			has := slices.Contains(labels, label)
			if has {
				gold++
			}
			for _, p := range calibrated.Predict(nil, text, 0, threshold) {
				if p.Label == label {
					predicted++
					if has {
						correct++
					}
				}
			}
		}
		return 2 * correct / (predicted + gold)
	}
	for label, threshold := range c.Thresholds {
		got := f1(label, threshold)
		for other := float32(0.02); other < 1; other += 0.02 {
			if f := f1(label, other); f > got+0.02 {
				t.Errorf("%s: F1 is %v at the threshold %v and %v at %v", label, got, threshold, f, other)
			}
		}
		if !c.Reaches(fasttext.Prediction{Label: label, Prob: threshold}) || c.Reaches(fasttext.Prediction{Label: label, Prob: threshold - 0.001}) {
			t.Errorf("%s: threshold %v is not kept to", label, threshold)
		}
	}
}

func TestCalibrationFile(t *testing.T) {
	t.Parallel()
	m := overfit(t, fasttext.OneVsAll)
	c, err := m.Calibrate(context.Background(), pairs(append(noisyLines(2, 200), []string{"unheard"}, []string{"w1", "__label__unheard"}, []string{"w1 w2", "__label__1", "__label__2"})))
	if err != nil {
		t.Fatal(err)
	}
	if c.Examples != 202 {
		t.Errorf("%d examples, want those with labels", c.Examples)
	}
	path := fasttext.CalibrationPath(filepath.Join(t.TempDir(), "m.bin"))
	if err := c.SaveFile(path); err != nil {
		t.Fatal(err)
	}
	again, err := fasttext.LoadCalibration(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, c) {
		t.Errorf("saved and loaded it is %+v, was %+v", again, c)
	}
	// The same model from a file is the same model.
	fromFile, err := fasttext.LoadBytes(saved(t, m))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fromFile.WithCalibration(again); err != nil {
		t.Error(err)
	}
	if _, err := overfit(t, fasttext.Softmax).WithCalibration(again); !errors.Is(err, fasttext.ErrOtherModel) {
		t.Errorf("another model: %v", err)
	}
	if _, err := mustLoad(t, "skipgram").WithCalibration(again); !errors.Is(err, fasttext.ErrNotSupervised) {
		t.Errorf("word vectors: %v", err)
	}
	if _, err := mustLoad(t, "skipgram").Calibrate(context.Background(), pairs(nil)); !errors.Is(err, fasttext.ErrNotSupervised) {
		t.Errorf("word vectors: %v", err)
	}
	if _, err := m.Calibrate(context.Background(), pairs([][]string{{"w1"}, {"w1", "__label__unheard"}})); err == nil || !strings.Contains(err.Error(), "nothing to calibrate on") {
		t.Errorf("no labels: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Calibrate(ctx, pairs(noisyLines(2, 200))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := fasttext.LoadCalibration(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for text, want := range map[string]string{
		``:                     "EOF",
		`{}`:                   "temperature is 0",
		`{"temperature": -1}`:  "temperature is -1",
		`{"temperature": 1e9}`: "temperature is 1e+09",
		`{"temperature": 1} x`: "more after its end",
		`{"temperature": 1, "thresholds": {"a": 2}}`:                                     "threshold of a is 2",
		`{"temperature": 1, "default_threshold": 2}`:                                     "default_threshold is 2",
		`{"temperature": 1, "heat": 2}`:                                                  `unknown field "heat"`,
		`{"temperature": 1, "isotonic": [[0.5, 0.5], [0.4, 0.6]]}`:                       "isotonic does not rise",
		`{"temperature": 1, "isotonic": [[0.5, 0.5], [0.6, 0.4]]}`:                       "isotonic does not rise",
		`{"temperature": 1, "isotonic": [[0.5, 1.5]]}`:                                   "isotonic does not rise",
		`{"temperature": 1, "isotonic": [[-1, 0]]}`:                                      "isotonic does not rise",
		`{"temperature": 1, "isotonic": [` + strings.Repeat("[0,0],", 1<<17) + `[0,0]]}`: "too many points",
	} {
		if _, err := fasttext.ParseCalibration([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func FuzzParseCalibration(f *testing.F) {
	f.Add([]byte(`{"model":"a","examples":3,"temperature":1.5,"thresholds":{"__label__a":0.5},"default_threshold":0.2}`))
	f.Add([]byte(`{"temperature":2,"isotonic":[[0.1,0],[0.5,0.25],[0.75,0.25],[1,1]]}`))
	m := mustLoad(f, "softmax")
	of, err := m.Calibrate(context.Background(), pairs([][]string{{"my invoice", "__label__billing"}}))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := fasttext.ParseCalibration(text)
		if err != nil {
			return
		}
		c.Model = of.Model
		calibrated, err := m.WithCalibration(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range calibrated.Predict(nil, "my invoice", 0, 0) {
			if !(p.Prob >= 0 && p.Prob <= 1) {
				t.Fatalf("%+v makes %v", c, p)
			}
		}
	})
}

// Where one temperature isn't enough, isotonic regression is chosen, and does better on other texts; labels
// keep their order, and thresholds are those of what comes of it.
func TestIsotonic(t *testing.T) {
	t.Parallel()
	// A model that has learned rules, and texts in which those hold in half of the cases, though of other
	// words in all: it is too sure of some texts only.
	lines := func(seed uint64, n int, broken bool) (lines [][]string) {
		r := rand.New(rand.NewPCG(seed, 0))
		for range n {
			word := r.IntN(6)
			label := word % 3
			if broken && word < 3 && r.IntN(2) == 0 {
				label = r.IntN(3)
			}
			filler := ""
			for range word / 3 * 6 {
				filler += fmt.Sprintf(" n%d", r.IntN(30))
			}
			lines = append(lines, []string{fmt.Sprintf("w%d%s", word, filler), fmt.Sprintf("__label__%d", label)})
		}
		return lines
	}
	for _, loss := range allLosses {
		var text bytes.Buffer
		for _, l := range lines(1, 600, false) {
			fmt.Fprintln(&text, l[1], l[0])
		}
		m := mustTrain(t, text.Bytes(), func(o *fasttext.TrainOptions) { o.Loss, o.Epoch = loss, 15 })
		c, err := m.Calibrate(context.Background(), pairs(lines(2, 1500, true)))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v: temperature %.2f, %d points, %+v", loss, c.Temperature, len(c.Isotonic), *c.CrossValidated)
		if c.Isotonic == nil {
			t.Errorf("%v: isotonic regression was not chosen: %+v", loss, *c.CrossValidated)
			continue
		}
		curved, err := m.WithCalibration(c)
		if err != nil {
			t.Fatal(err)
		}
		only := *c
		only.Isotonic = nil
		tempered, err := m.WithCalibration(&only)
		if err != nil {
			t.Fatal(err)
		}
		var with, without fasttext.Reliability
		for text, labels := range pairs(lines(3, 1500, true)) {
			a, b := curved.Predict(nil, text, 0, 0), tempered.Predict(nil, text, 0, 0)
			with.Add(a[0].Prob, a[0].Label == labels[0])
			without.Add(b[0].Prob, b[0].Label == labels[0])
			var sum float32
			for i, p := range a {
				if p.Label != b[i].Label && (i == 0 || p.Prob != a[i-1].Prob) && (i+1 == len(a) || p.Prob != a[i+1].Prob) {
					t.Fatalf("%v: the order %v was %v", loss, a, b)
				}
				if sum += p.Prob; !(p.Prob >= 0 && p.Prob <= 1) {
					t.Fatalf("%v: %v", loss, p)
				}
				for k, q := range curved.Predict(nil, text, 0, p.Prob*0.999) {
					if q != a[k] {
						t.Fatalf("%v: with a threshold %v, without %v", loss, q, a[k])
					}
				}
			}
			if loss == fasttext.Softmax && math.Abs(float64(sum)-1) > 1e-5 {
				t.Fatalf("probabilities %v add up to %v", a, sum)
			}
		}
		if with.CalibrationError() > without.CalibrationError()/2 {
			t.Errorf("%v: the error on other texts is %.4f, with the temperature alone %.4f", loss, with.CalibrationError(), without.CalibrationError())
		}
	}
}
