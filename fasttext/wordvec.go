package fasttext

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
)

// A vectorText is what training of word vectors reads in every epoch: the text as numbers of
// words, without those that are not in the vocabulary, and what is known of each word.
type vectorText struct {
	pieces   []textBlock // what a worker takes at a time; tokens are words, lines have at most longestLine
	keep     []uint32    // of each word, the chance to be kept, of 1<<32-1
	subwords [][]int32   // of each word, its input rows; nil if that is the word's own row only
	learners []vectorLearner
}

// longestLine is how many words of the vocabulary a line can have; the rest of a longer one is
// another line. It is the original's limit, and bounds how much a window can see.
const longestLine = 1024

// pieceWords is about how many words a worker takes at a time.
const pieceWords = 1 << 13

// trainVectors learns word vectors from text.
//
// Labels in the text get no vector and are in no window, but are kept in the dictionary,
// as in the original. An epoch here is one pass over the text; there, it is as many known words as the
// text has words, so that rare words left out lengthen the training a little.
func trainVectors(ctx context.Context, r io.Reader, opt TrainOptions) (*Model, error) {
	t, err := prepareVectors(ctx, r, opt)
	if err != nil {
		return nil, err
	}
	if err := t.train(ctx); err != nil {
		return nil, err
	}
	return t.model, nil
}

// prepareVectors reads the text and makes the dictionary, the pieces and the model.
func prepareVectors(ctx context.Context, r io.Reader, opt TrainOptions) (*trainer, error) {
	threads := min(opt.Thread, maxWorkers())
	txt, err := readText(ctx, r, threads, opt.OnRead)
	if err != nil {
		return nil, err
	}
	id := txt.identity(opt)
	d := newDictionary(opt.Args)
	d.tokens = txt.tokens
	all, ids := mergeLexicons(txt.lexicons)
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
	t.vectors.cut(txt, ids, meanings, threads)
	for _, p := range t.vectors.pieces {
		t.total += int64(len(p.tokens)) * int64(opt.Epoch)
	}
	t.vectors.sample(d, opt.T)
	var used rowSet
	if d.bucket > 0 {
		used = t.vectors.findSubwords(d, threads)
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

// cut turns the tokens of all blocks into words, in place, and cuts the blocks into pieces.
func (v *vectorText) cut(txt *text, ids [][]int32, meanings []int32, workers int) {
	words := make([][]int32, len(ids))
	for r, of := range ids {
		words[r] = make([]int32, len(of))
		for i, id := range of {
			words[r][i] = meanings[id]
		}
	}
	parts := make([][]textBlock, len(txt.blocks))
	inParallel(context.Background(), workers, len(parts), 1, func(from, to int) {
		for i := from; i < to; i++ {
			parts[i] = cutBlock(txt.blocks[i], words[txt.blocks[i].reader])
			txt.blocks[i] = textBlock{}
		}
	})
	for _, p := range parts {
		v.pieces = append(v.pieces, p...)
	}
}

func cutBlock(b textBlock, words []int32) (pieces []textBlock) {
	var lines []int32
	kept, start, line := b.tokens[:0], 0, 0 // start of the piece, and of the line
	endLine := func() {
		if n := len(kept) - line; n > 0 {
			lines = append(lines, int32(n))
			line = len(kept)
		}
	}
	endPiece := func() {
		if len(kept) > start {
			pieces = append(pieces, textBlock{tokens: kept[start:], lines: lines})
			start, lines = len(kept), nil
		}
	}
	rest := b.tokens
	for _, n := range b.lines {
		for _, token := range rest[:n] {
			if w := words[token]; w >= 0 {
				if kept = append(kept, w); len(kept)-line == longestLine {
					endLine()
				}
			}
		}
		rest = rest[n:]
		endLine()
		if len(kept)-start >= pieceWords {
			endPiece()
		}
	}
	endPiece()
	return pieces
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

// findSubwords lists the rows of every word and returns the set of them all.
func (v *vectorText) findSubwords(d *dictionary, workers int) rowSet {
	v.subwords = make([][]int32, d.words)
	used := newRowSet(d.words + d.bucket)
	var mu sync.Mutex
	inParallel(context.Background(), workers, d.words, 4096, func(from, to int) {
		var rows []int32
		var tmp []byte
		for w := from; w < to; w++ {
			start := len(rows)
			rows = d.appendWord(rows, d.token(w), int32(w), &tmp)
			v.subwords[w] = rows[start:len(rows):len(rows)]
		}
		mu.Lock()
		defer mu.Unlock()
		for _, r := range rows {
			used.add(r)
		}
	})
	return used
}

// runVectors works on the epoch's pieces until none are left or training stops.
func (t *trainer) runVectors(i int) {
	w, learner, text := t.workers[i], t.vectors.learners[i], t.vectors
	kept := make([]int32, 0, longestLine)
	w.startEpoch()
	w.lr = t.rate()
	for !t.stop.Load() {
		next := int(t.next.Add(1)) - 1
		if next >= len(t.order) {
			break
		}
		piece := &text.pieces[t.order[next]]
		tokens := piece.tokens
		for _, n := range piece.lines {
			kept = kept[:0]
			for _, word := range tokens[:n] {
				if uint32(w.rng.uint64()>>32) <= text.keep[word] {
					kept = append(kept, word)
				}
			}
			tokens = tokens[n:]
			t.gate.enter()
			learner.learn(kept)
			t.gate.leave()
			if w.tokens += int64(n); w.tokens > int64(t.args.LRUpdateRate) {
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

// pieceCount returns how many places the order of an epoch has.
func (t *trainer) pieceCount() int {
	if t.vectors != nil {
		return len(t.vectors.pieces)
	}
	return len(t.examples)
}
