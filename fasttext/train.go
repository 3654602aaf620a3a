package fasttext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Epoch is a pass over the text that has just ended.
type Epoch struct {
	Number   int // from 1
	Of       int
	Progress Progress
	Model    *Model // as it is now; for use during the call only
}

// Action says how training goes on after an epoch. KeepBest and Stop may be combined.
type Action uint8

const (
	Stop     Action = 1 << iota // end training now
	KeepBest                    // remember these weights: the last ones so marked become the model's
	Continue Action = 0
)

// TrainOptions are the options of training and what wants to hear of it. The functions
// may be nil; they are called one at a time, on the goroutine that called Train.
type TrainOptions struct {
	Args

	// Continue is a classifier to go on from: its words and labels, their rows and those of
	// its n-grams are kept, and new words and labels come in addition. Dim, WordNgrams, Minn,
	// Maxn, Bucket and Loss are the model's, whatever Args say. With HierarchicalSoftmax, the
	// output rows start anew. The model itself is not changed.
	Continue *Model
	// LabelWeights are factors of the learning rate for examples of a label, by its name
	// with the prefix; 1 for labels that are not in it. With several labels, it is the drawn
	// one's, or with OneVsAll the mean of all.
	LabelWeights map[string]float32
	// BalanceLabels weighs each label by how much rarer than the mean label it is, up to
	// 10 times. LabelWeights multiply that.
	BalanceLabels bool

	// Deterministic makes the same text, options and seed give the same model with any
	// number of threads, on processors of one kind. It uses no more than 4 of them, for
	// batches of up to 32 examples that wait for each other, which makes it slower than
	// training without: with two, not faster than one thread alone, whose models
	// are reproducible anyway. It copies the output matrix between batches, so it is slowest with
	// many labels and HierarchicalSoftmax or NegativeSampling.
	Deterministic bool

	// Checkpoint, if not nil, makes training go on from where it was killed.
	Checkpoint *Checkpoint

	// TextMemory is how many bytes of the text, as numbers, training keeps in memory: 48 MiB if 0, and at least 1 MiB. A longer text
	// goes to a temporary file in TempDir, the system's folder for such files if that is empty, and is read
	// back in each epoch. The file takes about 2 bytes for each word, and nobody else sees it.
	TextMemory int64
	TempDir    string

	// OnRead is called while the text is read.
	OnRead func(words int64)
	// OnVocabulary is called after the text was read, with its tokens and how many words and
	// labels were kept.
	OnVocabulary func(words int64, vocabulary, labels int)
	// OnProgress is called a few times a second, and once at the end.
	OnProgress func(Progress)
	// OnEpoch is called after each epoch, while no worker runs.
	OnEpoch func(Epoch) (Action, error)
}

// Train learns a classifier from text: one example a line, labels being the tokens
// that start with Args.Label, in any place. The text is read once, to its end, before
// learning starts. Lines without labels or without words are left out.
//
// Errors are those of r and of ctx, of Args.Validate, ErrEmpty, ErrNoLabels and
// ErrDiverged. When ctx ends, Train returns within a tenth of a second of the
// current read.
//
// As the original does, each example moves towards one of its labels, drawn at
// random (all of them with OneVsAll), and the learning rate falls linearly to 0. Unlike there,
// examples are taken in a new random order in each epoch, and only rows that occur in
// the text start at random, the others being zero. Text that is sorted by label is therefore
// learned as well as mixed text, and n-grams that training never saw add no noise. Nor
// does the vocabulary forget rare words while a very large text is read.
//
// With another Args.Model than Supervised, Train learns word vectors instead: each line is a
// context that windows do not reach across, labels are left out, and an epoch is one pass over the
// text. It does not need labels.
func Train(ctx context.Context, r io.Reader, opt TrainOptions) (*Model, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	var err error
	if opt.Args, err = (predecessor{opt.Continue}).adopt(opt.Args); err != nil {
		return nil, err
	}
	if before := opt.Continue; before != nil {
		held := before.borrow()
		if held == nil {
			return nil, ErrClosed
		}
		defer before.giveBack(held)
	}
	if !opt.hashesNgrams() {
		opt.Bucket = 0
	}
	if opt.Model != Supervised {
		if opt.Deterministic || opt.BalanceLabels || opt.LabelWeights != nil {
			return nil, fmt.Errorf("the options Deterministic, BalanceLabels and LabelWeights are for supervised models, not for %v ones", opt.Model)
		}
		return trainVectors(ctx, r, opt)
	}
	t, err := prepare(ctx, r, opt)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if err := t.train(ctx); err != nil {
		return nil, err
	}
	return t.model, nil
}

