package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// training trains each task with both programs and compares time and accuracy.
func training(ctx context.Context, b *bench) error {
	tasks, err := b.tasks()
	if err != nil {
		return err
	}
	w := table()
	fmt.Fprint(w, "data\toptions\theliograph s\tCPU s\tpeak MB\tP@1\t")
	if b.peer != "" {
		fmt.Fprint(w, "fasttext s\tCPU s\tpeak MB\tP@1\ttimes as fast\tby CPU\t")
	}
	fmt.Fprintln(w)
	for _, t := range tasks {
		ours := trainer{name: "ours", command: []string{b.heliograph, "fasttext"}}
		peer := trainer{name: "peer", command: []string{b.peer}}
		for i := range b.runs {
			fmt.Fprintf(os.Stderr, "%s %s: run %d of %d\n", t.name, t.options, i+1, b.runs)
			if b.peer != "" {
				if err := peer.train(ctx, b, t); err != nil {
					return err
				}
			}
			if err := ours.train(ctx, b, t); err != nil {
				return err
			}
		}
		fmt.Fprintf(w, "%s\t%s\t", t.name, t.options)
		if b.peer == "" {
			ours.print(w)
			fmt.Fprintln(w)
			continue
		}
		fast, byCPU := ratios(peer.seconds, ours.seconds), ratios(peer.cpu, ours.cpu)
		ours.print(w)
		peer.print(w)
		fmt.Fprintf(w, "%.2f\t%.2f\t\n", median(fast), median(byCPU))
	}
	return w.Flush()
}

// A trainer is one of the programs and what its runs on a task took.
type trainer struct {
	name                              string
	command                           []string
	seconds, cpu, megabytes, accuracy []float64
}

// train runs the program once, from its start to its end.
func (p *trainer) train(ctx context.Context, b *bench, t task) error {
	out := filepath.Join(b.dir, p.name)
	args := append(p.command[1:len(p.command):len(p.command)], "supervised", "-input", t.train, "-output", out,
		"-thread", strconv.Itoa(b.threads), "-verbose", "0")
	cmd := exec.CommandContext(ctx, p.command[0], append(args, strings.Fields(t.options)...)...)
	start := time.Now()
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, text)
	}
	p.seconds = append(p.seconds, time.Since(start).Seconds())
	p.cpu = append(p.cpu, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	p.megabytes = append(p.megabytes, peakMegabytes(cmd.ProcessState))
	precision, err := precisionOf(ctx, b, out+".bin", t.test)
	p.accuracy = append(p.accuracy, precision)
	return err
}

func (p *trainer) print(w interface{ Write([]byte) (int, error) }) {
	fmt.Fprintf(w, "%.2f\t%.2f\t%.0f\t%.3f\t", median(p.seconds), median(p.cpu), median(p.megabytes), median(p.accuracy))
}

// precisionOf returns precision at 1 of a model on labelled text. Another process evaluates:
// a child's peak memory starts with what its parent had.
func precisionOf(ctx context.Context, b *bench, model, text string) (float64, error) {
	cmd := exec.CommandContext(ctx, b.heliograph, "fasttext", "test", model, text)
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	for line := range strings.Lines(string(out)) {
		if value, ok := strings.CutPrefix(line, "P@1\t"); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no P@1 in %q", out)
}
