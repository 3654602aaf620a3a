package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// opening starts each program on a model file of 800 MB and lets it answer once.
func opening(ctx context.Context, b *bench) error {
	name := "requests"
	if b.data != "" {
		name = "banking77"
	}
	tasks, err := b.withFiles([]task{{name: name, options: "-dim 100 -wordNgrams 2 -bucket 2000000 -epoch 1"}})
	if err != nil {
		return err
	}
	task, programs := tasks[0], b.programs()
	// The original's file is full of random numbers; one of heliograph's may have holes.
	writer := programs[min(1, len(programs)-1)]
	_, model, err := b.train(ctx, writer, "supervised", task.train, task.options)
	if err != nil {
		return err
	}
	defer discard(model)
	size, err := megabytesOf(model)
	if err != nil {
		return err
	}
	texts, err := readTexts(task.test, 1)
	if err != nil {
		return err
	}
	text := filepath.Join(b.dir, "text")
	if err := os.WriteFile(text, []byte(texts[0]+"\n"), 0o600); err != nil {
		return err
	}
	return b.hold(ctx, contestTable("score"), contest{
		what: fmt.Sprintf("a file of %.0f MB, written by %s", size, writer.name), short: fmt.Sprintf("%.0f MB", size),
		programs: programs, runs: max(b.runs, 3),
		goals: goals{row: "opening a large model and answering once", seconds: 0.05, megabytes: size / 4},
		run: func(ctx context.Context, p program) (sample, error) {
			s, _, err := p.measure(ctx, text, filepath.Join(b.dir, "predicted"), "predict-prob", model, "-")
			return s, err
		},
	})
}
