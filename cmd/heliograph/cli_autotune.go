package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

// autotuneFlags say how the options of training are looked for.
type autotuneFlags struct {
	duration time.Duration
	trials   int
	metric   string
	log      string
	fixed    []string // options that were given
}

func (f *autotuneFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.DurationVar(&f.duration, "autotune", 0, "look so long (5m) for the options that do best on the validation rows; those given stay")
	flags.IntVar(&f.trials, "autotune-trials", 0, "look for options with so many trainings; with the same seed and threads, the result is the same")
	flags.StringVar(&f.metric, "autotune-metric", "f1", "what is to be best: f1, f1:LABEL, precisionAtRecall:PERCENT[:LABEL], recallAtPrecision:PERCENT[:LABEL]")
	flags.StringVar(&f.log, "autotune-log", "", "file that keeps what was tried; with it, an interrupted search goes on")
	completeFlag(c, "autotune-metric", "f1", "precisionAtRecall:", "recallAtPrecision:")
}

// on reports whether options are to be looked for.
func (f *autotuneFlags) on() bool { return f.duration != 0 || f.trials != 0 }

// tunedFlags are the flags that a search sets, with the names that it knows them by.
var tunedFlags = map[string]string{
	"lr": "lr", "epochs": "epoch", "dim": "dim", "word-ngrams": "wordNgrams", "minn": "minn", "maxn": "maxn", "bucket": "bucket",
}

func (f *autotuneFlags) validate(c *cobra.Command, t *trainCommand) error {
	if !f.on() {
		if f.log != "" || c.Flags().Changed("autotune-metric") {
			return errors.New("--autotune-log and --autotune-metric need --autotune or --autotune-trials")
		}
		return nil
	}
	switch {
	case f.duration < 0:
		return fmt.Errorf("--autotune: %v isn't a positive time", f.duration)
	case f.trials < 0:
		return fmt.Errorf("--autotune-trials: %d is less than 1", f.trials)
	case t.validation == "" && t.fraction == 0:
		return errors.New("--autotune needs something to measure on: give --validation or --validation-fraction")
	case t.train.stopping.on:
		return errors.New("--early-stopping and --autotune both choose the number of epochs: give one of them")
	}
	if _, err := fasttext.ParseMetric(f.metric); err != nil {
		return fmt.Errorf("--autotune-metric: %w", err)
	}
	for flag, option := range tunedFlags {
		if c.Flags().Changed(flag) {
			f.fixed = append(f.fixed, option)
		}
	}
	return nil
}

// search is training with the options looked for.
func (t *training) search(ctx context.Context) error {
	start := time.Now()
	defer t.progress.end()
	lines := dataset.Lines(t.source, dataset.LineOptions{Normalize: t.normalize})
	defer lines.Close()
	held := dataset.Lines(dataset.Slice(t.held), dataset.LineOptions{Normalize: t.normalize})
	defer held.Close()
	metric, err := fasttext.ParseMetric(t.autotune.metric)
	if err != nil {
		return err
	}
	found, err := fasttext.Autotune(ctx, lines, held, fasttext.AutotuneOptions{
		Args: t.flags.args, Fixed: t.autotune.fixed, Metric: metric,
		Duration: t.autotune.duration, Trials: t.autotune.trials, Log: t.autotune.log,
		OnTrial: func(trial fasttext.Trial) {
			if trial.Best {
				t.progress.say("trial %d: %s %.4f with %s", trial.Number, t.autotune.metric, trial.Score, wordTrial(trial))
			}
		},
	})
	t.took = time.Since(start)
	if err != nil {
		return err
	}
	t.model, t.tuned = found.Model, found
	t.tokens, t.vocabulary, t.epochs = found.Model.Tokens(), found.Model.Words(), found.Args.Epoch
	return nil
}

// wordTrial words options as flags.
func wordTrial(t fasttext.Trial) string {
	s := fmt.Sprintf("--lr %.3g --epochs %d --dim %d --word-ngrams %d", t.LR, t.Epoch, t.Dim, t.WordNgrams)
	if t.Maxn > 0 {
		s += fmt.Sprintf(" --minn %d --maxn %d", t.Minn, t.Maxn)
	}
	if t.Bucket > 0 {
		s += fmt.Sprintf(" --bucket %d", t.Bucket)
	}
	return s
}

// tuneReport is what a search found.
type tuneReport struct {
	Trials  int     `json:"trials"`
	Metric  string  `json:"metric"`
	Score   float64 `json:"score"`
	Options string  `json:"options"` // as flags of train
}

func newTuneReport(t *training) *tuneReport {
	if t.tuned == nil {
		return nil
	}
	var best fasttext.Trial
	for _, trial := range t.tuned.Trials {
		if trial.Number == t.tuned.Best {
			best = trial
		}
	}
	return &tuneReport{len(t.tuned.Trials), t.autotune.metric, t.tuned.Score, wordTrial(best)}
}
