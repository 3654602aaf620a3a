package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

func newTrainCommand() *cobra.Command {
	var t trainCommand
	c := &cobra.Command{
		Use:   "train --input FILE --output MODEL.bin",
		Short: "Train a model from a file",
		Long: `Train a text classifier from a file of lines with labels, CSV or JSON Lines, gzip
too, and write it as a fastText model.

Raw text (CSV, JSON Lines) is normalised first: lower case, punctuation apart, HTML
line breaks gone. Lines with labels (__label__billing my card …) are taken as they
are, as fastText does. --normalize and --raw decide otherwise. A model's file has no
place to say which it was, so "predict" and "evaluate" normalise unless told --raw.

--recipe linear, the default, finds features and costs itself by rows that it leaves
out meanwhile, then learns from all of them: docs/training.md describes it. --recipe fasttext
is the original's algorithm; its options (--dim, --lr, --epochs and so on) ask for it too.
Both write models of the same form. Where labels are few, --unlabelled FILE, more
texts of the same kind, helps --recipe linear, and so do --pretrained-vectors.

With --validation or --validation-fraction the report says how well the model
does on text it hasn't seen.

With --early-stopping, the epoch that does best on the validation rows is the one kept.
With --calibrate, the model's probabilities are then made to say how often it is right
("heliograph calibrate" tells how), and for --loss ova and ns each label gets its threshold.

With --checkpoint FILE, a training that was killed goes on where it was when the same
command is given again; the file is removed once the model is written. With
--continue MODEL, training goes on from a model with other texts: their new words and
labels come in addition. Give few epochs and a low --lr, or it learns the new texts
at the expense of the old ones.

With --autotune, many models are trained with different options, several at a time, and the one that does best
on the validation rows is kept. The figure it was chosen by is a little too good to be true: for an
honest one, measure the model on rows that neither it nor the search has seen.`,
		Example: `  heliograph train --input requests.csv --validation-fraction 0.1 --output requests.bin
  heliograph train --input train.txt --validation valid.txt --output tags.bin --loss ova --early-stopping
  heliograph train --input requests.csv --validation-fraction 0.2 --output requests.bin --autotune 5m
  heliograph train --input new.csv --continue requests.bin --output requests-2.bin --lr 0.1 --epochs 5
  heliograph train --input rare.csv --validation-fraction 0.1 --output rare.bin --balance --calibrate`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return t.run(c) },
	}
	t.read.add(c)
	t.normalize.add(c)
	t.train.add(c)
	ofOriginal(c, t.resume.add)
	ofOriginal(c, t.autotune.add)
	t.unlabelled.add(c)
	flags := c.Flags()
	flags.StringVarP(&t.input, "input", "i", "", "file to learn from, - for standard input")
	flags.StringVar(&t.validation, "validation", "", "file to measure the model on")
	flags.Float64Var(&t.fraction, "validation-fraction", 0, "share of the input to hold back and measure the model on, between 0 and 1")
	flags.StringVarP(&t.output, "output", "o", "", "model file to write")
	flags.BoolVar(&t.calibrate, "calibrate", false, "fit a calibration to the validation rows and write it beside the model")
	flags.BoolVar(&t.force, "force", false, "overwrite the model file if it exists")
	flags.BoolVar(&t.asJSON, "json", false, "print the report as JSON")
	requireFlags(c, "input", "output")
	c.MarkFlagsMutuallyExclusive("validation", "validation-fraction")
	return c
}

type trainCommand struct {
	read      inputFlags
	normalize normalizeFlags
	train     trainFlags
	resume    resumeFlags
	autotune  autotuneFlags

	unlabelled unlabelledFlag

	input, validation, output string
	fraction                  float64
	calibrate, force, asJSON  bool
}

