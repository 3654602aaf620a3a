package fasttext

import (
	"context"
	"fmt"
	"io"
	"math"
)

// A vectorText is what training of word vectors reads in every epoch: the text as numbers of
// words, without those that are not in the vocabulary, and what is known of each word.
type vectorText struct {
	keep     []uint32  // of each word, the chance to be kept, of 1<<32-1
	subwords [][]int32 // of each word, its input rows; nil if that is the word's own row only
	learners []vectorLearner
}

// longestLine is how many words of the vocabulary a line can have; the rest of a longer one is
// another line. It is the original's limit, and bounds how much a window can see.
const longestLine = 1024

// claimLines is how many lines a worker takes at a time.
const claimLines = 8

// trainVectors learns word vectors from text.
//
// Labels in the text get no vector and are in no window, but are kept in the dictionary,
// as in the original. An epoch here is one pass over the text; there, it is as many known words as the
// text has words, so that rare words left out lengthen the training a little.
func trainVectors(ctx context.Context, r io.Reader, opt TrainOptions) (*Model, error) {
	depot := newDepot(opt.TempDir, opt.TextMemory)
	defer depot.close()
	t, err := prepareVectors(ctx, r, depot, opt)
	if err != nil {
		return nil, err
	}
	if err := t.train(ctx); err != nil {
		return nil, err
	}
	return t.model, nil
}

// prepareVectors reads the text and makes the dictionary, the lines and the model.
func prepareVectors(ctx context.Context, r io.Reader, depot *depot, opt TrainOptions) (*trainer, error) {
	threads := min(opt.Thread, maxWorkers())
	// A text may be one line, which is no reason to have it in memory.
	txt, err := readBlocks(ctx, &blockReader{r: r, whole: true, words: true, most: longestTrained}, threads, depot, opt.OnRead)
	if err != nil {
		return nil, err
	}
	id, err := txt.identity(opt)
	if err != nil {
		return nil, err
	}
	d := newDictionary(opt.Args)
	d.tokens = txt.tokens
	all, ids := txt.mergeLexicons()
	all.drop(d, opt.Args)
	var pretrained *vectors
	if opt.PretrainedVectors != "" {
		if pretrained, err = readVectorsFile(opt.PretrainedVectors, opt.Dim); err != nil {
			return nil, err
		}
		pretrained.addTo(all)
		d.tokens += int64(len(pretrained.words))
	}
	meanings := all.dictionary(d)
	d.index()
	if opt.OnVocabulary != nil {
		opt.OnVocabulary(txt.tokens, d.words, d.labels())
	}
	switch {
	case d.words == 0:
		return nil, ErrEmpty
	case int64(d.words)+int64(opt.Bucket) > math.MaxInt32:
		return nil, fmt.Errorf("%d words and -bucket %d are more rows than the file format has", d.words, opt.Bucket)
	}

	t := &trainer{args: opt.Args, opt: &opt, text: id, vectors: &vectorText{}}
	if err := t.makeLines(ctx, d, txt, ids, meanings, threads); err != nil {
		return nil, err
	}
	t.total = t.examples.tokens * int64(opt.Epoch)
	t.vectors.sample(d, opt.T)
	var used rowSet
	if d.bucket > 0 {
		maker := &exampleMaker{dict: d, used: newRowSet(d.words + d.bucket)}
		t.vectors.subwords = maker.findSubwords(ctx, threads, d.words, d.token)
		used = maker.used
	}
	if t.in, err = newDense(d.words+opt.Bucket, opt.Dim, used); err != nil {
		return nil, err
	}
	if t.out, err = newDense(d.words, opt.Dim, nil); err != nil {
		return nil, err
	}
	t.in.fillUniform(ctx, opt.Seed, threads)
	if pretrained != nil {
		pretrained.copyTo(t.in, d)
	}
	t.model = &Model{args: opt.Args, dict: d, in: t.in, out: t.out}
	if opt.Model == BatchSkipgram {
		t.model.args.Model = Skipgram // what it has learned is the same; the format knows no other
	}
	if err := t.model.finish(true); err != nil {
		return nil, err
	}
	if t.loss, err = newObjective(opt.Args, d.counts[:d.words], true); err != nil {
		return nil, err
	}
	for i := range threads {
		t.workers = append(t.workers, newWorker(t, i, false))
		t.vectors.learners = append(t.vectors.learners, newVectorLearner(t.workers[i]))
	}
	return t, ctx.Err()
}

// makeLines makes the lines of words to learn from.
func (t *trainer) makeLines(ctx context.Context, d *dictionary, txt *text, ids [][]int32, meanings []int32, workers int) error {
	for _, of := range ids {
		for i, id := range of {
			of[i] = meanings[id]
		}
	}
	m := &exampleMaker{dict: d, expander: &expander{}, numbers: ids, lines: true}
	t.depot, t.expander = txt.depot, m.expander
	t.examples = newExampleStore(txt.depot, txt.size(), t.args.Seed)
	return m.makeAll(ctx, txt, t.examples, workers)
}

// sample sets the chance of each word to be kept: frequent words are left out more often (Mikolov et al., 2013,
// section 2.3, in the form of the original's program).
func (v *vectorText) sample(d *dictionary, threshold float64) {
	v.keep = make([]uint32, d.words)
	for w := range v.keep {
		share := threshold / (float64(d.counts[w]) / float64(d.tokens))
		if chance := math.Sqrt(share) + share; chance < 1 {
			v.keep[w] = uint32(chance * math.MaxUint32)
		} else {
			v.keep[w] = math.MaxUint32
		}
	}
}

// runVectors works on the epoch's lines until none are left or training stops.
func (t *trainer) runVectors(i int) {
	w, learner, text := t.workers[i], t.vectors.learners[i], t.vectors
	kept := make([]int32, 0, longestLine)
	w.startEpoch()
	w.lr = t.rate()
	var b *batch
	var mine []uint32
	var line input
	for !t.stop.Load() {
		if b, mine = t.feed.claim(b, len(mine), claimLines); mine == nil {
			break
		}
		for _, place := range mine {
			t.expander.expand(b.example(place), &line)
			kept = kept[:0]
			for _, word := range line.rows {
				if uint32(w.rng.uint64()>>32) <= text.keep[word] {
					kept = append(kept, word)
				}
			}
			t.gate.enter()
			learner.learn(kept)
			t.gate.leave()
			if w.tokens += int64(line.tokens); w.tokens > int64(t.args.LRUpdateRate) {
				w.report()
				w.lr = t.rate()
			}
		}
		if w.diverged {
			t.stop.Store(true)
		}
	}
	w.report()
}
