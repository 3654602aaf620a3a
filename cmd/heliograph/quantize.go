package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

func newQuantizeCommand() *cobra.Command {
	var q quantizeCommand
	c := &cobra.Command{
		Use:   "quantize --model MODEL.bin --output MODEL.ftz [--target-size SIZE]",
		Short: "Compress a model, to a size or with given options",
		Long: `Compress a model into fastText's quantised form (.ftz), which is often a hundredth of
its size and answers nearly as well. fastText reads it too.

With --target-size, the best options that fit are found by trial: how many of the words
and n-grams to keep, how finely to code them, and whether to compress the labels' weights. What is
best is measured on --validation, or else on a part of --input, or else by how near
the compressed weights are to the model's. Without --target-size, --cutoff and its
neighbours say how.

With --input, the training text, what a cutoff keeps learns from the text once more;
with --target-size, the outcome is taken if it is better.

Raw text (CSV, JSON Lines) is normalised and lines with labels are taken as they are, as by
"heliograph train"; --normalize and --raw decide otherwise.`,
		Example: `  heliograph quantize --model requests.bin --output requests.ftz --target-size 2MB --validation held-out.csv
  heliograph quantize --model requests.bin --output requests.ftz --cutoff 20000 --input requests.csv`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return q.run(c) },
	}
	q.read.add(c)
	q.normalize.add(c)
	flags := c.Flags()
	flags.StringVarP(&q.model, "model", "m", "", "model file to compress, .bin")
	flags.StringVarP(&q.output, "output", "o", "", "model file to write, .ftz")
	flags.StringVar(&q.target, "target-size", "", "largest size of the file, such as 500kB or 2MB")
	flags.StringVar(&q.validation, "validation", "", "file to measure the models on")
	flags.StringVarP(&q.input, "input", "i", "", "training text, to learn from again after a cutoff")
	flags.IntVar(&q.opt.Cutoff, "cutoff", 0, "words and n-grams to keep, those with the largest weights; 0 keeps all")
	flags.IntVar(&q.opt.DSub, "dsub", 2, "weights that share a code of one byte")
	flags.BoolVar(&q.opt.QNorm, "qnorm", true, "code the length of each vector apart")
	flags.BoolVar(&q.opt.QOut, "qout", false, "compress the weights of the labels too")
	flags.IntVar(&q.opt.Epoch, "epochs", 5, "passes over --input")
	flags.Float64Var(&q.opt.LR, "lr", 0.1, "learning rate at the start of learning again")
	flags.IntVar(&q.opt.Seed, "seed", 1, "of every random choice")
	flags.IntVar(&q.opt.Thread, "threads", runtime.GOMAXPROCS(0), "workers")
	flags.BoolVar(&q.force, "force", false, "overwrite the model file if it exists")
	flags.BoolVar(&q.asJSON, "json", false, "print the report as JSON")
	requireFlags(c, "model", "output")
	for _, other := range []string{"cutoff", "dsub", "qnorm", "qout"} {
		c.MarkFlagsMutuallyExclusive("target-size", other)
	}
	return c
}

type quantizeCommand struct {
	read      inputFlags
	normalize normalizeFlags
	opt       fasttext.QuantizeOptions

	model, output, target, validation, input string
	force, asJSON                            bool

	rows       []dataset.Row // to measure on; nil for none
	normalized bool          // rows are to be
}

func (q *quantizeCommand) run(c *cobra.Command) error {
	var size int64
	if q.target != "" {
		var err error
		if size, err = parseSize(q.target); err != nil {
			return fmt.Errorf("--target-size: %w", err)
		}
	}
	if q.target == "" && q.input != "" && q.opt.Cutoff == 0 {
		return errors.New("--input: there is nothing to learn again without a --cutoff")
	}
	if err := mayWrite(q.output, q.force); err != nil {
		return err
	}
	m, err := fasttext.LoadFile(q.model)
	if err != nil {
		return err
	}
	if m.Quantised() {
		return fmt.Errorf("%s is compressed already: give the model it was made of", q.model)
	}
	if err := q.readRows(c, m); err != nil {
		return err
	}
	retrain, err := q.openInput(c)
	if err != nil {
		return err
	}
	defer retrain.Close()
	report := quantizeReport{Model: q.model, Output: q.output}
	var small *fasttext.Model
	if q.target != "" {
		small, err = q.search(c, m, size, retrain, &report)
	} else {
		opt := q.opt
		if q.input != "" {
			opt.Retrain = retrain
		}
		small, err = m.Quantize(c.Context(), opt)
		report.SizeAttempt = fasttext.SizeAttempt{Cutoff: opt.Cutoff, DSub: opt.DSub, QNorm: opt.QNorm, QOut: opt.QOut, Retrained: q.input != ""}
	}
	if err != nil {
		return q.explain(c, err)
	}
	if err := small.SaveFile(q.output); err != nil {
		return fmt.Errorf("writing the model: %w", err)
	}
	if err := q.finish(c.Context(), &report, m, small); err != nil {
		return err
	}
	return writeReport(c.OutOrStdout(), &report, q.asJSON)
}

func (q *quantizeCommand) explain(c *cobra.Command, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted: no model was written")
	case errors.Is(err, fasttext.ErrDiverged):
		return errors.New("learning again diverged (the weights became too large): lower --lr")
	case errors.Is(err, fasttext.ErrNoLabels):
		return fmt.Errorf("%s: no row has both a label and a word that the model knows", q.input)
	}
	return err
}

// sampleRows bounds the rows of --input that models are measured on.
const sampleRows = 5000