func (t *trainCommand) run(c *cobra.Command) error {
	if err := t.train.validate(c); err != nil {
		return err
	}
	if t.validation == "" && t.fraction == 0 {
		const needs = "%s needs something to measure on: give --validation or --validation-fraction"
		if t.train.stopping.on {
			return fmt.Errorf(needs, "--early-stopping")
		}
		if t.calibrate {
			return fmt.Errorf(needs, "--calibrate")
		}
	}
	if err := t.autotune.validate(c, t); err != nil {
		return err
	}
	if err := t.resume.validate(c, t); err != nil {
		return err
	}
	if t.input == "-" && t.validation == "-" {
		return errors.New("--input and --validation can't both be standard input")
	}
	if err := mayWrite(t.output, t.force); err != nil {
		return err
	}
	if t.calibrate {
		if err := mayWrite(fasttext.CalibrationPath(t.output), t.force); err != nil {
			return err
		}
	}
	if err := t.resume.open(); err != nil {
		return err
	}
	defer t.resume.close()
	r, err := t.read.open(c, t.input)
	if err != nil {
		return err
	}
	defer r.Close()
	run := &training{flags: &t.train, resume: &t.resume, autotune: &t.autotune, source: &countingSource{Source: r}, normalize: t.normalize.forTraining(r)}
	if err := t.hold(c, r, run); err != nil {
		return err
	}
	more, err := t.unlabelled.open(c, t)
	if err != nil {
		return err
	}
	if more != nil {
		defer more.Close()
		run.unlabelled = more
	}
	run.progress = newProgress(c.ErrOrStderr())
	if t.train.recipe.implied != "" {
		run.progress.say("training with --recipe fasttext, as %s asks", t.train.recipe.implied)
	}
	if err := run.run(c.Context()); err != nil {
		if errors.Is(err, context.Canceled) && exists(t.resume.checkpoint) {
			return fmt.Errorf("interrupted: the same command goes on from %s", t.resume.checkpoint)
		}
		return explainTraining(err, run.source, r)
	}
	if err := run.model.SaveFile(t.output); err != nil {
		return fmt.Errorf("writing the model: %w", err)
	}
	if err := t.resume.forget(); err != nil {
		return err
	}
	report, err := newTrainReport(c.Context(), run, r.Name(), t.output)
	if err != nil {
		return err
	}
	if t.calibrate {
		if report.Calibration, err = run.calibrate(c.Context(), t.output); err != nil {
			return fmt.Errorf("the model is written, but not its calibration: %w", err)
		}
	}
	return writeReport(c.OutOrStdout(), report, t.asJSON)
}

// hold reads the validation rows, or parts them from the input.
func (t *trainCommand) hold(c *cobra.Command, r *dataset.Reader, run *training) error {
	if t.validation != "" {
		v, err := t.read.open(c, t.validation)
		if err != nil {
			return err
		}
		defer v.Close()
		if run.held, err = dataset.ReadAll(v); err != nil {
			return err
		}
		if !haveLabels(run.held) {
			return needLabels(v)
		}
		return nil
	}
	if !c.Flags().Changed("validation-fraction") {
		return nil
	}
	rows, err := dataset.ReadAll(r)
	if err != nil {
		return err
	}
	if !haveLabels(rows) {
		return needLabels(r)
	}
	rows, run.held, err = dataset.Split(rows, t.fraction, uint64(t.train.args.Seed))
	if err != nil {
		return fmt.Errorf("--validation-fraction: %w", err)
	}
	run.source.Source = dataset.Slice(rows)
	return nil
}

func haveLabels(rows []dataset.Row) bool {
	for _, row := range rows {
		if len(row.Labels) > 0 {
			return true
		}
	}
	return false
}

// trainReport is what came of a training.
type trainReport struct {
	Input          string       `json:"input"`
	Rows           int          `json:"rows"`
	Unlabelled     int          `json:"rows_without_label"`
	Several        int          `json:"rows_with_several_labels"`
	Empty          int          `json:"rows_without_text"`
	Labels         int          `json:"labels"`
	Tokens         int64        `json:"tokens,omitempty"` // words, labels and line ends; of --recipe fasttext
	Vocabulary     int          `json:"vocabulary"`
	Normalized     bool         `json:"normalized"`
	Recipe         string       `json:"recipe"`
	Epochs         int          `json:"epochs,omitempty"`
	BestEpoch      int          `json:"best_epoch,omitempty"`
	Loss           float64      `json:"loss,omitempty"`
	Seconds        float64      `json:"seconds"`
	WordsPerSecond float64      `json:"words_per_second,omitempty"`
	Model          string       `json:"model"`
	Bytes          int64        `json:"bytes"`
	Validation     *scoreReport `json:"validation,omitempty"`
	Autotune       *tuneReport  `json:"autotune,omitempty"`

	Linear *fasttext.RecipeReport `json:"linear,omitempty"` // of --recipe linear

	Calibration *calibrationReport `json:"calibration,omitempty"`

	lossName string
}

