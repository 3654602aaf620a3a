package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// answers are the questions that the bench starts itself for: what needs memory, or is measured by its
// memory, must not do so in or right below this process, because a child's peak begins with its parent's.
var answers = map[string]func(context.Context, []string) ([]float64, error){
	"analogies": answerAnalogies,
	"predict":   answerPredict,
	"run":       answerRun,
}

// ask starts the bench as a process of its own, and returns the figures it answers with, at least one, and what was
// written to the standard error.
func ask(ctx context.Context, question string, args ...string) (values []float64, said string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{"-answer", question, "--"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends what it has started
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, stderr.String(), fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, &stderr)
	}
	values, err = parseFigures(string(out))
	return values, stderr.String(), err
}

// answer is what the process does that ask starts.
func answer(ctx context.Context, question string, args []string) error {
	f, ok := answers[question]
	if !ok {
		return fmt.Errorf("-answer %s: no such question", question)
	}
	values, err := f(ctx, args)
	if err != nil {
		return err
	}
	for _, v := range values {
		fmt.Println(strconv.FormatFloat(v, 'g', -1, 64))
	}
	return nil
}

// answerRun runs a program, from its start to its end, and returns its seconds on the clock and of the processors, and its peak memory in
// megabytes. The first words are the files for its input, if it has any, and for its output, and its limits.
func answerRun(ctx context.Context, args []string) ([]float64, error) {
	if len(args) < 5 {
		return nil, errors.New("want input, output, two limits and a command")
	}
	most, err := strconv.ParseFloat(args[2], 64)
	if err != nil {
		return nil, fmt.Errorf("the limit of seconds: %w", err)
	}
	memory, err := strconv.ParseInt(args[3], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the limit of memory: %w", err)
	}
	if memory > 0 {
		if err := limitMemory(memory); err != nil {
			return nil, fmt.Errorf("limiting the memory: %w", err)
		}
	}
	limited := ctx
	if most > 0 {
		var stop context.CancelFunc
		limited, stop = context.WithTimeout(ctx, time.Duration(most*float64(time.Second)))
		defer stop()
	}
	cmd := exec.CommandContext(limited, args[4], args[5:]...)
	cmd.Stderr = os.Stderr
	if args[0] != "" {
		in, err := os.Open(args[0])
		if err != nil {
			return nil, err
		}
		defer in.Close()
		cmd.Stdin = in
	}
	out, err := os.Create(args[1])
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout = out
	start := time.Now()
	if err := cmd.Run(); err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			return nil, fmt.Errorf("killed: it had not ended after %g s", most)
		}
		return nil, err
	}
	took := time.Since(start)
	return []float64{took.Seconds(), (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), peakMegabytes(cmd.ProcessState)}, nil
}

func parseFigures(out string) (values []float64, err error) {
	for field := range strings.FieldsSeq(out) {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	if len(values) == 0 {
		return nil, errors.New("no figure in the answer")
	}
	return values, nil
}
