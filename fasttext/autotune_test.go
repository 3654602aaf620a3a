package fasttext_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

// autotuneTexts are texts whose labels only word pairs tell: the pair says it, and the words
// in it stand next to others as well. One label in ten is wrong.
func autotuneTexts(from, to int) []byte {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		x, y := i*7%5, i*13%4
		fmt.Fprintf(&b, "__label__%d first%d second%d noise%d noise%d\n", (x+2*y+i/11%10/9)%3, x, y, i*31%50, i*17%50)
	}
	return b.Bytes()
}

func autotuneOptions() fasttext.AutotuneOptions {
	opt := fasttext.AutotuneOptions{Args: fasttext.SupervisedDefaults(), Trials: 10, Fixed: []string{"epoch"}}
	opt.Thread, opt.Epoch = 2, 12
	return opt
}

func mustAutotune(t *testing.T, opt fasttext.AutotuneOptions) *fasttext.Autotuned {
	t.Helper()
	found, err := fasttext.Autotune(context.Background(), bytes.NewReader(autotuneTexts(0, 300)), bytes.NewReader(autotuneTexts(300, 400)), opt)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// choices are the trials without what depends on time.
func choices(found *fasttext.Autotuned) string {
	var b strings.Builder
	for _, trial := range found.Trials {
		trial.Seconds, trial.Elapsed, trial.Best = 0, 0, false
		fmt.Fprintf(&b, "%+v\n", trial)
	}
	return b.String()
}

func TestAutotuneFindsPairs(t *testing.T) {
	t.Parallel()
	found := mustAutotune(t, autotuneOptions())
	if found.Score < 0.85 || found.Args.WordNgrams < 2 {
		t.Errorf("score %v with %+v", found.Score, found.Args)
	}
	m, err := found.Model.Test(context.Background(), bytes.NewReader(autotuneTexts(300, 400)), 1, 0)
	if err != nil || m.F1() != found.Score {
		t.Errorf("the model has F1 %v, its trial %v (%v)", m.F1(), found.Score, err)
	}
	if best := found.Trials[found.Best-1]; best.Number != found.Best || best.Score != found.Score || len(best.Curve) != 4 {
		t.Errorf("best trial: %+v", best)
	}
	if got := found.Model.Args(); got.Dim != found.Args.Dim || got.Epoch != found.Args.Epoch {
		t.Errorf("the model has other options than the result: %+v", got)
	}
}

func TestAutotuneIsReproducible(t *testing.T) {
	t.Parallel()
	opt := autotuneOptions()
	opt.Seed = 5
	first, again := mustAutotune(t, opt), mustAutotune(t, opt)
	if choices(first) != choices(again) {
		t.Errorf("other trials:\n%s\n%s", choices(first), choices(again))
	}
	if !bytes.Equal(saved(t, first.Model), saved(t, again.Model)) {
		t.Error("another model")
	}
}

// A search that was interrupted, even in the middle of writing a line, goes on and ends as if it
// had not been.
func TestAutotuneResumes(t *testing.T) {
	t.Parallel()
	t.Run("as usual", func(t *testing.T) { t.Parallel(); testAutotuneResumes(t, autotuneOptions()) })
	t.Run("-bucket auto", func(t *testing.T) {
		t.Parallel()
		opt := autotuneOptions()
		opt.Bucket, opt.Fixed = fasttext.AutoBucket, []string{"epoch", "bucket"}
		testAutotuneResumes(t, opt)
	})
}

func testAutotuneResumes(t *testing.T, opt fasttext.AutotuneOptions) {
	want := mustAutotune(t, opt)
	opt.Log = filepath.Join(t.TempDir(), "trials.jsonl")
	for interrupted := range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		ended := 0
		opt.OnTrial = func(fasttext.Trial) {
			if ended++; ended == 2 {
				cancel()
			}
		}
		_, err := fasttext.Autotune(ctx, bytes.NewReader(autotuneTexts(0, 300)), bytes.NewReader(autotuneTexts(300, 400)), opt)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("interruption %d: %v", interrupted, err)
		}
		f, err := os.OpenFile(opt.Log, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString(`{"trial":99,"lr"`)
		f.Close()
	}
	trained := 0
	opt.OnTrial = func(fasttext.Trial) { trained++ }
	got := mustAutotune(t, opt)
	if choices(got) != choices(want) {
		t.Errorf("other trials:\n%s\n%s", choices(got), choices(want))
	}
	if !bytes.Equal(saved(t, got.Model), saved(t, want.Model)) {
		t.Error("another model")
	}
	if trained > len(want.Trials)-4 {
		t.Errorf("%d trials were left to do", trained)
	}
	// All that is known: the model is trained again, and no trial is.
	trained = 0
	if got = mustAutotune(t, opt); trained != 0 || !bytes.Equal(saved(t, got.Model), saved(t, want.Model)) {
		t.Errorf("%d more trials, or another model", trained)
	}
}

func TestAutotuneLogErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	opt := autotuneOptions()
	opt.Trials, opt.Log = 1, good
	mustAutotune(t, opt)
	log := string(mustRead(t, good))
	head, trial, _ := strings.Cut(log, "\n")
	for name, c := range map[string]struct{ content, says string }{
		"a novel":       {"Call me Ishmael.\n", "another search"},
		"a short novel": {"Call me", "another search"},
		"other seed":    {strings.Replace(log, `"Seed":0`, `"Seed":1`, 1), "another search"},
		"not JSON":      {head + "\nlr=1\n", "line 2 is not a trial"},
		"twice":         {log + trial, "line 3: trial 1 stands there twice"},
		"score":         {strings.Replace(log, `"score":`, `"score":1`, 1), "line 2: trial 1 has a score that cannot be"},
		"options":       {strings.Replace(log, `"dim":`, `"dim":-`, 1), "line 2: trial 1: -dim is -"},
		"huge rows":     {strings.Replace(log, `"dim":`, `"dim":9`, 1), "line 2: trial 1 has options that a search does not choose"},
		"many rows":     {strings.Replace(log, `"bucket":`, `"bucket":99`, 1), "line 2: trial 1 has options that a search does not choose"},
		"huge":          {strings.Replace(log, `"elapsed":`, `"elapsed":1e300,"x":`, 1), "line 2: trial 1 has a time that cannot be"},
	} {
		opt.Log = filepath.Join(dir, name)
		if err := os.WriteFile(opt.Log, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := fasttext.Autotune(context.Background(), bytes.NewReader(autotuneTexts(0, 300)), bytes.NewReader(autotuneTexts(300, 400)), opt)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want an error that says %q", name, err, c.says)
		}
		if string(mustRead(t, opt.Log)) != c.content {
			t.Errorf("%s: the file was changed", name)
		}
	}
	opt.Log, opt.Fixed = good, []string{"lr"}
	if _, err := fasttext.Autotune(context.Background(), bytes.NewReader(autotuneTexts(0, 300)), bytes.NewReader(autotuneTexts(300, 400)), opt); err == nil || !strings.Contains(err.Error(), "another search") {
		t.Errorf("other options: %v", err)
	}
	opt.Fixed = nil
	if _, err := fasttext.Autotune(context.Background(), bytes.NewReader(autotuneTexts(0, 301)), bytes.NewReader(autotuneTexts(300, 400)), opt); err == nil || !strings.Contains(err.Error(), "another search") {
		t.Errorf("another text: %v", err)
	}
}

