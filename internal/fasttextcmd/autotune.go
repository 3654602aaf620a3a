package fasttextcmd

import (
	"fmt"
	"math"
	"os"
	"slices"
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
	case a.modelSize != "":
		return opt, fmt.Errorf("-autotune-modelsize is not offered yet: it needs quantisation")
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
	validation, err := os.Open(f.autotune.validation)
	if err != nil {
		return fmt.Errorf("Validation file cannot be opened! (%w)", err)
	}
	defer validation.Close()
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
	return c.save(found.Model, f)
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
