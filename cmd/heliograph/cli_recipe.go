package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

// The recipes of training.
const (
	linearRecipe   = "linear"
	originalRecipe = "fasttext"
)

// originalFlag marks a flag that only the original's algorithm has.
const originalFlag = "heliograph_original"

// recipeFlag says how to train.
type recipeFlag struct {
	name    string
	implied string // the flag that decided, if --recipe didn't
}

func (f *recipeFlag) add(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "recipe", linearRecipe, `"linear" finds features and costs itself and is the more accurate one; "fasttext" is the original's algorithm`)
	completeFlag(c, "recipe", linearRecipe, originalRecipe)
}

// ofOriginal marks the flags that are added meanwhile as those of the original's algorithm.
func ofOriginal(c *cobra.Command, add func(*cobra.Command)) {
	before := map[string]bool{}
	c.Flags().VisitAll(func(f *pflag.Flag) { before[f.Name] = true })
	add(c)
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !before[f.Name] {
			if f.Annotations == nil {
				f.Annotations = map[string][]string{}
			}
			f.Annotations[originalFlag] = []string{}
		}
	})
}

// choose decides between the recipes: a flag that only the original's algorithm has asks for that.
func (f *recipeFlag) choose(c *cobra.Command) error {
	var given []string
	c.Flags().Visit(func(flag *pflag.Flag) {
		if _, only := flag.Annotations[originalFlag]; only {
			given = append(given, "--"+flag.Name)
		}
	})
	switch {
	case f.name != linearRecipe && f.name != originalRecipe:
		return fmt.Errorf("--recipe: %q is not one: %s or %s", f.name, linearRecipe, originalRecipe)
	case f.name == originalRecipe || len(given) == 0:
	case c.Flags().Changed("recipe"):
		return fmt.Errorf("--recipe %s chooses by itself what %s sets: leave that out, or give --recipe %s", linearRecipe, strings.Join(given, " and "), originalRecipe)
	default:
		f.name, f.implied = originalRecipe, strings.Join(given, " ")
	}
	return nil
}

func (f *recipeFlag) linear() bool { return f.name == linearRecipe }

// cook trains by the linear recipe.
func (t *training) cook(ctx context.Context) error {
	start := time.Now()
	defer t.progress.end()
	lines := dataset.Lines(t.source, dataset.LineOptions{Normalize: t.normalize})
	defer lines.Close()
	opt := fasttext.RecipeOptions{
		Label:      t.flags.args.Label,
		Threads:    t.flags.args.Thread,
		Seed:       t.flags.args.Seed,
		OnRead:     t.progress.read,
		OnProgress: func(p fasttext.RecipeProgress) { t.progress.show(overall(p), stageText(p)) },
	}
	if t.unlabelled != nil {
		text := dataset.Lines(withoutLabels{t.unlabelled}, dataset.LineOptions{Normalize: t.normalize})
		defer text.Close()
		opt.Unlabelled = text
	}
	var err error
	t.model, t.recipe, err = fasttext.TrainRecipe(ctx, lines, opt)
	t.took = time.Since(start)
	if err == nil {
		t.vocabulary = t.recipe.Words
	}
	return err
}

// withoutLabels are the texts of rows.
type withoutLabels struct{ dataset.Source }

func (s withoutLabels) Rows() iter.Seq2[dataset.Row, error] {
	return func(yield func(dataset.Row, error) bool) {
		for row, err := range s.Source.Rows() {
			row.Labels = nil
			if !yield(row, err) {
				return
			}
		}
	}
}

// unlabelledFlag names more text of the same kind.
type unlabelledFlag struct{ path string }

func (f *unlabelledFlag) add(c *cobra.Command) {
	c.Flags().StringVar(&f.path, "unlabelled", "", "file of more texts of the same kind, labels or not, which --recipe linear learns about words from")
}

// open opens the file, which need not have a column of labels; nil without one.
func (f *unlabelledFlag) open(c *cobra.Command, t *trainCommand) (*dataset.Reader, error) {
	switch {
	case f.path == "":
		return nil, nil
	case !t.train.recipe.linear():
		return nil, errors.New("--unlabelled is for --recipe linear: with --recipe fasttext, train word vectors (heliograph fasttext skipgram) and give them as --pretrained-vectors")
	case f.path == "-" && (t.input == "-" || t.validation == "-"):
		return nil, errors.New("--unlabelled can't be standard input, which another file is")
	}
	read := t.read
	read.readOptions.LabelColumn = ""
	return read.open(c, f.path)
}

// chooseShare is about how much of the time goes to choosing.
const chooseShare = 0.8

// overall is how much of the whole a stage's progress is.
func overall(p fasttext.RecipeProgress) float64 {
	if p.Stage == "learn" {
		return chooseShare + (1-chooseShare)*p.Fraction
	}
	return chooseShare * p.Fraction
}

func stageText(p fasttext.RecipeProgress) string {
	text := "choosing features and costs"
	if p.Stage == "learn" {
		text = "learning from all rows"
	}
	return fmt.Sprintf("%s  %s", text, seconds(p.Elapsed.Seconds()))
}

// writeRecipe words what the recipe chose.
func writeRecipe(w io.Writer, r *fasttext.RecipeReport, took float64) {
	features := []string{"words"}
	if r.WordNgrams > 1 {
		features[0] = fmt.Sprintf("runs of 1 to %d words", r.WordNgrams)
	}
	if r.Maxn > 0 {
		features = append(features, fmt.Sprintf("%d to %d characters", r.Minn, r.Maxn))
	}
	fmt.Fprintf(w, "learned from %s in %s, of %s tried\n", strings.Join(features, " and "), seconds(took), counted(len(r.Tried), "choice"))
	if r.HeldOut == 0 {
		return
	}
	fmt.Fprintf(w, "  %s left out while choosing: accuracy %.1f%%, macro-F1 %.3f, calibration error %.3f\n",
		counted(r.HeldOut, "row"), 100*r.Accuracy, r.MacroF1, r.CalibrationError)
	if r.SeveralLabels {
		fmt.Fprintf(w, "  several labels: predict with --top 10 --threshold %.2f for the highest F1, %.3f\n",
			math.Floor(100*r.Threshold)/100, r.F1)
	}
}

// checkCrossValidation refuses what would look at the rows that a fold is measured on.
func (f *trainFlags) checkCrossValidation() error {
	if f.stopping.on {
		return errors.New("--early-stopping would choose the epoch by the rows it is measured on: leave it out, or use train with --validation")
	}
	return nil
}