func TestAutotuneBounds(t *testing.T) {
	t.Parallel()
	opt := autotuneOptions()
	opt.Fixed, opt.Dim, opt.Epoch, opt.Trials = []string{"dim", "lr"}, 7, 11, 8
	for _, trial := range mustAutotune(t, opt).Trials {
		if trial.Dim != 7 || trial.LR != opt.LR {
			t.Errorf("fixed options were changed: %+v", trial)
		}
	}
	opt = autotuneOptions()
	opt.ModelSize = 20_000
	found := mustAutotune(t, opt)
	if size := len(saved(t, found.Model)); size > 20_000 {
		t.Errorf("the model has %d bytes", size)
	}
	opt.ModelSize, opt.LargestDim = 0, 3
	for _, trial := range mustAutotune(t, opt).Trials {
		if trial.Dim > 3 {
			t.Errorf("dim is above 3: %+v", trial)
		}
	}
	opt.Trials, opt.Duration = 0, 300*time.Millisecond
	start := time.Now()
	found = mustAutotune(t, opt)
	if took := time.Since(start); took > 20*time.Second || found.Model == nil {
		t.Errorf("a search of 0.3 s took %v", took)
	}
}

func TestAutotuneErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, validation string
		change           func(*fasttext.AutotuneOptions)
		says             string
	}{
		{name: "empty validation", says: "the validation text has no line with words and with labels of the training text"},
		{name: "other labels", validation: "__label__other words\n", says: "the validation text has no line"},
		{name: "metric's label", change: func(o *fasttext.AutotuneOptions) { o.Metric = mustMetric("f1:__label__9") }, says: "the training text has no label __label__9"},
		{name: "no end", change: func(o *fasttext.AutotuneOptions) { o.Trials = 0 }, says: "give a duration or a number of trials"},
		{name: "duration", change: func(o *fasttext.AutotuneOptions) { o.Duration = -1 }, says: "the duration of autotune is -1ns"},
		{name: "trials", change: func(o *fasttext.AutotuneOptions) { o.Trials = -1 }, says: "-1 trials"},
		{name: "fixed", change: func(o *fasttext.AutotuneOptions) { o.Fixed = []string{"loss"} }, says: `"loss" is not an option that autotune chooses`},
		{name: "size", change: func(o *fasttext.AutotuneOptions) { o.ModelSize = 100 }, says: "a model of 100 bytes is not possible"},
		{name: "options", change: func(o *fasttext.AutotuneOptions) { o.LR = -1 }, says: "-lr is -1"},
		{name: "model", change: func(o *fasttext.AutotuneOptions) { o.Model = fasttext.CBOW }, says: "not for cbow ones"},
		{name: "diverges", change: func(o *fasttext.AutotuneOptions) { o.LR, o.Fixed, o.Trials = 1e30, []string{"lr"}, 2 }, says: "lower -lr"},
		{name: "diverges for long", change: func(o *fasttext.AutotuneOptions) {
			o.LR, o.Fixed, o.Trials, o.Duration = 1e30, []string{"lr"}, 0, time.Millisecond
		}, says: "lower -lr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opt := autotuneOptions()
			validation := c.validation
			if c.change != nil {
				c.change(&opt)
				validation = string(autotuneTexts(300, 310))
			}
			_, err := fasttext.Autotune(context.Background(), bytes.NewReader(autotuneTexts(0, 100)), strings.NewReader(validation), opt)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %q", err, c.says)
			}
		})
	}
}

func mustMetric(s string) fasttext.Metric {
	m, err := fasttext.ParseMetric(s)
	if err != nil {
		panic(err)
	}
	return m
}

func TestParseMetric(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"f1", "f1:__label__a", "f1:__label__a:b", "precisionAtRecall:30", "precisionAtRecall:0.5:__label__a", "recallAtPrecision:100"} {
		if m, err := fasttext.ParseMetric(s); err != nil || m.String() != s {
			t.Errorf("%s: %v, %v", s, m, err)
		}
	}
	if (fasttext.Metric{}).String() != "f1" {
		t.Error("the zero Metric is not f1")
	}
	for s, says := range map[string]string{
		"":                        "unknown metric",
		"F1":                      "unknown metric",
		"f1:":                     "the label after the last colon is missing",
		"precisionAtRecall":       "is not a percentage",
		"precisionAtRecall:101":   "is not a percentage",
		"recallAtPrecision:NaN":   "is not a percentage",
		"recallAtPrecision:30:":   "the label after the last colon is missing",
		"recallAtPrecision:x:__l": "is not a percentage",
	} {
		if _, err := fasttext.ParseMetric(s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want an error that says %q", s, err, says)
		}
	}
}

