package fasttext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// AutotuneOptions say what Autotune looks for, and for how long.
type AutotuneOptions struct {
	// Args are what models are trained with where Autotune does not choose. Thread is how
	// many trials run at a time; each has one thread.
	Args
	// Fixed names the options that stay as they are in Args, of those that Autotune
	// chooses: lr, epoch, dim, wordNgrams, minn, maxn and bucket.
	Fixed []string

	Metric      Metric
	Predictions int // labels predicted for each example; 0 is 1, below 0 all

	Duration time.Duration // of the whole search; 0 is no limit
	Trials   int           // how many models to try; 0 is as many as Duration has room for
	// ModelSize bounds the size of the model's file in bytes, by way of dim and bucket. 0 is no bound.
	ModelSize int64
	// LargestDim bounds dim; 0 is 300.
	LargestDim int

	// Log is a file that gets a line of JSON for every trial that ends. If it exists,
	// it must be of a search with the same texts and options, which is then continued.
	Log string

	// TextMemory and TempDir are those of TrainOptions. The examples of each trial take as much again.
	TextMemory int64
	TempDir    string

	// OnRead is called while the training text is read.
	OnRead func(words int64)
	// OnTrial is called after each trial, one at a time.
	OnTrial func(Trial)
}

// Autotuned is what Autotune found.
type Autotuned struct {
	Model  *Model
	Args   Args    // that it was trained with
	Score  float64 // its metric on the validation text
	Best   int     // the number of its trial
	Trials []Trial // those that ended, in the order of their numbers
}

// Autotune looks for the options with which a classifier that learns from the text
// train does best on the text validation, and returns the best model it has
// trained on the way. Both texts are read once, before the search starts.
//
// The first trials are choices that often do well; each later one changes some options of
// one of the best trials, less and less as the search goes on. A trial is stopped early
// when, after a half or three quarters of its epochs, it does worse than the median of
// the others did then (Golovin et al., "Google Vizier", 2017, section 3.2). If no trial
// ended in Duration, the first one to end does so later.
//
// A search with Trials and without Duration is reproducible: the same texts, options,
// Thread and Seed give the same trials, and the same model.
//
// As many models as Thread and two more are in memory at a time. Errors are those of the readers and of
// ctx, of Args.Validate, ErrEmpty, ErrNoLabels, ErrDiverged if every trial diverged, and
// those of the Log file. After any error, Log has what was done.
func Autotune(ctx context.Context, train, validation io.Reader, opt AutotuneOptions) (*Autotuned, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	opt.Thread = min(opt.Thread, maxWorkers())
	s := &search{opt: &opt, start: time.Now()}
	depot := newDepot(opt.TempDir, opt.TextMemory)
	defer depot.close()
	var err error
	if s.train, err = readText(ctx, train, opt.Thread, depot, opt.OnRead); err != nil {
		return nil, err
	}
	if s.held, err = readText(ctx, validation, opt.Thread, depot, nil); err != nil {
		return nil, fmt.Errorf("validation: %w", err)
	}
	s.train.shared, s.held.shared = true, true
	if err := s.survey(ctx); err != nil {
		return nil, err
	}
	if opt.Log != "" {
		if err := s.openLog(); err != nil {
			return nil, err
		}
		defer s.log.Close()
	}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	return s.finish(ctx)
}

// tunable are the options that Autotune chooses.
var tunable = []string{"lr", "epoch", "dim", "wordNgrams", "minn", "maxn", "bucket"}