// A trainer is a training under way.
type trainer struct {
	args     Args
	opt      *TrainOptions
	model    *Model
	in, out  *dense
	loss     objective
	depot    *depot        // of examples and held
	examples *exampleStore // of word vectors, lines without labels
	held     *exampleStore // to measure the model on, else nil; see prepareText
	expander *expander     // of examples
	classes  *classes      // of input rows, with character n-grams
	stale    bool          // whether classes have learned since they were last spread
	vectors  *vectorText   // of word vectors
	workers  []*worker
	best     *snapshot
	text     string    // what is learned from, as a number; with a checkpoint only
	saved    time.Time // when the last checkpoint was

	// What workers share. What all of them write often has cache lines of its own.
	gate    gate
	outLock sync.Mutex // of out, where workers have copies of it
	feed    *feed      // of this epoch
	stop    atomic.Bool
	_       [64]byte
	done    atomic.Int64 // tokens learned from
	_       [64]byte

	total int64 // tokens to learn from, over all epochs
	start time.Time
	tick  *time.Ticker // when to report progress
	epoch int
}

// largestCopy bounds, in values, the output matrices that workers have copies of.
const largestCopy = 4 << 20

// Streams of random numbers; rows have those from 0.
const (
	dealerStream   = -1
	workerStream   = -2       // and below
	shufflerStream = -1 << 32 // and below, one for each epoch
)

// close gives back the memory and the file of the examples.
func (t *trainer) close() { t.depot.close() }

// train runs the epochs.
func (t *trainer) train(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { t.stop.Store(true) })()
	t.start = time.Now()
	// One ticker for all epochs: each of them may be shorter than its period.
	t.tick = time.NewTicker(200 * time.Millisecond)
	defer t.tick.Stop()
	if t.classes != nil {
		t.classes.gather(t.in)
	}
	behind, err := t.resume()
	if err != nil {
		return err
	}
	for t.epoch = behind + 1; t.epoch <= t.args.Epoch; t.epoch++ {
		t.feed = newFeed(t.examples, t.args.Seed, t.epoch)
		t.runWorkers()
		if err := errors.Join(t.feed.close(), ctx.Err()); err != nil {
			return err
		}
		for _, w := range t.workers {
			if w.diverged {
				return ErrDiverged
			}
		}
		action, err := t.endEpoch()
		if err != nil {
			return err
		}
		if action&Stop != 0 {
			break
		}
		if err := t.checkpoint(); err != nil {
			return err
		}
	}
	t.spread()
	if t.best != nil {
		t.best.restore(t)
	}
	if !t.in.finite(len(t.workers)) || !t.out.finite(len(t.workers)) {
		return ErrDiverged
	}
	if t.opt.OnProgress != nil {
		t.epoch = min(t.epoch, t.args.Epoch)
		t.opt.OnProgress(t.progress())
	}
	return nil
}

// runWorkers lets all workers loose on one epoch and reports progress until they are done.
func (t *trainer) runWorkers() {
	t.stale = true
	var wg sync.WaitGroup
	if t.opt.Deterministic {
		wg.Go(func() { t.runLanes(t.args.Thread) })
	}
	for i, w := range t.workers {
		if t.opt.Deterministic {
			break
		}
		if t.vectors != nil {
			wg.Go(func() { t.runVectors(i) })
			continue
		}
		wg.Go(w.run)
	}
	if t.opt.OnProgress == nil {
		wg.Wait()
		return
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for {
		select {
		case <-done:
			return
		case <-t.tick.C:
			t.opt.OnProgress(t.progress())
		}
	}
}

func (t *trainer) endEpoch() (Action, error) {
	if t.opt.OnEpoch == nil {
		return Continue, nil
	}
	t.spread()
	action, err := t.opt.OnEpoch(Epoch{t.epoch, t.args.Epoch, t.progress(), t.model})
	t.model.unitVectors.Store(nil) // the next epoch changes what they were made from
	if err == nil && action&KeepBest != 0 {
		if t.best == nil {
			t.best = newSnapshot(t)
		}
		t.best.take(t)
	}
	return action, err
}

// spread brings the input matrix up to date.
func (t *trainer) spread() {
	if t.classes != nil && t.stale {
		t.classes.spread(t.in)
		t.stale = false
	}
}
