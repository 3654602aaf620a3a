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

	"github.com/heliograph/heliograph/fasttext"
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
		for range b.runs {
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
	precision, err := precisionOf(ctx, out+".bin", t.test)
	p.accuracy = append(p.accuracy, precision)
	return err
}

func (p *trainer) print(w interface{ Write([]byte) (int, error) }) {
	fmt.Fprintf(w, "%.2f\t%.2f\t%.0f\t%.3f\t", median(p.seconds), median(p.cpu), median(p.megabytes), median(p.accuracy))
}

// precisionOf returns precision at 1 of a model on labelled text. Which program evaluates
// makes no difference, so it is done here.
func precisionOf(ctx context.Context, model, text string) (float64, error) {
	m, err := fasttext.LoadFile(model)
	if err != nil {
		return 0, err
	}
	f, err := os.Open(text)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	metrics, err := m.Test(ctx, f, 1, 0)
	if err != nil {
		return 0, err
	}
	return metrics.Precision(), nil
}
