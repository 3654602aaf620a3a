package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

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
