package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

// trainFlags are the options of training; train and evaluate --cross-validate share
// them. Those of the original's algorithm suit some hundred to some ten thousand texts, and give a file of
// about 20 MB.
type trainFlags struct {
	recipe        recipeFlag
	args          fasttext.Args
	loss          string
	deterministic bool
	weights       weightFlags
	stopping      struct {
		on        bool
		patience  int
		minEpochs int
	}
}

func (f *trainFlags) add(c *cobra.Command) {
	f.args = fasttext.SupervisedDefaults()
	f.args.Label = dataset.DefaultLabelPrefix
	f.recipe.add(c)
	c.Flags().IntVar(&f.args.Thread, "threads", runtime.GOMAXPROCS(0), "workers; with --recipe fasttext and 1, the same seed gives the same model")
	c.Flags().IntVar(&f.args.Seed, "seed", 1, "of every random choice")
	c.Flags().StringVar(&f.args.PretrainedVectors, "pretrained-vectors", "", "word vectors (.vec) to know words by (linear), or to start from (fasttext)")
	ofOriginal(c, f.addOriginal)
}

// addOriginal adds the options of the original's algorithm.
func (f *trainFlags) addOriginal(c *cobra.Command) {
	flags := c.Flags()
	flags.IntVar(&f.args.Dim, "dim", 20, "length of the vectors")
	flags.Float64Var(&f.args.LR, "lr", 0.5, "learning rate at the start, it falls to 0")
	flags.IntVar(&f.args.Epoch, "epochs", 25, "passes over the text")
	flags.IntVar(&f.args.WordNgrams, "word-ngrams", 2, "longest word n-gram")
	flags.IntVar(&f.args.MinCount, "min-count", 1, "leave out words seen less often")
	flags.IntVar(&f.args.Minn, "minn", 0, "shortest character n-gram")
	flags.IntVar(&f.args.Maxn, "maxn", 0, "longest character n-gram; 0 learns none")
	flags.StringVar(&f.loss, "loss", "softmax", "softmax (one label a text), ova (several), hs (many labels), ns")
	f.args.Bucket = 200_000
	flags.Var((*bucketFlag)(&f.args.Bucket), "bucket", `rows that n-grams share, by hash, each taking 4 bytes times dim; "auto" for what the text needs`)
	flags.BoolVar(&f.deterministic, "deterministic", false, "the same seed gives the same model with any number of threads; slower")
	f.weights.add(c)
	flags.BoolVar(&f.stopping.on, "early-stopping", false, "stop when the validation accuracy stops rising, and keep the best epoch")
	flags.IntVar(&f.stopping.patience, "patience", 4, "epochs without a rise before --early-stopping stops")
	flags.IntVar(&f.stopping.minEpochs, "min-epochs", 5, "epochs before --early-stopping may stop")
	completeFlag(c, "loss", "softmax", "ova", "hs", "ns")
}

// bucketFlag is a number of rows, or auto.
type bucketFlag int

func (b *bucketFlag) String() string {
	if *b == fasttext.AutoBucket {
		return "auto"
	}
	return strconv.Itoa(int(*b))
}

func (b *bucketFlag) Set(s string) error {
	if s == "auto" {
		*b = fasttext.AutoBucket
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is neither a number of rows nor auto", s)
	}
	*b = bucketFlag(n)
	return nil
}

func (*bucketFlag) Type() string { return "rows" }

func (f *trainFlags) validate(c *cobra.Command) error {
	err := f.recipe.choose(c)
	if err != nil {
		return err
	}
	if f.args.Loss, err = fasttext.ParseLoss(f.loss); err != nil {
		return fmt.Errorf("--loss: %w", err)
	}
	if _, err := f.weights.parse(f.args.Label); err != nil {
		return err
	}
	if f.stopping.patience < 1 {
		return fmt.Errorf("--patience: %d epochs are too few, give at least 1", f.stopping.patience)
	}
	return f.args.Validate()
}

// training is one run: what it learns from and what came of it.
type training struct {
	flags     *trainFlags
	source    *countingSource
	held      []dataset.Row // to validate on; nil for none
	normalize bool
	progress  progress

	resume   *resumeFlags        // nil if there is nothing to go on from
	autotune *autotuneFlags      // nil, or not on: without a search
	tuned    *fasttext.Autotuned // what the search found

	unlabelled dataset.Source         // for the linear recipe; nil for none
	recipe     *fasttext.RecipeReport // of the linear recipe

	model      *fasttext.Model
	vocabulary int
	tokens     int64
	last       fasttext.Progress
	epochs     int           // run
	bestEpoch  int           // kept by early stopping; 0 without
	bestScore  float64       // of that epoch
	took       time.Duration // reading included
}

