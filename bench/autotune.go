package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
)

// autotune gives each program the same time to find options, on nine tenths of the rows, by the last one,
// and measures the models on the test part.
func autotune(ctx context.Context, b *bench) error {
	names := []string{"requests"}
	if b.data != "" {
		names = []string{"banking77", "imdb"}
	}
	var tasks []task
	for _, name := range names {
		tasks = append(tasks, task{name: name})
	}
	tasks, err := b.withFiles(tasks)
	if err != nil {
		return err
	}
	t := contestTable("F1")
	var failed error
	for _, task := range tasks {
		learn, valid, err := divide(task.train)
		if err != nil {
			return err
		}
		failed = errors.Join(failed, b.hold(ctx, t, contest{
			what: fmt.Sprintf("%s, %d s", task.name, b.autotune), short: task.name, programs: b.programs(), runs: 1,
			goals: goals{row: "autotune at the same budget", behind: within(0)},
			run: func(ctx context.Context, p program) (sample, error) {
				s, model, err := b.train(ctx, p, "supervised", learn, fmt.Sprintf("-autotune-validation %s -autotune-duration %d", valid, b.autotune))
				if err != nil {
					return s, err
				}
				defer discard(model)
				// With one label a line and one predicted, F1 is precision.
				s.score, err = b.precisionOf(ctx, model, task.test)
				return s, err
			},
		}))
	}
	return failed
}

// divide writes nine tenths of the lines to one file and the rest to another, in a random order that is always the
// same: some sets are sorted by label.
func divide(path string) (learn, valid string, err error) {
	lines, err := readLines(path)
	if err != nil {
		return "", "", err
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	learn, valid = path+".learn", path+".valid"
	tenth := len(lines) / 10
	for file, part := range map[string][]string{learn: lines[tenth:], valid: lines[:tenth]} {
		err = errors.Join(err, writeFile(file, func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Join(part, "\n")+"\n")
			return err
		}))
	}
	return learn, valid, err
}

func readLines(path string) (lines []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	return lines, scanner.Err()
}
