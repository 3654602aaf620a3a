package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// quantization lets each program compress the same model with the same options.
func quantization(ctx context.Context, b *bench) error {
	tasks, err := b.tasks()
	if err != nil {
		return err
	}
	task := tasks[0]
	programs := b.programs()
	_, model, err := b.train(ctx, programs[len(programs)-1], "supervised", task.train, task.options)
	if err != nil {
		return err
	}
	defer discard(model)
	accuracy, err := b.precisionOf(ctx, model, task.test)
	if err != nil {
		return err
	}
	base := strings.TrimSuffix(model, ".bin")
	compressed := base + ".ftz"
	before, err := megabytesOf(model)
	if err != nil {
		return err
	}
	said := fmt.Sprintf("P@1 %.3f and %.1f MB before.", accuracy, before)
	t := contestTable("P@1")
	var failed error
	for _, options := range []string{"-qnorm", "-qnorm -cutoff 50000 -retrain -epoch 1"} {
		sizes := make([]string, 0, len(programs))
		failed = errors.Join(failed, b.hold(ctx, t, contest{
			what: task.name + " `quantize " + options + "`", short: options, programs: programs, runs: 1,
			goals: goals{row: "quantisation", behind: within(0.005)},
			run: func(ctx context.Context, p program) (sample, error) {
				args := append([]string{"quantize", "-input", task.train, "-output", base, "-thread", strconv.Itoa(b.threads), "-verbose", "0"},
					strings.Fields(options)...)
				s, _, err := p.measure(ctx, "", filepath.Join(b.dir, "quantized"), args...)
				if err != nil {
					return s, err
				}
				size, err := megabytesOf(compressed)
				if err != nil {
					return s, err
				}
				sizes = append(sizes, fmt.Sprintf("%s %.2f", p.name, size))
				s.score, err = b.precisionOf(ctx, compressed, task.test)
				return s, err
			},
		}))
		said += fmt.Sprintf(" `%s`: MB of %s.", options, strings.Join(sizes, ", "))
	}
	fmt.Println("\n" + said)
	return failed
}

func megabytesOf(path string) (float64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return float64(info.Size()) / 1e6, nil
}
