package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

func newCalibrateCommand() *cobra.Command {
	var r calibrateCommand
	c := &cobra.Command{
		Use:   "calibrate --model MODEL --input FILE",
		Short: "Make a model's probabilities say how often it is right",
		Long: `Fit a temperature that makes a model's probabilities mean what they say: of the texts
that it labels with a probability of 0.8, 80% should be labelled rightly. The
calibration is written beside the model (MODEL.calibration.json), and "predict" uses
it from then on, and so does "evaluate".

With a hundred rows or more, a curve through the probabilities (isotonic regression) is fitted
too, and kept if it does better than the temperature alone on rows that the fit has not
seen: each fifth of the file, after a fit to the other four.

FILE holds rows with labels that the model has not been trained on. For a model that
judges each label by itself (--loss ova or ns), each label also gets the
threshold for a high F1 there; "predict" then gives a text all the
labels that reach theirs, unless told --top or --threshold.

The report has the expected calibration error before and after: the mean distance
between the probability of the best label and the share of right ones.
Texts are normalised as by "heliograph train", unless --raw.`,
		Example: `  heliograph calibrate --model requests.bin --input held-out.csv
  heliograph predict --model requests.bin "where is my card?"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return r.run(c) },
	}
	r.read.add(c)
	flags := c.Flags()
	flags.StringVarP(&r.model, "model", "m", "", "model file, .bin or .ftz")
	flags.StringVarP(&r.input, "input", "i", "", "file of rows with labels, - for standard input")
	flags.BoolVar(&r.raw, "raw", false, "take texts as they are, not normalised")
	flags.BoolVar(&r.force, "force", false, "overwrite a calibration that exists")
	flags.BoolVar(&r.asJSON, "json", false, "print the report as JSON")
	requireFlags(c, "model", "input")
	return c
}

type calibrateCommand struct {
	read               inputFlags
	model, input       string
	raw, force, asJSON bool
}

func (r *calibrateCommand) run(c *cobra.Command) error {
	path := fasttext.CalibrationPath(r.model)
	if err := mayWrite(path, r.force); err != nil {
		return err
	}
	m, err := loadClassifier(r.model)
	if err != nil {
		return err
	}
	defer m.Close()
	rows, err := r.read.open(c, r.input)
	if err != nil {
		return err
	}
	defer rows.Close()
	var readErr error
	counting := &countingSource{Source: rows}
	calibration, err := m.Calibrate(c.Context(), modelExamples(m, counting, r.read.readOptions.LabelPrefix, !r.raw, &readErr))
	switch {
	case readErr != nil:
		return readErr
	case err != nil && counting.labelled == 0:
		return needLabels(rows)
	case err != nil:
		return fmt.Errorf("%s: %w", rows.Name(), err)
	}
	if err := calibration.SaveFile(path); err != nil {
		return fmt.Errorf("writing the calibration: %w", err)
	}
	return writeReport(c.OutOrStdout(), &calibrationReport{Path: path, Calibration: calibration}, r.asJSON)
}

// calibrate fits a calibration to the validation rows and writes it beside the model.
func (t *training) calibrate(ctx context.Context, model string) (*calibrationReport, error) {
	var readErr error
	c, err := t.model.Calibrate(ctx, modelExamples(t.model, dataset.Slice(t.held), t.flags.args.Label, t.normalize, &readErr))
	if err = errors.Join(readErr, err); err != nil {
		return nil, err
	}
	path := fasttext.CalibrationPath(model)
	return &calibrationReport{Path: path, Calibration: c}, c.SaveFile(path)
}

// modelExamples are the rows as the model has them: texts normalised, labels with its
// prefix. Reading ends at an error, which goes to *failed.
func modelExamples(m *fasttext.Model, source dataset.Source, prefix string, normalize bool, failed *error) iter.Seq2[string, []string] {
	names := map[string]string{}
	for _, l := range m.Labels() {
		names[labelName(l, prefix)] = l
	}
	return func(yield func(string, []string) bool) {
		for row, err := range source.Rows() {
			if err != nil {
				*failed = err
				return
			}
			text := row.Text
			if normalize {
				text = dataset.Normalize(text)
			}
			labels := make([]string, len(row.Labels))
			for i, l := range row.Labels {
				token := dataset.LabelToken(l, "")
				if name, ok := names[token]; ok {
					token = name
				}
				labels[i] = token
			}
			if !yield(text, labels) {
				return
			}
		}
	}
}

// calibrationReport is what came of a calibration.
type calibrationReport struct {
	Path string `json:"calibration"`
	*fasttext.Calibration
}

// WriteText writes the report for people.
func (r *calibrationReport) WriteText(w io.Writer) error {
	thresholds := ""
	if r.DefaultThreshold > 0 {
		thresholds = fmt.Sprintf("thresholds for %s, %.3f for all others\n", counted(len(r.Thresholds), "label"), r.DefaultThreshold)
	}
	isotonic, choice := "", ""
	if r.Isotonic != nil {
		isotonic = fmt.Sprintf(", then isotonic by %s", counted(len(r.Isotonic), "point"))
	}
	if v := r.CrossValidated; v != nil {
		choice = fmt.Sprintf("on rows it wasn't fitted to: %.1f%% as it is, %.1f%% with a temperature, %.1f%% if isotonic too\n",
			100*v.Before.Error, 100*v.Temperature.Error, 100*v.Isotonic.Error)
	}
	_, err := fmt.Fprintf(w, "%s, temperature %.3f%s\nexpected calibration error %.1f%% before, %.1f%% after; loss %.4f before, %.4f after\n%s%s%s\n",
		counted(r.Examples, "row"), r.Temperature, isotonic, 100*r.ErrorBefore, 100*r.ErrorAfter, r.LossBefore, r.LossAfter, choice, thresholds, r.Path)
	return err
}

// calibrated applies the calibration that stands beside the model, if there is one.
func calibrated(m *fasttext.Model, path string) (*fasttext.Model, *fasttext.Calibration, error) {
	path = fasttext.CalibrationPath(path)
	c, err := fasttext.LoadCalibration(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: fit it again with \"heliograph calibrate\", or say --raw-probabilities", err)
	}
	m, err = m.WithCalibration(c)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w: fit it again with \"heliograph calibrate --force\", or say --raw-probabilities", path, err)
	}
	return m, c, nil
}
