package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

func newEvaluateCommand() *cobra.Command {
	var e evaluateCommand
	c := &cobra.Command{
		Use:   "evaluate {--model MODEL | --cross-validate K} --input FILE",
		Short: "Measure a model, or what training on a file would give",
		Long: `Measure how well a model labels a file of rows: accuracy, precision, recall and F1 at
k, for each label, and which labels are taken for which.

With --cross-validate K no model is needed: the file is parted into K, and K models
each learn from all parts but one and are measured on that. --starter does so
(K is 5) with the starter set, for category, urgency and tone. Training takes the
options of "heliograph train". The models are trained side by side with a thread
each, which gives the same figures each time, unless --threads is given.

A model is measured as "predict" uses it: with its calibration, if "heliograph calibrate" has
left one beside it, and the thresholds in that, unless --top or --threshold is given.

Texts are normalised as by "heliograph train"; for a model, always, unless --raw.`,
		Example: `  heliograph evaluate --model requests.bin --input held-out.csv
  heliograph evaluate --cross-validate 5 --input requests.csv --label-column urgency
  heliograph evaluate --starter`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return e.run(c) },
	}
	e.read.add(c)
	e.normalize.add(c)
	e.train.add(c)
	flags := c.Flags()
	flags.StringVarP(&e.model, "model", "m", "", "model file, .bin or .ftz")
	flags.StringVarP(&e.input, "input", "i", "", "file to measure on, - for standard input")
	flags.IntVar(&e.folds, "cross-validate", 0, "train and measure so many models on parts of the input")
	flags.BoolVar(&e.starter, "starter", false, "cross-validate on the starter set of customer requests")
	flags.IntVarP(&e.k, "top", "k", 1, "how many labels the model gives each text")
	flags.Float32Var(&e.threshold, "threshold", 0, "leave out labels with a lower probability")
	flags.BoolVar(&e.rawProbabilities, "raw-probabilities", false, "leave the model's calibration out")
	flags.BoolVar(&e.confusion, "confusion", false, "print the whole confusion matrix")
	flags.BoolVar(&e.asJSON, "json", false, "print the report as JSON")
	for _, other := range []string{"cross-validate", "starter"} {
		c.MarkFlagsMutuallyExclusive("model", other)
	}
	c.MarkFlagsMutuallyExclusive("input", "starter")
	c.MarkFlagsOneRequired("model", "cross-validate", "starter")
	return c
}

type evaluateCommand struct {
	read      inputFlags
	normalize normalizeFlags
	train     trainFlags

	model, input               string
	folds, k                   int
	threshold                  float32
	starter, confusion, asJSON bool
	rawProbabilities           bool
}

func (e *evaluateCommand) run(c *cobra.Command) error {
	if e.k < 1 {
		return fmt.Errorf("-k: %d labels are too few, ask for at least 1", e.k)
	}
	if e.starter {
		return e.starterSet(c)
	}
	if e.input == "" {
		return errors.New("--input is missing: which file is to be measured on?")
	}
	r, err := e.read.open(c, e.input)
	if err != nil {
		return err
	}
	defer r.Close()
	if e.model == "" {
		rows, err := dataset.ReadAll(r)
		if err != nil {
			return err
		}
		if !haveLabels(rows) {
			return needLabels(r)
		}
		report, err := e.crossValidate(c, r.Name(), rows, cmp.Or(e.folds, 5), e.normalize.forTraining(r))
		if err != nil {
			return fmt.Errorf("%s: %w", r.Name(), err)
		}
		return e.write(c, report)
	}
	return e.measure(c, r)
}

// measure measures a model on disk.
func (e *evaluateCommand) measure(c *cobra.Command, r *dataset.Reader) error {
	m, err := loadClassifier(e.model)
	if err != nil {
		return err
	}
	defer m.Close()
	s := e.newScore()
	if !e.rawProbabilities {
		var calibration *fasttext.Calibration
		if m, calibration, err = calibrated(m, e.model); err != nil {
			return err
		}
		if calibration != nil && calibration.DefaultThreshold > 0 && !c.Flags().Changed("top") && !c.Flags().Changed("threshold") {
			s.k, s.calibration = 0, calibration
		}
	}
	s.prefix = e.read.readOptions.LabelPrefix
	if err := s.add(c.Context(), m, r, !e.normalize.raw); err != nil {
		return err
	}
	if s.measured == 0 {
		return needLabels(r)
	}
	return e.write(c, &evaluation{Name: r.Name(), scoreReport: s.report()})
}

