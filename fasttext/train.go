package fasttext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Progress says how far training is.
type Progress struct {
	Fraction       float64       // of the whole training, from 0 to 1
	WordsPerSecond float64       // tokens learned from, by all workers together
	LR             float64       // learning rate now
	Loss           float64       // mean over all examples so far; NaN before the first
	Elapsed        time.Duration // since the text was read
	Remaining      time.Duration // estimate
	Epoch          int           // under way, from 1
	Words          int64         // tokens learned from so far, repeated ones again
}

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

// prepare reads the text and makes the dictionary, the examples and the model.
func prepare(ctx context.Context, r io.Reader, opt TrainOptions) (*trainer, error) {
	depot := newDepot(opt.TempDir, opt.TextMemory)
	txt, err := readText(ctx, r, min(opt.Thread, maxWorkers()), depot, opt.OnRead)
	if err != nil {
		depot.close()
		return nil, err
	}
	t, err := prepareFrom(ctx, txt, opt)
	if err != nil {
		depot.close()
		return nil, err
	}
	return t, nil
}

func prepareFrom(ctx context.Context, txt *text, opt TrainOptions) (*trainer, error) {
	id, err := txt.identity(opt)
	if err != nil {
		return nil, err
	}
	t, err := prepareText(ctx, txt, nil, opt)
	if err != nil {
		return nil, err
	}
	t.text = id
	return t, ctx.Err()
}

// close gives back the memory and the file of the examples.
func (t *trainer) close() { t.depot.close() }

// prepareText makes the dictionary, the examples and the model of a text, and the
// examples of held, unless that is nil, as the model would read them. Unless they are shared, it takes both
// apart, and the trainer has the depot of txt.
func prepareText(ctx context.Context, txt, held *text, opt TrainOptions) (*trainer, error) {
	threads := min(opt.Thread, maxWorkers())
	d := newDictionary(opt.Args)
	d.tokens = txt.tokens
	all, ids := txt.mergeLexicons()
	before := predecessor{opt.Continue}
	before.addTo(all, d, opt.Args)
	if held != nil {
		held, ids = held.behind(all, ids)
	}
	var vectors *vectors
	var err error
	if opt.PretrainedVectors != "" {
		if vectors, err = readVectorsFile(opt.PretrainedVectors, opt.Dim); err != nil {
			return nil, err
		}
		vectors.addTo(all)
		d.tokens += int64(len(vectors.words))
	}
	meanings := all.dictionary(d)
	d.index()
	if opt.OnVocabulary != nil {
		opt.OnVocabulary(txt.tokens, d.words, d.labels())
	}
	if opt.Bucket == AutoBucket {
		if opt.Bucket, err = autoBucket(ctx, d, txt, all, ids, meanings, threads); err != nil {
			return nil, err
		}
		d.bucket = opt.Bucket
	}
	switch {
	case d.words == 0:
		return nil, ErrEmpty
	case d.labels() == 0:
		return nil, ErrNoLabels
	case int64(d.words)+int64(opt.Bucket) > math.MaxInt32:
		return nil, fmt.Errorf("%d words and -bucket %d are more rows than the file format has", d.words, opt.Bucket)
	}

	maker := newExampleMaker(ctx, d, all, ids, meanings, threads)
	t := &trainer{args: opt.Args, opt: &opt, expander: maker.expander, depot: txt.depot}
	if txt.shared {
		t.depot = newDepot(opt.TempDir, opt.TextMemory)
	}
	t.examples = newExampleStore(t.depot, txt.size(), opt.Seed)
	if err := maker.makeAll(ctx, txt, t.examples, threads); err != nil {
		return nil, err
	}
	if t.examples.size == 0 {
		return nil, ErrNoLabels
	}
	if held != nil {
		t.held = newExampleStore(t.depot, held.size(), opt.Seed)
		if err := maker.makeAll(ctx, held, t.held, threads); err != nil {
			return nil, err
		}
	}
	t.total = t.examples.tokens * int64(opt.Epoch)
	before.addRows(maker.used, d)
	if t.in, err = newDense(d.words+opt.Bucket, opt.Dim, maker.used); err != nil {
		return nil, err
	}
	if t.out, err = newDense(d.labels(), opt.Dim, nil); err != nil {
		return nil, err
	}
	t.in.fillUniform(ctx, opt.Seed, threads)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if vectors != nil {
		vectors.copyTo(t.in, d)
	}
	if maker.subwords != nil {
		t.classes = newClasses(t, maker.subwords, maker.ngrams)
		t.expander.classes = t.classes
	}
	t.model = &Model{args: opt.Args, dict: d, in: t.in, out: t.out}
	if err := t.model.finish(true); err != nil {
		return nil, err
	}
	before.copyTo(t)
	if t.loss, err = t.weigh(t.model.loss); err != nil {
		return nil, err
	}
	ownOutput := threads > 1 && (opt.Loss == Softmax || opt.Loss == OneVsAll) && len(t.out.data) <= largestCopy
	if opt.Deterministic {
		t.workers = newLanes(t)
		return t, nil
	}
	for i := range threads {
		t.workers = append(t.workers, newWorker(t, i, ownOutput))
	}
	return t, nil
}

// mergeLexicons merges the lexicons of all readers, and returns, for each, the numbers its
// tokens have there. Unless the text is shared, it takes them apart.
func (t *text) mergeLexicons() (all *lexicon, ids [][]int32) {
	if t.shared {
		all = newLexicon()
		for _, l := range t.lexicons {
			ids = append(ids, all.merge(l))
		}
		return all, ids
	}
	all = t.lexicons[0]
	same := make([]int32, len(all.entries))
	for i := range same {
		same[i] = int32(i)
	}
	ids = append(ids, same)
	for i, l := range t.lexicons[1:] {
		ids = append(ids, all.merge(l))
		t.lexicons[i+1] = nil
	}
	t.lexicons = nil
	return all, ids
}

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
	if !t.in.finite() || !t.out.finite() {
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

// fraction returns how much of the training is done.
func (t *trainer) fraction() float64 { return min(float64(t.done.Load())/float64(max(t.total, 1)), 1) }

// rate returns the learning rate now.
func (t *trainer) rate() float32 { return float32(t.args.LR * (1 - t.fraction())) }

func (t *trainer) progress() Progress {
	p := Progress{Fraction: t.fraction(), Epoch: t.epoch, Words: t.done.Load(), Elapsed: time.Since(t.start)}
	p.LR = t.args.LR * (1 - p.Fraction)
	var examples int64
	for _, w := range t.workers {
		p.Loss += math.Float64frombits(w.knownLoss.Load())
		examples += w.knownExamples.Load()
	}
	p.Loss /= float64(examples)
	if s := p.Elapsed.Seconds(); s > 0 {
		p.WordsPerSecond = float64(p.Words) / s
	}
	if p.Fraction > 0 {
		p.Remaining = time.Duration(float64(p.Elapsed) * (1 - p.Fraction) / p.Fraction)
	}
	return p
}
