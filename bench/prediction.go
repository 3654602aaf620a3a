package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

// prediction measures single predictions in process, and a file's worth from the
// command's start to its end.
func prediction(ctx context.Context, b *bench) error {
	tasks, err := b.tasks()
	if err != nil {
		return err
	}
	w := table()
	fmt.Fprint(w, "data\toptions\twords a text\tpredictions/s\tµs\tallocations\tfile: heliograph s\t")
	if b.peer != "" {
		fmt.Fprint(w, "fasttext s\ttimes as fast\t")
	}
	fmt.Fprintln(w)
	for _, t := range tasks {
		model := trainer{name: "predict", command: []string{b.heliograph, "fasttext"}}
		t.options += " -epoch 2" // accuracy is not the point here
		if err := model.train(ctx, b, t); err != nil {
			return err
		}
		path := filepath.Join(b.dir, "predict.bin")
		words, rate, allocations, err := inProcess(path, t.test, b.runs)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%.0f\t%.2f\t%.0f\t", t.name, t.options, words, rate, 1e6/rate, allocations)
		var ours, peer []float64
		for range b.runs {
			if b.peer != "" {
				if peer, err = timed(ctx, peer, b.peer, "predict-prob", path, t.test); err != nil {
					return err
				}
			}
			if ours, err = timed(ctx, ours, b.heliograph, "fasttext", "predict-prob", path, t.test); err != nil {
				return err
			}
		}
		fast := ratios(peer, ours)
		fmt.Fprintf(w, "%.3f\t", median(ours))
		if b.peer != "" {
			fmt.Fprintf(w, "%.3f\t%.2f\t", median(peer), median(fast))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// inProcess predicts the texts one after another, on one goroutine, for a second a run.
func inProcess(model, file string, runs int) (words, rate, allocations float64, err error) {
	m, err := fasttext.LoadFile(model)
	if err != nil {
		return 0, 0, 0, err
	}
	texts, words, err := readTexts(file, 2000)
	if err != nil {
		return 0, 0, 0, err
	}
	var rates, allocs []float64
	dst := make([]fasttext.Prediction, 0, 8)
	for range runs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		n, start := 0, time.Now()
		for time.Since(start) < time.Second {
			for _, text := range texts {
				dst = m.Predict(dst[:0], text, 1, 0)
			}
			n += len(texts)
		}
		rates = append(rates, float64(n)/time.Since(start).Seconds())
		runtime.ReadMemStats(&after)
		allocs = append(allocs, float64((after.Mallocs-before.Mallocs)/uint64(n)))
	}
	return words, median(rates), median(allocs), nil
}

// readTexts returns up to n texts of labelled lines without their labels, and how many
// words they have on average.
func readTexts(file string, n int) (texts []string, words float64, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() && len(texts) < n {
		var kept []string
		for _, word := range strings.Fields(lines.Text()) {
			if !strings.HasPrefix(word, "__label__") {
				kept = append(kept, word)
			}
		}
		texts = append(texts, strings.Join(kept, " "))
		words += float64(len(kept))
	}
	if len(texts) == 0 {
		return nil, 0, fmt.Errorf("%s: no lines (%v)", file, lines.Err())
	}
	return texts, words / float64(len(texts)), lines.Err()
}

// timed runs a program and appends how long it took. Its output goes to a file, as it would be used.
func timed(ctx context.Context, times []float64, name string, args ...string) ([]float64, error) {
	out, err := os.CreateTemp("", "heliograph-bench-"+strconv.Itoa(len(times)))
	if err != nil {
		return nil, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout = out
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return append(times, time.Since(start).Seconds()), nil
}
