package main

import (
	"context"
	"errors"
	"fmt"

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