func (o *AutotuneOptions) check() error {
	if o.Model != Supervised {
		return fmt.Errorf("autotune is for supervised models, not for %v ones", o.Model)
	}
	for _, name := range o.Fixed {
		if !slices.Contains(tunable, name) {
			return fmt.Errorf("%q is not an option that autotune chooses: those are %v", name, tunable)
		}
	}
	switch {
	case o.Duration < 0:
		return fmt.Errorf("the duration of autotune is %v: want a positive one", o.Duration)
	case o.Trials < 0:
		return fmt.Errorf("%d trials: want at least 1", o.Trials)
	case o.Duration == 0 && o.Trials == 0:
		return errors.New("autotune has no end: give a duration or a number of trials")
	case o.LargestDim < 0:
		return fmt.Errorf("the largest dim is %d: want at least 1", o.LargestDim)
	case o.ModelSize < 0:
		return fmt.Errorf("the model size is %d bytes: want a positive number", o.ModelSize)
	}
	if o.Predictions == 0 {
		o.Predictions = 1
	}
	if o.LargestDim == 0 {
		o.LargestDim = largestDim
	}
	a := o.Args
	if a.Bucket == 0 && !slices.Contains(o.Fixed, "bucket") {
		a.Bucket = largestBucket
	}
	return a.Validate()
}

// A search is an Autotune under way.
type search struct {
	opt         *AutotuneOptions
	train, held *text
	log         *trialLog
	start       time.Time
	before      time.Duration // what earlier runs of the same search took

	// What survey finds out.
	words, labels   int
	examples        int
	dictionaryBytes int64

	mu      sync.Mutex // guards what follows
	done    map[int]*Trial
	best    *Trial
	model   *Model // of best; nil if an earlier run of the search trained it
	failure error
}

// elapsed is how long the search has taken, in all its runs.
func (s *search) elapsed() time.Duration { return s.before + time.Since(s.start) }

// survey prepares a training to see that the texts are what they should be, and how much
// there is in them.
func (s *search) survey(ctx context.Context) error {
	a := s.opt.Args
	a.Dim, a.WordNgrams, a.Minn, a.Maxn, a.Bucket, a.Thread = 1, 1, 0, 0, 0, s.opt.Thread
	a.PretrainedVectors = ""
	t, err := prepareText(ctx, s.train, s.held, TrainOptions{Args: a, TextMemory: s.opt.TextMemory, TempDir: s.opt.TempDir})
	if err != nil {
		return err
	}
	defer t.close()
	if t.held.size == 0 {
		return errors.New("the validation text has no line with words and with labels of the training text")
	}
	if l := s.opt.Metric.label; l != "" && !slices.Contains(t.model.labels, l) {
		return fmt.Errorf("metric %v: the training text has no label %s", s.opt.Metric, l)
	}
	d := t.model.dict
	s.words, s.labels, s.examples = d.words, d.labels(), t.examples.size
	const perToken, head = 1 + 8 + 1, 200
	s.dictionaryBytes = int64(len(d.text)) + int64(d.size())*perToken + head
	s.done = map[int]*Trial{}
	if s.opt.ModelSize > 0 {
		if least := s.dictionaryBytes + 4*int64(s.words+s.labels); least > s.opt.ModelSize {
			return fmt.Errorf("a model of %d bytes is not possible: %d words and %d labels take at least %d; raise -minCount or the size",
				s.opt.ModelSize, s.words, s.labels, least)
		}
	}
	return nil
}

// finish returns the best model. One that an earlier run of the search found is trained again: with
// one thread, it comes out the same.
func (s *search) finish(ctx context.Context) (*Autotuned, error) {
	found := &Autotuned{Model: s.model, Args: s.best.args(s.opt.Args), Score: s.best.Score, Best: s.best.Number}
	for _, t := range s.done {
		found.Trials = append(found.Trials, *t)
	}
	slices.SortFunc(found.Trials, func(a, b Trial) int { return a.Number - b.Number })
	if found.Model == nil {
		opt := TrainOptions{Args: found.Args, TextMemory: s.opt.TextMemory, TempDir: s.opt.TempDir}
		opt.Thread = 1
		// An epoch's end brings rows up to date, which rounds them; so it was in the trial.
		opt.OnEpoch = func(Epoch) (Action, error) { return Continue, nil }
		// With the held-out text beside it, as before: rows are laid out by both.
		t, err := prepareText(ctx, s.train, s.held, opt)
		if err != nil {
			return nil, err
		}
		defer t.close()
		if err := t.train(ctx); err != nil {
			return nil, err
		}
		found.Model = t.model
	}
	return found, nil
}
