package fasttext

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"
)

// A Trial is one training with one choice of options.
type Trial struct {
	Number     int     `json:"trial"` // from 1
	LR         float64 `json:"lr"`
	Epoch      int     `json:"epoch"`
	Dim        int     `json:"dim"`
	WordNgrams int     `json:"wordNgrams"`
	Minn       int     `json:"minn"`
	Maxn       int     `json:"maxn"`
	Bucket     int     `json:"bucket"`

	Score    float64   `json:"score"`              // the metric; of the last epoch that was run
	Curve    []float64 `json:"curve"`              // the metric after each quarter of the epochs, as far as it came
	Stopped  bool      `json:"stopped,omitempty"`  // early, because others were better by then
	Diverged bool      `json:"diverged,omitempty"` // the learning rate was too high
	Seconds  float64   `json:"seconds"`            // it took
	Elapsed  float64   `json:"elapsed"`            // seconds from the start of the search to its end
	Best     bool      `json:"-"`                  // of all until now
}

func newTrial(n int, a Args) *Trial {
	return &Trial{Number: n, LR: a.LR, Epoch: a.Epoch, Dim: a.Dim, WordNgrams: a.WordNgrams,
		Minn: a.Minn, Maxn: a.Maxn, Bucket: a.Bucket, Curve: []float64{}}
}

// args returns the options of the trial: its own, and the others of a.
func (t *Trial) args(a Args) Args {
	a.LR, a.Epoch, a.Dim, a.WordNgrams, a.Minn, a.Maxn, a.Bucket = t.LR, t.Epoch, t.Dim, t.WordNgrams, t.Minn, t.Maxn, t.Bucket
	return a
}

// compareTrials puts the better one first: that with the higher score among those that
// ran to their end, and the earlier one of equals.
func compareTrials(a, b *Trial) int {
	rank := func(t *Trial) float64 {
		switch {
		case t.Diverged:
			return math.Inf(-1)
		case t.Stopped:
			return t.Score - 2
		}
		return t.Score
	}
	switch x, y := rank(a), rank(b); {
	case x > y:
		return -1
	case x < y:
		return 1
	}
	return a.Number - b.Number
}

// trial runs one trial. It returns nil if ctx ended: what is not finished does not count.
func (s *search) trial(ctx context.Context, n int, args Args, seen []*Trial) error {
	start := time.Now()
	trial := newTrial(n, args)
	opt := TrainOptions{Args: args, TextMemory: s.opt.TextMemory, TempDir: s.opt.TempDir}
	opt.Thread = 1
	var t *trainer
	opt.OnEpoch = func(e Epoch) (Action, error) {
		quarter := len(trial.Curve) + 1
		if 4*e.Number < quarter*e.Of {
			return Continue, nil
		}
		var err error
		if trial.Score, err = t.measure(s.opt.Metric, s.opt.Predictions); err != nil {
			return Stop, err
		}
		for ; quarter <= 4 && 4*e.Number >= quarter*e.Of; quarter++ {
			trial.Curve = append(trial.Curve, trial.Score)
		}
		if e.Number < e.Of && hopeless(trial, seen) {
			trial.Stopped = true
			return Stop, nil
		}
		return Continue, nil
	}
	t, err := prepareText(ctx, s.train, s.held, opt)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer t.close()
	err = t.train(ctx)
	if err == nil && trial.Epoch == 0 {
		trial.Score, err = t.measure(s.opt.Metric, s.opt.Predictions)
	}
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, ErrDiverged):
		trial.Diverged, trial.Score = true, 0
	case err != nil:
		return err
	}
	trial.Seconds = time.Since(start).Seconds()
	return s.record(trial, t.model)
}

// hopeless reports whether a trial is worse than most trials were at that point.
func hopeless(t *Trial, seen []*Trial) bool {
	at := len(t.Curve) - 1
	var others []float64
	for _, o := range seen {
		if len(o.Curve) > at {
			others = append(others, o.Curve[at])
		}
	}
	if at < 1 || len(others) < 3 {
		return false
	}
	slices.Sort(others)
	return t.Score < others[len(others)/2]
}
