package trainer

import (
	"context"
	"fmt"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

// linear trains a classifier by the recipe that chooses features and costs by itself, with the log
// lines of a training that have a counterpart in it.
func (r *runner) linear() (*fasttext.Model, error) {
	t, err := r.open(Train, -1)
	if err != nil {
		return nil, err
	}
	// The model's matrix is not the collector's; it is bounded by the engine.
	r.limitHeap(r.task.MemoryBytes / 4)
	var words int64
	stage := ""
	opt := fasttext.RecipeOptions{Label: r.task.Args.Label, Threads: r.task.Args.Thread, Seed: r.task.Args.Seed}
	opt.OnRead = func(n int64) { words = n }
	opt.OnProgress = func(p fasttext.RecipeProgress) {
		if stage == "" {
			r.printf("Read %dM words", words/1e6)
		}
		if stage != p.Stage {
			stage, r.logged = p.Stage, 0
			r.printf("%s", stages[stage])
		}
		r.onStage(p)
	}
	start := time.Now()
	model, report, err := fasttext.TrainRecipe(context.Background(), t, opt)
	if err != nil {
		return nil, r.explain(err, t)
	}
	r.printf("Number of words:  %d", report.Words)
	r.printf("Number of labels:  %d", report.Labels)
	r.remarkOn(t, report.Labels)
	r.describe(report)
	r.printf("Training finished.")
	r.printf("Total training time in seconds: %.2f", time.Since(start).Seconds())
	return model, nil
}

// stages words the stages of the recipe.
var stages = map[string]string{
	"choose": "Choosing features and costs by examples that are held out...",
	"learn":  "Learning from all examples...",
}

// onStage logs every 20 % of a stage, and every 10 seconds.
func (r *runner) onStage(p fasttext.RecipeProgress) {
	now := time.Now()
	if r.loggedAt.IsZero() {
		r.loggedAt = now
	}
	if p.Fraction-r.logged >= 0.2 || now.Sub(r.loggedAt) >= 10*time.Second {
		r.loggedAt, r.logged = now, p.Fraction
		r.printf("##### Progress: %.2f%%  Seconds: %.1f #####", 100*p.Fraction, p.Elapsed.Seconds())
	}
}

// describe logs what was chosen, and how well that did.
func (r *runner) describe(report *fasttext.RecipeReport) {
	features := fmt.Sprintf("runs of 1 to %d words", report.WordNgrams)
	if report.Maxn > 0 {
		features += fmt.Sprintf(" and %d to %d characters", report.Minn, report.Maxn)
	}
	r.printf("Features: %s, in %d words and %d buckets. The model takes %s.", features, report.Words, report.Bucket, byteSize(report.Bytes))
	if report.HeldOut == 0 {
		return
	}
	r.printf("Choices compared: %d. Of %d examples held out: accuracy %.4f, macro-F1 %.4f, calibration error %.4f.",
		len(report.Tried), report.HeldOut, report.Accuracy, report.MacroF1, report.CalibrationError)
	if report.SeveralLabels {
		r.printf("Examples have several labels. The highest F1, %.4f, comes of the labels with a probability of %.2f or more.", report.F1, report.Threshold)
	}
}
