package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

// prediction labels a file's worth of texts from the command's start to its end, with the same model file for
// all programs.
func prediction(ctx context.Context, b *bench) error {
	tasks, err := b.tasks()
	if err != nil {
		return err
	}
	t := contestTable("P@1")
	var failed error
	for _, task := range tasks {
		// Accuracy is not the point here.
		_, model, err := b.train(ctx, b.programs()[0], "supervised", task.train, task.options+" -epoch 2")
		if err != nil {
			return err
		}
		accuracy, err := b.precisionOf(ctx, model, task.test)
		if err != nil {
			return err
		}
		failed = errors.Join(failed, b.hold(ctx, t, contest{
			what: task.String(), short: task.short, programs: b.programs(), runs: b.runs,
			goals: goals{row: "batch prediction from a file", native: 4, original: 4},
			run: func(ctx context.Context, p program) (sample, error) {
				s, _, err := p.measure(ctx, "", filepath.Join(b.dir, "predicted"), "predict-prob", model, task.test)
				s.score = accuracy
				return s, err
			},
		}))
		discard(model)
	}
	return failed
}

const (
	textWords      = 50              // of a text that is predicted alone
	predictionGoal = 5e-6            // seconds
	predictionTime = 1 * time.Second // of one run
)

// single predicts texts of 50 words one after another, on one goroutine in one process.
func single(ctx context.Context, b *bench) error {
	tasks, err := b.tasks()
	if err != nil {
		return err
	}
	columns := append([]column{wordsIn("what", 50)}, figuresIn("predictions/s", "µs", "CPU µs", "allocations")...)
	t := newTable(os.Stdout, append(columns, wordsIn("goal", 0))...)
	for _, task := range tasks {
		if !strings.Contains(task.options, "-dim 10 ") {
			task.goals = goals{}
		}
		_, model, err := b.train(ctx, b.programs()[0], "supervised", task.train, task.options+" -epoch 2")
		if err != nil {
			return err
		}
		var times, cpus, allocations []float64
		for range b.runs {
			values, _, err := ask(ctx, "predict", model, task.test)
			if err != nil {
				return err
			}
			if len(values) != 3 {
				return fmt.Errorf("%d figures of predictions, want 3", len(values))
			}
			times, cpus, allocations = append(times, values[0]), append(cpus, values[1]), append(allocations, values[2])
		}
		discard(model)
		took, cpu, said := median(times), median(cpus), ""
		if task.goals.row != "" {
			v := verdict{row: "one prediction of 50 words in process", goal: "< 5 µs at dim 10, no allocation", what: task.short,
				figure: fmt.Sprintf("%.2f µs, %.0f allocations", 1e6*took, median(allocations)),
				met:    took < predictionGoal && median(allocations) == 0}
			if !v.met && cpu < predictionGoal {
				v.note = fmt.Sprintf("by CPU %.2f µs", 1e6*cpu)
			}
			said = b.board.add(v)
		}
		t.row(task.String(), fmt.Sprintf("%.0f", 1/took), figure(1e6*took), figure(1e6*cpu), fmt.Sprintf("%.0f", median(allocations)), said)
	}
	return nil
}

// answerPredict returns the seconds of a prediction, on the clock and of the processors, and its allocations.
func answerPredict(_ context.Context, args []string) ([]float64, error) {
	if len(args) != 2 {
		return nil, errors.New("want a model and a file of texts")
	}
	m, err := fasttext.LoadFile(args[0])
	if err != nil {
		return nil, err
	}
	texts, err := readTexts(args[1], 1000)
	if err != nil {
		return nil, err
	}
	dst := make([]fasttext.Prediction, 0, 8)
	var before, after runtime.MemStats
	n, cpu, start := 0, 0.0, time.Time{}
	for range 2 { // the first time to get warm
		runtime.ReadMemStats(&before)
		n, cpu, start = 0, cpuSeconds(), time.Now()
		for time.Since(start) < predictionTime {
			for _, text := range texts {
				dst = m.Predict(dst[:0], text, 1, 0)
			}
			n += len(texts)
		}
	}
	took := time.Since(start).Seconds()
	cpu = cpuSeconds() - cpu
	runtime.ReadMemStats(&after)
	return []float64{took / float64(n), cpu / float64(n), float64((after.Mallocs - before.Mallocs) / uint64(n))}, nil
}

// readTexts returns up to n texts of 50 words, cut out of labelled lines that follow one another.
func readTexts(file string, n int) (texts []string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	var kept []string
	for lines.Scan() && len(texts) < n {
		for word := range strings.FieldsSeq(lines.Text()) {
			if strings.HasPrefix(word, "__label__") {
				continue
			}
			if kept = append(kept, word); len(kept) == textWords {
				texts = append(texts, strings.Join(kept, " "))
				kept = kept[:0]
			}
		}
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s: less than %d words (%v)", file, textWords, lines.Err())
	}
	return texts, lines.Err()
}
