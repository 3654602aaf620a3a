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

// What autotune bounds the peers to. The original tries matrices of up to 10 million rows of 1,000 values: it leaves out what it gets
// no memory for, but is killed for what it was promised and the machine does not have. And it trains once more in the end.
const (
	autotuneMemory = 8 << 30
	autotuneTimes  = 3 // the budget
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
	t := contestTable("P@1, F1")
	programs := b.programs()
	for i := range programs[1:] {
		programs[i+1].limits = limits{seconds: autotuneTimes * float64(b.autotune), memory: autotuneMemory}
	}
	var failed error
	for _, task := range tasks {
		learn, valid, err := divide(task.train)
		if err != nil {
			return err
		}
		failed = errors.Join(failed, b.hold(ctx, t, contest{
			what: fmt.Sprintf("%s, %d s", task.name, b.autotune), short: task.name, programs: programs, runs: 1,
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