func (t *training) run(ctx context.Context) error {
	if t.flags.recipe.linear() {
		return t.cook(ctx)
	}
	if t.autotune != nil && t.autotune.on() {
		return t.search(ctx)
	}
	start := time.Now()
	defer t.progress.end()
	lines := dataset.Lines(t.source, dataset.LineOptions{Normalize: t.normalize})
	defer lines.Close()
	weights, err := t.flags.weights.parse(t.flags.args.Label)
	if err != nil {
		return err
	}
	opt := fasttext.TrainOptions{
		Args:          t.flags.args,
		Deterministic: t.flags.deterministic,
		BalanceLabels: t.flags.weights.balance,
		LabelWeights:  weights,
		OnRead:        t.progress.read,
		OnVocabulary:  func(tokens int64, vocabulary, _ int) { t.tokens, t.vocabulary = tokens, vocabulary },
		OnProgress: func(p fasttext.Progress) {
			t.last = p
			t.progress.show(p.Fraction, figures(p, t.flags.args.Epoch))
		},
		OnEpoch: t.epochEnds(ctx),
	}
	t.keep(&opt)
	t.model, err = fasttext.Train(ctx, lines, opt)
	t.took = time.Since(start)
	if t.epochs == 0 {
		t.epochs = t.flags.args.Epoch
	}
	if math.IsNaN(t.last.Loss) {
		t.last.Loss = 0
	}
	return err
}

// epochEnds measures each epoch for early stopping; nil without it.
func (t *training) epochEnds(ctx context.Context) func(fasttext.Epoch) (fasttext.Action, error) {
	if !t.flags.stopping.on {
		return nil
	}
	return func(e fasttext.Epoch) (fasttext.Action, error) {
		t.epochs = e.Number
		score := newScore(1)
		if err := score.add(ctx, e.Model, dataset.Slice(t.held), t.normalize); err != nil {
			return fasttext.Stop, err
		}
		accuracy := score.accuracy()
		t.progress.say("epoch %d  validation accuracy %.4f", e.Number, accuracy)
		if t.bestEpoch == 0 || accuracy > t.bestScore {
			t.bestScore, t.bestEpoch = accuracy, e.Number
			return fasttext.KeepBest, nil
		}
		if e.Number >= t.flags.stopping.minEpochs && e.Number-t.bestEpoch >= t.flags.stopping.patience {
			t.progress.say("stopped after epoch %d: the accuracy hasn't risen since epoch %d", e.Number, t.bestEpoch)
			return fasttext.Stop, nil
		}
		return fasttext.Continue, nil
	}
}

// countingSource counts the rows that pass.
type countingSource struct {
	dataset.Source
	rows, labelled, several, empty int
}

func (s *countingSource) Rows() iter.Seq2[dataset.Row, error] {
	return func(yield func(dataset.Row, error) bool) {
		for row, err := range s.Source.Rows() {
			if err == nil {
				s.rows++
				if len(row.Labels) > 0 {
					s.labelled++
				}
				if len(row.Labels) > 1 {
					s.several++
				}
				if strings.TrimSpace(row.Text) == "" {
					s.empty++
				}
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// explainTraining says what to do about a training that failed.
func explainTraining(err error, source *countingSource, r *dataset.Reader) error {
	fault, inFile := errors.AsType[*dataset.Error](err)
	switch {
	case inFile:
		return fault // says by itself where it was
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted: no model was written")
	case source.labelled == 0 && (errors.Is(err, fasttext.ErrNoLabels) || errors.Is(err, fasttext.ErrEmpty)):
		return needLabels(r)
	case errors.Is(err, fasttext.ErrDiverged):
		return errors.New("training diverged (the weights became too large): lower --lr")
	case errors.Is(err, fasttext.ErrEmpty):
		return fmt.Errorf("%s: no words are left to learn from: the texts are empty, or --min-count is too high", r.Name())
	}
	return err
}

// fileSize words a number of bytes.
func fileSize(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}

// quietProgress shows nothing.
func quietProgress() progress { return &plainProgress{w: io.Discard} }
