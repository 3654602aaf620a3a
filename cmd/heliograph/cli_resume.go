package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

// weightFlags say how much labels count.
type weightFlags struct {
	balance bool
	weights map[string]string
}

func (f *weightFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.BoolVar(&f.balance, "balance", false, "weigh each label by how much rarer than the others it is, up to 10 times")
	flags.StringToStringVar(&f.weights, "label-weight", nil, "weigh a label's texts: NAME=2, several with commas between")
}

// parse returns the weights by label token.
func (f *weightFlags) parse(prefix string) (map[string]float32, error) {
	if len(f.weights) == 0 {
		return nil, nil
	}
	weights := make(map[string]float32, len(f.weights))
	for name, text := range f.weights {
		w, err := strconv.ParseFloat(strings.TrimSpace(text), 32)
		if err != nil || !(w >= 0) || w > 1e6 {
			return nil, fmt.Errorf("--label-weight: the weight of %s is %q: want a number from 0 to 1000000", name, text)
		}
		weights[dataset.LabelToken(name, prefix)] = float32(w)
	}
	return weights, nil
}

// resumeFlags say what a training goes on from.
type resumeFlags struct {
	model      string
	checkpoint string
	every      time.Duration

	before *fasttext.Model
}

func (f *resumeFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.model, "continue", "", "model to go on from, not quantised: its words and labels stay, new ones come in addition")
	flags.StringVar(&f.checkpoint, "checkpoint", "", "file to keep what was learned in after each epoch; the same command goes on from it if it was killed")
	flags.DurationVar(&f.every, "checkpoint-every", time.Minute, "least time between two checkpoints")
}

// fixedByModel are the flags that mean nothing when training goes on from a model.
var fixedByModel = []string{"dim", "word-ngrams", "minn", "maxn", "bucket", "loss"}

func (f *resumeFlags) validate(c *cobra.Command, t *trainCommand) error {
	if f.checkpoint == "" && c.Flags().Changed("checkpoint-every") {
		return errors.New("--checkpoint-every needs --checkpoint, the file to write")
	}
	if f.every < 0 {
		return fmt.Errorf("--checkpoint-every: %v isn't a time from 0 on", f.every)
	}
	if t.autotune.on() {
		for _, flag := range []string{"continue", "checkpoint", "balance", "label-weight", "deterministic"} {
			if c.Flags().Changed(flag) {
				return fmt.Errorf("--%s and --autotune don't go together: find the options first, then train with them", flag)
			}
		}
	}
	if f.model == "" {
		return nil
	}
	for _, flag := range fixedByModel {
		if c.Flags().Changed(flag) {
			return fmt.Errorf("--%s stays as it is in the model that --continue names: leave it out", flag)
		}
	}
	return nil
}

// open opens the model to go on from.
func (f *resumeFlags) open() error {
	if f.model == "" {
		return nil
	}
	var err error
	if f.before, err = loadClassifier(f.model); err != nil {
		return fmt.Errorf("--continue: %w", err)
	}
	return nil
}

func (f *resumeFlags) close() {
	if f.before != nil {
		f.before.Close()
	}
}

// stoppingNote is what early stopping remembers, as a checkpoint keeps it.
type stoppingNote struct {
	Best  float64 `json:"best"`
	Epoch int     `json:"epoch"`
}

// keep makes the training keep checkpoints.
func (t *training) keep(opt *fasttext.TrainOptions) {
	f := t.resume
	if f == nil {
		return
	}
	opt.Continue = f.before
	if f.checkpoint == "" {
		return
	}
	opt.Checkpoint = &fasttext.Checkpoint{
		Path: f.checkpoint, Every: f.every,
		Note: func() []byte {
			note, _ := json.Marshal(stoppingNote{t.bestScore, t.bestEpoch}) // of numbers: it does not fail
			return note
		},
		OnResume: func(epoch int, note []byte) error {
			var n stoppingNote
			if err := json.Unmarshal(note, &n); err != nil || n.Epoch < 0 || n.Epoch > epoch {
				return fmt.Errorf("%s: not a checkpoint of this command: remove the file, or name another", f.checkpoint)
			}
			t.bestScore, t.bestEpoch, t.epochs = n.Best, n.Epoch, epoch
			t.progress.say("going on after epoch %d, from %s", epoch, f.checkpoint)
			return nil
		},
	}
}

// forget removes the checkpoint: the model is written.
func (f *resumeFlags) forget() error {
	if f.checkpoint == "" {
		return nil
	}
	if err := os.Remove(f.checkpoint); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the model is written, but its checkpoint can't be removed: %w", err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return path != "" && err == nil
}