func (e *evaluateCommand) newScore() *score {
	s := newScore(e.k)
	s.threshold = e.threshold
	return s
}

func (e *evaluateCommand) write(c *cobra.Command, report *evaluation) error {
	if err := writeReport(c.OutOrStdout(), report, e.asJSON); err != nil || !e.confusion || e.asJSON {
		return err
	}
	return report.writeMatrix(c.OutOrStdout())
}

// evaluation is a score with what it is of.
type evaluation struct {
	Name  string    `json:"name"`
	Folds []float64 `json:"folds,omitempty"` // accuracy of each fold
	*scoreReport
}

func (e *evaluation) WriteText(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%s: %s", e.Name, e.spread()); err != nil {
		return err
	}
	return e.scoreReport.WriteText(w)
}

// spread words the accuracies of the folds.
func (e *evaluation) spread() string {
	if len(e.Folds) == 0 {
		return ""
	}
	mean, deviation := meanAndDeviation(e.Folds)
	return fmt.Sprintf("%d folds, accuracy %.1f%% ± %.1f\n", len(e.Folds), 100*mean, 100*deviation)
}

// meanAndDeviation returns the mean and the sample standard deviation.
func meanAndDeviation(values []float64) (mean, deviation float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / float64(max(len(values)-1, 1)))
}

// crossValidate trains and measures a model for each fold. The report is of all rows
// together, each measured once, by the model that hasn't seen it.
func (e *evaluateCommand) crossValidate(c *cobra.Command, name string, rows []dataset.Row, k int, normalize bool) (*evaluation, error) {
	if err := e.train.validate(c); err != nil {
		return nil, err
	}
	if err := e.train.checkCrossValidation(); err != nil {
		return nil, err
	}
	folds, err := dataset.Folds(rows, k, uint64(e.train.args.Seed))
	if err != nil {
		return nil, err
	}
	scores := make([]*score, k)
	var group errgroup.Group
	flags := e.train
	if c.Flags().Changed("threads") {
		group.SetLimit(1)
	} else { // a thread a model: as fast, and the same result each time
		flags.args.Thread = 1
		group.SetLimit(runtime.GOMAXPROCS(0))
	}
	for i, fold := range folds {
		group.Go(func() (err error) {
			if scores[i], err = e.fold(c.Context(), flags, fold, normalize); err != nil {
				return fmt.Errorf("fold %d: %w", i+1, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := e.newScore()
	result := &evaluation{Name: name}
	for _, s := range scores {
		result.Folds = append(result.Folds, s.accuracy())
		all.merge(s)
	}
	result.scoreReport = all.report()
	return result, nil
}

// fold trains and measures one model.
func (e *evaluateCommand) fold(ctx context.Context, flags trainFlags, fold dataset.Fold, normalize bool) (*score, error) {
	run := &training{flags: &flags, source: &countingSource{Source: dataset.Slice(fold.Train)}, normalize: normalize, progress: quietProgress()}
	if err := run.run(ctx); err != nil {
		return nil, err
	}
	s := e.newScore()
	return s, s.add(ctx, run.model, dataset.Slice(fold.Validation), normalize)
}

// starterSet cross-validates the starter set for each of its tasks.
func (e *evaluateCommand) starterSet(c *cobra.Command) error {
	reports := evaluations{}
	for _, task := range dataset.StarterTasks() {
		rows, err := dataset.StarterRows(task)
		if err != nil {
			return err
		}
		report, err := e.crossValidate(c, task, rows, cmp.Or(e.folds, 5), !e.normalize.raw)
		if err != nil {
			return fmt.Errorf("%s: %w", task, err)
		}
		reports = append(reports, report)
	}
	if err := writeReport(c.OutOrStdout(), reports, e.asJSON); err != nil || !e.confusion || e.asJSON {
		return err
	}
	for _, report := range reports {
		if err := report.writeMatrix(c.OutOrStdout()); err != nil {
			return err
		}
	}
	return nil
}

type evaluations []*evaluation

// WriteText writes a summary line for each, which is all that most want to see, and
// then the details.
func (all evaluations) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, e := range all {
		mean, deviation := meanAndDeviation(e.Folds)
		fmt.Fprintf(&b, "%-10s accuracy %.1f%% ± %.1f  (%d rows, %d labels, %d folds)\n",
			e.Name, 100*mean, 100*deviation, e.Rows, len(e.Labels), len(e.Folds))
	}
	for _, e := range all {
		b.WriteString("\n")
		if err := e.WriteText(&b); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