// The metrics of a search are those that follow from the predictions of its model.
func TestAutotuneMetrics(t *testing.T) {
	t.Parallel()
	text := autotuneTexts(300, 400)
	for _, name := range []string{"f1:__label__1", "precisionAtRecall:60", "precisionAtRecall:40:__label__2", "recallAtPrecision:70", "recallAtPrecision:50:__label__0"} {
		opt := autotuneOptions()
		// Too little training for good answers.
		opt.Metric, opt.Trials, opt.Predictions, opt.Epoch, opt.LR, opt.Fixed = mustMetric(name), 2, -1, 2, 0.3, []string{"epoch", "lr"}
		found := mustAutotune(t, opt)
		if got, err := found.Model.Measure(context.Background(), bytes.NewReader(text), opt.Metric, -1); err != nil || got != found.Score {
			t.Errorf("%s: Measure says %v, %v, and the search %v", name, got, err, found.Score)
		}
		want := slowMetric(t, found.Model, text, name)
		if d := found.Score - want; d > 1e-9 || d < -1e-9 {
			t.Errorf("%s: %v, want %v", name, found.Score, want)
		}
	}
}

// slowMetric tries every threshold that makes a difference.
func slowMetric(t *testing.T, m *fasttext.Model, text []byte, name string) float64 {
	parts := strings.Split(name, ":")
	label, at := "", 0.0
	for _, p := range parts[1:] {
		if strings.HasPrefix(p, "__label__") {
			label = p
		} else {
			fmt.Sscan(p, &at)
		}
	}
	var all [][]fasttext.Prediction
	thresholds := []float32{2}
	err := m.PredictLines(context.Background(), bytes.NewReader(text), -1, 0, func(p []fasttext.Prediction) error {
		all = append(all, slices.Clone(p))
		for _, x := range p {
			thresholds = append(thresholds, x.Prob)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	best := 0.0
	for _, threshold := range thresholds {
		if parts[0] == "f1" {
			threshold = 0
		}
		gold, predicted, correct := 0.0, 0.0, 0.0
		for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			right := strings.Fields(line)[0]
			if label == "" || right == label {
				gold++
			}
			for _, p := range all[i] {
				if p.Prob >= threshold && (label == "" || p.Label == label) {
					predicted++
					if p.Label == right {
						correct++
					}
				}
			}
		}
		switch {
		case parts[0] == "f1":
			return 2 * correct / (gold + predicted)
		case predicted == 0:
		case parts[0] == "precisionAtRecall" && correct/gold >= at/100:
			best = max(best, correct/predicted)
		case parts[0] == "recallAtPrecision" && correct/predicted >= at/100:
			best = max(best, correct/gold)
		}
	}
	return best
}

func FuzzAutotuneLog(f *testing.F) {
	dir := f.TempDir()
	opt := autotuneOptions()
	opt.Trials, opt.Log, opt.Epoch, opt.Fixed = 2, filepath.Join(dir, "seed"), 1, []string{"epoch"}
	texts := [2][]byte{autotuneTexts(0, 20), autotuneTexts(20, 30)}
	if _, err := fasttext.Autotune(context.Background(), bytes.NewReader(texts[0]), bytes.NewReader(texts[1]), opt); err != nil {
		f.Fatal(err)
	}
	log := mustRead(f, opt.Log)
	_, trials, _ := bytes.Cut(log, []byte("\n"))
	head := log[:len(log)-len(trials)]
	f.Add(trials)
	f.Add(trials[:len(trials)-9])
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, trials []byte) {
		opt := opt
		opt.Log = filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(opt.Log, slices.Concat(head, trials), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		found, err := fasttext.Autotune(ctx, bytes.NewReader(texts[0]), bytes.NewReader(texts[1]), opt)
		if err == nil && (found.Model == nil || found.Score < 0 || found.Score > 1) {
			t.Errorf("found %+v", found)
		}
	})
}