// readRows reads what models are measured on.
func (q *quantizeCommand) readRows(c *cobra.Command, m *fasttext.Model) error {
	path := q.validation
	if path == "" && q.target != "" && m.Supervised() {
		path = q.input
	}
	if path == "" {
		return nil
	}
	if path == "-" {
		return errors.New("standard input can't be measured on: it is read more than once")
	}
	if !m.Supervised() {
		return fmt.Errorf("%s holds word vectors: there are no labels to measure", q.model)
	}
	r, err := q.read.open(c, path)
	if err != nil {
		return err
	}
	defer r.Close()
	q.normalized = q.normalize.forTraining(r)
	if q.rows, err = dataset.ReadAll(r); err != nil {
		return err
	}
	if !haveLabels(q.rows) {
		return needLabels(r)
	}
	if n := len(q.rows); path == q.input && n > sampleRows {
		some := make([]dataset.Row, sampleRows)
		for i := range some {
			some[i] = q.rows[i*n/sampleRows]
		}
		q.rows = some
	}
	return nil
}

// openInput opens the training text as lines; empty without one.
func (q *quantizeCommand) openInput(c *cobra.Command) (io.ReadCloser, error) {
	if q.input == "" {
		return io.NopCloser(strings.NewReader("")), nil
	}
	r, err := q.read.open(c, q.input)
	if err != nil {
		return nil, err
	}
	lines := dataset.Lines(r, dataset.LineOptions{Normalize: q.normalize.forTraining(r)})
	return struct {
		io.Reader
		io.Closer
	}{lines, closers{lines, r}}, nil
}

type closers []io.Closer

func (all closers) Close() (err error) {
	for _, c := range all {
		err = errors.Join(err, c.Close())
	}
	return err
}

func (q *quantizeCommand) search(c *cobra.Command, m *fasttext.Model, size int64, retrain io.Reader, report *quantizeReport) (*fasttext.Model, error) {
	opt := fasttext.SizeOptions{
		Size: size, LR: q.opt.LR, Epoch: q.opt.Epoch, Seed: q.opt.Seed, Thread: q.opt.Thread,
		OnAttempt: func(a fasttext.SizeAttempt) { report.Attempts = append(report.Attempts, a) },
	}
	if q.input != "" {
		opt.Retrain = retrain
	}
	if q.rows != nil {
		opt.Measure = q.accuracy
	}
	small, a, err := m.QuantizeToSize(c.Context(), opt)
	report.SizeAttempt = a
	return small, err
}

func (q *quantizeCommand) accuracy(ctx context.Context, m *fasttext.Model) (float64, error) {
	s := newScore(1)
	err := s.add(ctx, m, dataset.Slice(q.rows), q.normalized)
	return s.accuracy(), err
}

// finish fills in what the report says of both models.
func (q *quantizeCommand) finish(ctx context.Context, r *quantizeReport, m, small *fasttext.Model) error {
	before, err := os.Stat(q.model)
	if err != nil {
		return err
	}
	after, err := os.Stat(q.output)
	if err != nil {
		return err
	}
	r.BytesBefore, r.Bytes = before.Size(), after.Size()
	if q.rows == nil {
		return nil
	}
	r.Measured = len(q.rows)
	if r.AccuracyBefore, err = q.accuracy(ctx, m); err != nil {
		return err
	}
	r.Accuracy, err = q.accuracy(ctx, small)
	return err
}

// parseSize reads a number of bytes: 2000000, 500kB, 2MB, 1.5 GB; KiB and the like count in 1024s.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "kKmMgGiIbB ")
	unit := strings.ToLower(strings.TrimSpace(s[len(digits):]))
	factor, known := map[string]float64{
		"": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
	}[unit]
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || !known || !(n > 0) || n*factor < 1 || n*factor > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q isn't a size: write it like 500kB or 2MB", s)
	}
	return int64(n * factor), nil
}

// quantizeReport is what came of a compression.
type quantizeReport struct {
	Model          string                 `json:"model"`
	Output         string                 `json:"output"`
	BytesBefore    int64                  `json:"bytes_before"`
	Bytes          int64                  `json:"bytes"`
	Measured       int                    `json:"rows_measured,omitempty"`
	AccuracyBefore float64                `json:"accuracy_before,omitempty"`
	Accuracy       float64                `json:"accuracy,omitempty"`
	Attempts       []fasttext.SizeAttempt `json:"attempts,omitempty"`

	fasttext.SizeAttempt `json:"options"`
}

// WriteText writes the report for people.
func (r *quantizeReport) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, from %s: %s", r.Output, fileSize(r.Bytes), fileSize(r.BytesBefore), describeAttempt(r.SizeAttempt))
	if n := len(r.Attempts); n > 0 {
		fmt.Fprintf(&b, " (best of %d tried)", n)
	}
	b.WriteString("\n")
	if r.Measured > 0 {
		fmt.Fprintf(&b, "accuracy %.2f%%, before %.2f%% (%s)\n", 100*r.Accuracy, 100*r.AccuracyBefore, counted(r.Measured, "row"))
	} else {
		b.WriteString("not measured: give --validation to know how good it is\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// describeAttempt words the options by their flags.
func describeAttempt(a fasttext.SizeAttempt) string {
	s := fmt.Sprintf("--dsub %d --qnorm=%t", a.DSub, a.QNorm)
	if a.Cutoff > 0 {
		s = fmt.Sprintf("--cutoff %d ", a.Cutoff) + s
	}
	if a.QOut {
		s += " --qout"
	}
	if a.Retrained {
		s += ", learned again"
	}
	return s
}
