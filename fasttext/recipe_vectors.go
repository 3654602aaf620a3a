package fasttext

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
	"github.com/heliograph/heliograph/fasttext/internal/linear"
)

// byVectors is the solver of the member that knows texts by the sum of their words' vectors.
const byVectors = "vectors"

// mostUnlabelled bounds the unlabelled text that is held in memory.
const mostUnlabelled = 1 << 30

// wordVectors are vectors of length 1 for some words of a corpus, weighted by idf, and the sums over examples.
type wordVectors struct {
	dim      int
	words    []float32 // a row for each word of the corpus; zeros for those without a vector
	examples linear.Dense
}

// vectors reads or learns the vectors that the options ask for. It returns the text that is still to be read.
func (o *RecipeOptions) vectors(ctx context.Context, r io.Reader) (io.Reader, *vectors, error) {
	switch {
	case o.PretrainedVectors != "":
		v, err := readVectorsFile(o.PretrainedVectors, 0)
		return r, v, err
	case o.Unlabelled == nil:
		return r, nil, nil
	}
	unlabelled, err := io.ReadAll(io.LimitReader(o.Unlabelled, mostUnlabelled+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading unlabelled text: %w", err)
	}
	if len(unlabelled) > mostUnlabelled {
		return nil, nil, fmt.Errorf("the unlabelled text is longer than %d bytes: give a part of it", mostUnlabelled)
	}
	labelled, err := io.ReadAll(r)
	if err != nil {
		return nil, nil, err
	}
	v, err := learnVectors(ctx, unlabelled, labelled, o)
	return bytes.NewReader(labelled), v, err
}

// learnVectors learns skipgram vectors from the unlabelled text and the labelled one, without its labels. Both are
// small where they matter, so there are many epochs.
func learnVectors(ctx context.Context, unlabelled, labelled []byte, opt *RecipeOptions) (*vectors, error) {
	a := TrainOptions{Args: UnsupervisedDefaults(Skipgram), TextMemory: opt.TextMemory, TempDir: opt.TempDir}
	a.Label, a.Seed, a.Thread = opt.Label, opt.Seed, 1 // reproducible
	a.Maxn, a.Minn, a.MinCount, a.Bucket = 0, 0, 2, 0
	tokens := (len(unlabelled) + len(labelled)) / 6
	a.Epoch = min(max(vectorTokens/max(tokens, 1), 1), 50)
	m, err := Train(ctx, io.MultiReader(bytes.NewReader(unlabelled), bytes.NewReader([]byte("\n")), bytes.NewReader(labelled)), a)
	if err == ErrEmpty {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("learning from unlabelled text: %w", err)
	}
	v := &vectors{dim: a.Dim}
	for w := range m.dict.words {
		v.words = append(v.words, m.dict.token(w))
		v.data = append(v.data, m.in.(*dense).row(w)...)
	}
	return v, nil
}

// vectorTokens is about how many tokens vectors are learned from, epochs counted.
const vectorTokens = 5e6

// limit leaves out the last vectors if the model would get too large.
func (v *vectors) limit(words int) {
	if len(v.words) > words {
		v.words, v.data = v.words[:words], v.data[:words*v.dim]
	}
}

// wordVectors finds the vectors of the dictionary's words and the sums over the examples.
func (c *corpus) wordVectors(ctx context.Context, v *vectors, threads int) *wordVectors {
	d := c.dict
	w := &wordVectors{dim: v.dim, words: make([]float32, len(c.hashes)*v.dim)}
	for i, word := range v.words {
		if id := d.find(word, hashWord(word)); id >= 0 && int(id) < d.words {
			x := v.data[i*v.dim:][:v.dim]
			if length := kernel.Dot(x, x); length > 0 {
				kernel.Axpy(w.words[int(id)*v.dim:][:v.dim], float32(1/math.Sqrt(float64(length))), x)
			}
		}
	}
	counts := make([]int32, len(c.hashes)) // of examples with the word
	last := make([]int32, len(c.hashes))
	for i := range c.len() {
		for _, id := range c.wordsOf(i) {
			if last[id] != int32(i)+1 {
				last[id] = int32(i) + 1
				counts[id]++
			}
		}
	}
	for id, n := range counts {
		kernel.Scale(w.words[id*v.dim:][:v.dim], float32(math.Log(float64(1+c.len())/float64(1+max(n, 1)))+1))
	}
	w.examples = linear.Dense{Dim: v.dim, Values: make([]float32, c.len()*v.dim)}
	inParallel(ctx, threads, c.len(), corpusPiece, func(from, to int) {
		for i := from; i < to; i++ {
			x := w.examples.Of(i)
			kernel.SumRows(x, w.words, v.dim, c.wordsOf(i))
			if length := kernel.Dot(x, x); length > 0 {
				kernel.Scale(x, float32(1/math.Sqrt(float64(length))))
			}
		}
	})
	return w
}

// vectorCosts are those that the member by vectors is tried with.
var vectorCosts = []float64{1, 10}

// solveVectors finds the weights of a member by vectors.
func (p *problem) solveVectors(ctx context.Context, cost float64, examples []int32) []float32 {
	return p.vectors.examples.OneVsRest(ctx, &p.corpus.labels, examples,
		linear.Options{C: cost, Passes: finalPasses, Tolerance: finalTolerance, Seed: p.seed})
}

// wordScores multiplies a word's vector with the weights: what the word adds to the scores.
func (p *problem) wordScores(dst, weights []float32, word int) {
	x := p.vectors.words[word*p.vectors.dim:][:p.vectors.dim]
	if p.opposite() {
		dst[0] = kernel.Dot(x, weights[:p.vectors.dim])
		return
	}
	kernel.Dots(dst, weights, p.vectors.dim, x)
}

// tryVectors returns trials of members by vectors.
func (p *problem) tryVectors(ctx context.Context, costs []float64, divisions []holdout) []*trial {
	trials := make([]*trial, len(costs))
	var jobs []func()
	for n, c := range costs {
		t := &trial{RecipeMember: RecipeMember{Solver: byVectors, C: c}, scores: make([][]float32, len(divisions))}
		trials[n] = t
		for d, division := range divisions {
			jobs = append(jobs, func() {
				weights := p.solveVectors(ctx, c, division.train)
				scores, word := make([]float32, len(division.held)*p.columns), make([]float32, p.columns)
				for k, i := range division.held {
					sum := scores[k*p.columns:][:p.columns]
					for _, w := range p.corpus.wordsOf(int(i)) {
						p.wordScores(word, weights, int(w))
						kernel.Axpy(sum, 1/p.rows.rows[i], word)
					}
				}
				t.scores[d] = scores
				p.progress.step(1)
			})
		}
	}
	p.progress.plan(len(jobs))
	inTurn(ctx, p.threads, jobs)
	if ctx.Err() != nil {
		return nil
	}
	for _, t := range trials {
		t.level()
		t.right = p.right(t.scores, divisions)
	}
	return trials
}

// foldVectors adds share times a member by vectors to the rows of the words.
func (p *problem) foldVectors(ctx context.Context, in *dense, cost, share float64) {
	weights := p.solveVectors(ctx, cost, p.corpus.all())
	inParallel(ctx, p.threads, p.rows.dict.words, 1024, func(from, to int) {
		word := make([]float32, p.columns)
		for w := from; w < to; w++ {
			p.wordScores(word, weights, w)
			kernel.Axpy(in.row(w), float32(share), word)
		}
	})
}
