package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/fasttext"
)

// recipeGoals are what the recipe is held to on a set: accuracy, and seconds with two threads.
var recipeGoals = map[string]struct{ accuracy, seconds float64 }{
	"banking77": {0.915, 6}, "dbpedia14": {0.975, 6}, "imdb": {0.908, 15},
}

const (
	recipeRow       = "recipe"
	calibrationGoal = 0.03  // expected calibration error, at most
	peerDistance    = 0.001 // how far the peer's accuracy with the same file may be from ours
)

// recipe trains each set with defaults, and with the original's algorithm and good options, and judges both models. The
// peer judges the recipe's file too.
func recipe(ctx context.Context, b *bench) error {
	tasks, err := b.tasks()
	if err != nil {
		return err
	}
	columns := append([]column{wordsIn("set", 12), wordsIn("algorithm", 10)},
		figuresIn("s", "CPU s", "MB", "accuracy", "macro-F1", "calibration error", "peer's accuracy")...)
	t := newTable(os.Stdout, columns...)
	for i, task := range tasks {
		if i+1 < len(tasks) && tasks[i+1].name == task.name {
			continue // the last options of a set are its best ones
		}
		if err := b.recipeOn(ctx, t, task); err != nil {
			return fmt.Errorf("%s: %w", task.name, err)
		}
	}
	return nil
}

func (b *bench) recipeOn(ctx context.Context, t *table, task task) error {
	programs := b.programs()
	original, model, err := b.train(ctx, programs[len(programs)-1], "supervised", task.train, task.options)
	if err != nil {
		return err
	}
	before, err := judge(ctx, model, task.test)
	discard(model)
	if err != nil {
		return err
	}
	t.row(task.name, "original", figure(original.seconds), figure(original.cpu), fmt.Sprintf("%.1f", before.megabytes),
		fmt.Sprintf("%.4f", before.accuracy), fmt.Sprintf("%.4f", before.macro), fmt.Sprintf("%.3f", before.calibration), "")

	model = filepath.Join(b.dir, "recipe.bin")
	defer discard(model)
	ours := program{name: oursName, command: []string{b.heliograph}}
	var samples []sample
	for range b.runs {
		s, _, err := ours.measure(ctx, "", filepath.Join(b.dir, "recipe.out"),
			"train", "--input", task.train, "--output", model, "--force", "--threads", strconv.Itoa(b.threads))
		if err != nil {
			return err
		}
		samples = append(samples, s)
	}
	took := standing{program: ours, samples: samples}
	after, err := judge(ctx, model, task.test)
	if err != nil {
		return err
	}
	peer := ""
	if b.peer != "" {
		out, err := exec.CommandContext(ctx, b.peer, "test", model, task.test).Output()
		if err != nil {
			return fmt.Errorf("%s test: %w", b.peer, err)
		}
		theirs, err := precisionIn(string(out))
		if err != nil {
			return err
		}
		peer = fmt.Sprintf("%.3f", theirs)
		b.board.add(verdict{row: recipeRow, goal: "the peer's accuracy within 0.1 points", what: task.name, figure: peer,
			met: theirs-after.accuracy <= peerDistance && after.accuracy-theirs <= peerDistance})
	}
	t.row("", "recipe", figure(took.median(seconds)), figure(took.median(cpu)), fmt.Sprintf("%.1f", after.megabytes),
		fmt.Sprintf("%.4f", after.accuracy), fmt.Sprintf("%.4f", after.macro), fmt.Sprintf("%.3f", after.calibration), peer)
	b.board.add(verdict{row: recipeRow, goal: fmt.Sprintf("calibration error at most %g", calibrationGoal), what: task.name,
		figure: fmt.Sprintf("%.3f", after.calibration), met: after.calibration <= calibrationGoal})
	if g, ok := recipeGoals[task.name]; ok {
		b.board.add(verdict{row: recipeRow, goal: "accuracy", what: fmt.Sprintf("%s, %g:", task.name, g.accuracy),
			figure: fmt.Sprintf("%.4f", after.accuracy), met: after.accuracy >= g.accuracy})
		b.board.add(verdict{row: recipeRow, goal: "seconds, two threads", what: fmt.Sprintf("%s, %g:", task.name, g.seconds),
			figure: figure(took.median(seconds)), met: took.median(seconds) <= g.seconds})
	}
	return nil
}

// A judgement is how good a model is on a test set.
type judgement struct{ accuracy, macro, calibration, megabytes float64 }

func judge(ctx context.Context, model, test string) (j judgement, err error) {
	if j.megabytes, err = megabytesOf(model); err != nil {
		return j, err
	}
	m, err := fasttext.LoadFile(model)
	if err != nil {
		return j, err
	}
	f, err := os.Open(test)
	if err != nil {
		return j, err
	}
	defer f.Close()
	metrics, err := m.Test(ctx, f, 1, 0)
	if err != nil {
		return j, err
	}
	j.accuracy, j.macro = metrics.Precision(), metrics.MacroF1()
	if _, err := f.Seek(0, 0); err != nil {
		return j, err
	}
	var reliability fasttext.Reliability
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var labels, words []string
		for _, token := range strings.Fields(lines.Text()) {
			if strings.HasPrefix(token, "__label__") {
				labels = append(labels, token)
			} else {
				words = append(words, token)
			}
		}
		for _, p := range m.Predict(nil, strings.Join(words, " "), 1, 0) {
			reliability.Add(p.Prob, slices.Contains(labels, p.Label))
		}
	}
	j.calibration = reliability.CalibrationError()
	return j, lines.Err()
}
