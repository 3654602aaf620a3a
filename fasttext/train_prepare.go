package fasttext

import (
	"context"
	"fmt"
	"io"
	"math"
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