func newTrainReport(ctx context.Context, run *training, input, output string) (*trainReport, error) {
	info, err := os.Stat(output)
	if err != nil {
		return nil, err
	}
	r := &trainReport{
		Input: input, Rows: run.source.rows, Unlabelled: run.source.rows - run.source.labelled,
		Several: run.source.several, Empty: run.source.empty,
		Labels: len(run.model.Labels()), Tokens: run.tokens, Vocabulary: run.vocabulary,
		Normalized: run.normalize, Recipe: run.flags.recipe.name, Linear: run.recipe, Epochs: run.epochs, BestEpoch: run.bestEpoch,
		Loss: run.last.Loss, Seconds: run.took.Seconds(), WordsPerSecond: run.last.WordsPerSecond,
		Model: output, Bytes: info.Size(), lossName: run.flags.loss,
	}
	r.Autotune = newTuneReport(run)
	if run.held != nil {
		s := newScore(1)
		if err := s.add(ctx, run.model, dataset.Slice(run.held), run.normalize); err != nil {
			return nil, err
		}
		r.Validation = s.report()
	}
	return r, nil
}

// WriteText writes the report for people.
func (r *trainReport) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s, ", r.Input, counted(r.Rows, "row"), counted(r.Labels, "label"))
	if r.Tokens > 0 {
		fmt.Fprintf(&b, "%s, ", counted(int(r.Tokens), "token"))
	}
	b.WriteString(counted(r.Vocabulary, "different word"))
	if r.Normalized {
		b.WriteString(", normalised")
	} else {
		b.WriteString(", taken as it is (so predict with --raw)")
	}
	b.WriteString("\n")
	if r.Unlabelled > 0 {
		fmt.Fprintf(&b, "  %s without a label, left out\n", counted(r.Unlabelled, "row"))
	}
	if r.Empty > 0 {
		fmt.Fprintf(&b, "  %s without text\n", counted(r.Empty, "row"))
	}
	if r.Several*10 > r.Rows && r.Linear == nil && r.lossName == "softmax" {
		fmt.Fprintf(&b, "  %s with several labels: --loss ova judges each label by itself\n", counted(r.Several, "row"))
	}
	switch {
	case r.Linear != nil:
		writeRecipe(&b, r.Linear, r.Seconds)
	case r.Autotune != nil:
		fmt.Fprintf(&b, "tried %s in %s, best of %s: %.4f\n  %s", counted(r.Autotune.Trials, "choice")+" of options", seconds(r.Seconds), r.Autotune.Metric, r.Autotune.Score, r.Autotune.Options)
	default:
		fmt.Fprintf(&b, "trained %s in %s, %s words/s, loss %.4f", counted(r.Epochs, "epoch"), seconds(r.Seconds), short(r.WordsPerSecond), r.Loss)
	}
	if r.BestEpoch > 0 {
		fmt.Fprintf(&b, "; kept epoch %d", r.BestEpoch)
	}
	if r.Linear == nil {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%s: %s\n", r.Model, fileSize(r.Bytes))
	if r.Validation == nil {
		b.WriteString("\nnot measured: give --validation or --validation-fraction to know how good it is\n")
	} else {
		b.WriteString("\nvalidation: ")
		if err := r.Validation.WriteText(&b); err != nil {
			return err
		}
	}
	if r.Calibration != nil {
		b.WriteString("\ncalibration: ")
		if err := r.Calibration.WriteText(&b); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// counted writes a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < time.Second:
		return max(d.Round(time.Millisecond), time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
