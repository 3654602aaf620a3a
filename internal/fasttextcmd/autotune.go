package fasttextcmd

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

// autotuneFlags are those that begin with -autotune-.
type autotuneFlags struct {
	validation, metric, modelSize string
	predictions, duration         int // duration in seconds
}

func autotuneDefaults() autotuneFlags {
	return autotuneFlags{metric: "f1", predictions: 1, duration: 300}
}

// options checks the flags.
func (f *trainFlags) autotuneOptions() (fasttext.AutotuneOptions, error) {
	a := &f.autotune
	opt := fasttext.AutotuneOptions{Args: f.Args, Predictions: a.predictions, Duration: time.Duration(a.duration) * time.Second}
	var err error
	switch {
	case a.duration < 1:
		return opt, fmt.Errorf("-autotune-duration is %d: want at least 1 second", a.duration)
	case a.predictions == 0 || a.predictions < -1:
		return opt, fmt.Errorf("-autotune-predictions is %d: want at least 1, or -1 for all", a.predictions)
	}
	if opt.Metric, err = fasttext.ParseMetric(a.metric); err != nil {
		return opt, fmt.Errorf("-autotune-metric: %w", err)
	}
	for _, name := range []string{"lr", "epoch", "dim", "wordNgrams", "minn", "maxn", "bucket"} {
		if slices.Contains(f.given, name) {
			opt.Fixed = append(opt.Fixed, name)
		}
	}
	return opt, nil
}

// autotune trains with the options that do best on the validation file. The best model
// is one of those that the search has trained, so, unlike the original, it does not train again.
func (c *command) autotune(f *trainFlags, in *os.File) error {
	opt, err := f.autotuneOptions()
	if err != nil {
		return err
	}
	size, err := parseModelSize(f.autotune.modelSize)
	if err != nil {
		return fmt.Errorf("-autotune-modelsize: %w", err)
	}
	validation, err := os.Open(f.autotune.validation)
	if err != nil {
		return fmt.Errorf("the validation text cannot be opened: %w", err)
	}
	defer validation.Close()
	if size > 0 {
		// The code books take 1 KB for each dimension: no more than a quarter of the file.
		opt.LargestDim = int(min(max(size/4096, 1), 300))
	}
	p := autotuneProgress{c: c, duration: opt.Duration, start: time.Now(), best: math.NaN()}
	stop := func() {}
	if f.Verbose > 0 {
		opt.OnTrial = func(t fasttext.Trial) { p.trial(t, f.Verbose) }
		stop = p.show()
	}
	found, err := fasttext.Autotune(c.ctx, in, validation, opt)
	stop()
	if err != nil {
		return err
	}
	if f.Verbose > 0 {
		p.line()
		fmt.Fprintf(c.stderr, "\nBest selected args = %s\n", wordArgs(found.Args))
	}
	if size > 0 {
		return c.saveSmall(found, opt, f, size, in, validation)
	}
	return c.save(found.Model, f)
}

// modelPath is the file that the model is written to.
func (f *trainFlags) modelPath() string {
	if f.autotune.validation != "" && f.autotune.modelSize != "" {
		return f.output + ".ftz"
	}
	return f.output + ".bin"
}

// parseModelSize reads a number of bytes, such as 500k or 2M; k, M and G are powers of 1000.
func parseModelSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	number, unit := s, int64(1)
	for i, letter := range "kmg" {
		if last := strings.ToLower(s[len(s)-1:]); last == string(letter) {
			number, unit = s[:len(s)-1], []int64{1e3, 1e6, 1e9}[i]
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is not a size: want a number of bytes above 0, or one such as 500k, 2M or 1G", s)
	}
	return n * unit, nil
}

// saveSmall writes the model, quantised so that its file is no longer than size, as .ftz.
func (c *command) saveSmall(found *fasttext.Autotuned, opt fasttext.AutotuneOptions, f *trainFlags, size int64, train, validation *os.File) error {
	if _, err := train.Seek(0, io.SeekStart); err != nil {
		return err
	}
	small, how, err := found.Model.QuantizeToSize(c.ctx, fasttext.SizeOptions{
		Size: size, Retrain: train, LR: found.Args.LR, Epoch: found.Args.Epoch, Seed: f.Seed, Thread: f.Thread,
		Measure: func(ctx context.Context, m *fasttext.Model) (float64, error) {
			if _, err := validation.Seek(0, io.SeekStart); err != nil {
				return 0, err
			}
			return m.Measure(ctx, validation, opt.Metric, opt.Predictions)
		},
	})
	if err != nil {
		return err
	}
	if f.Verbose > 0 {
		fmt.Fprintf(c.stderr, "Compressed to %d bytes: -cutoff %d -dsub %d -qnorm %t -qout %t, score %.6f\n",
			how.Size, how.Cutoff, how.DSub, how.QNorm, how.QOut, how.Score)
	}
	if err := small.SaveFile(f.modelPath()); err != nil {
		return err
	}
	return fasttext.WriteFile(f.output+".vec", small.WriteVectors)
}

func wordArgs(a fasttext.Args) string {
	return fmt.Sprintf("-lr %.4g -epoch %d -dim %d -wordNgrams %d -minn %d -maxn %d -bucket %d",
		a.LR, a.Epoch, a.Dim, a.WordNgrams, a.Minn, a.Maxn, a.Bucket)
}

// autotuneProgress writes over one line with how far the search is.
type autotuneProgress struct {
	c        *command
	duration time.Duration
	start    time.Time

	mu     sync.Mutex
	trials int
	best   float64
}

func (p *autotuneProgress) trial(t fasttext.Trial, verbose int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trials++
	if t.Best {
		p.best = t.Score
	}
	if verbose > 2 {
		fmt.Fprintf(p.c.stderr, "\rTrial = %d %s score %.6f%s\n", t.Number, wordTrial(t), t.Score, fate(t))
	}
}

func wordTrial(t fasttext.Trial) string {
	return wordArgs(fasttext.Args{LR: t.LR, Epoch: t.Epoch, Dim: t.Dim, WordNgrams: t.WordNgrams, Minn: t.Minn, Maxn: t.Maxn, Bucket: t.Bucket})
}

// fate words how a trial ended, if not well.
func fate(t fasttext.Trial) string {
	switch {
	case t.Diverged:
		return ", diverged"
	case t.Stopped:
		return ", stopped early"
	}
	return ""
}

// line writes the line.
func (p *autotuneProgress) line() {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := time.Since(p.start)
	left := max(p.duration-took, 0) / time.Second
	best := "unknown"
	if !math.IsNaN(p.best) {
		best = fmt.Sprintf("%9.6f", p.best)
	}
	fmt.Fprintf(p.c.stderr, "\rProgress: %5.1f%% Trials: %4d Best score: %s ETA: %3dh%2dm%2ds",
		min(100*took.Seconds()/p.duration.Seconds(), 100), p.trials, best, left/3600, left/60%60, left%60)
}

// show writes the line a few times a second until stop is called.
func (p *autotuneProgress) show() (stop func()) {
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				p.line()
			}
		}
	})
	return func() { close(done); writer.Wait() }
}
