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
		return nil, "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, &stderr)
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
// megabytes. The first words are the files for its input, if it has any, and for its output.
func answerRun(ctx context.Context, args []string) ([]float64, error) {
	if len(args) < 3 {
		return nil, errors.New("want input, output and a command")
	}
	cmd := exec.CommandContext(ctx, args[2], args[3:]...)
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
