package fasttext

import (
	"context"
	"fmt"
	"io"
)

// SizeOptions say how QuantizeToSize looks for the best small model.
type SizeOptions struct {
	Size int64 // of the file, in bytes, at most

	// Measure says how good a model is; higher is better. It is called once for each
	// model tried, from one goroutine. Nil compares the matrices: 1 is no loss.
	Measure func(context.Context, *Model) (float64, error)

	// Retrain is the training text, for QuantizeOptions.Retrain of the best model; the
	// outcome is taken if it is better. Nil does without.
	Retrain   io.Reader
	LR        float64 // as in QuantizeOptions
	Epoch     int
	Seed      int
	Thread    int
	OnAttempt func(SizeAttempt) // called after each model tried; may be nil
}

// A SizeAttempt is one of the models that QuantizeToSize tried.
type SizeAttempt struct {
	Cutoff    int     `json:"cutoff"` // rows kept; 0 if all
	DSub      int     `json:"dsub"`
	QNorm     bool    `json:"qnorm"`
	QOut      bool    `json:"qout"`
	Retrained bool    `json:"retrained"`
	Size      int64   `json:"bytes"` // of the file
	Score     float64 `json:"score"` // by SizeOptions.Measure
}

// QuantizeToSize returns the best quantised model whose file is no longer than opt.Size, and how it was
// made. It tries parts of 1, 2, 4, 8 and 16 values, norms apart or not and the output matrix
// quantised or not, each with as many of the most important rows as fit.
func (m *Model) QuantizeToSize(ctx context.Context, opt SizeOptions) (*Model, SizeAttempt, error) {
	base := QuantizeOptions{LR: opt.LR, Epoch: opt.Epoch, Seed: opt.Seed, Thread: opt.Thread, Retrain: opt.Retrain}
	base.setDefaults()
	if err := base.validate(m); err != nil {
		return nil, SizeAttempt{}, err
	}
	p, err := newPruner(m, base.Thread)
	if err != nil {
		return nil, SizeAttempt{}, err
	}
	s := &sizeSearch{p: p, opt: opt, base: base}
	s.base.Retrain = nil
	if err := s.run(ctx); err != nil {
		return nil, SizeAttempt{}, err
	}
	return s.best, s.attempt, nil
}

// A sizeSearch keeps the best model so far.
type sizeSearch struct {
	p       *pruner
	opt     SizeOptions
	base    QuantizeOptions
	best    *Model
	attempt SizeAttempt
}

func (s *sizeSearch) run(ctx context.Context) error {
	// A dense output matrix that takes little of the file is not worth a loss.
	_, dim := s.p.out.size()
	outs := []bool{false}
	if int64(s.p.out.rows)*int64(dim)*4 > s.opt.Size/50 {
		outs = append(outs, true)
	}
	for _, qout := range outs {
		for dsub, all := 1, false; dsub <= min(dim, 16) && !all; dsub *= 2 {
			var err error
			// Where all rows fit, longer parts only lose.
			if all, err = s.try(ctx, SizeAttempt{DSub: dsub, QNorm: true, QOut: qout}); err != nil {
				return err
			}
		}
	}
	if s.best == nil {
		return s.tooSmall(dim)
	}
	a := s.attempt
	a.QNorm = false
	if _, err := s.try(ctx, a); err != nil {
		return err
	}
	if s.opt.Retrain == nil || s.attempt.Cutoff == 0 {
		return nil
	}
	a = s.attempt
	a.Retrained = true
	_, err := s.try(ctx, a)
	return err
}

// try makes a model with as many rows as fit and measures it. It reports whether all fit.
func (s *sizeSearch) try(ctx context.Context, a SizeAttempt) (all bool, err error) {
	opt := s.base
	opt.DSub, opt.QNorm, opt.QOut = a.DSub, a.QNorm, a.QOut
	var fits bool
	if opt.Cutoff, fits = s.p.cutoffForSize(opt, s.opt.Size); !fits {
		return false, nil
	}
	if a.Retrained {
		opt.Retrain = s.opt.Retrain
	}
	q, err := s.p.quantize(ctx, opt)
	if err != nil {
		return false, err
	}
	a.Cutoff, a.Size = opt.Cutoff, q.fileSize()
	if s.opt.Measure != nil {
		if a.Score, err = s.opt.Measure(ctx, q); err != nil {
			return false, err
		}
	} else {
		a.Score = s.p.closeness(q, opt.Cutoff)
	}
	if s.opt.OnAttempt != nil {
		s.opt.OnAttempt(a)
	}
	if s.best == nil || a.Score > s.attempt.Score {
		s.best, s.attempt = q, a
	}
	return opt.Cutoff == 0, nil
}

func (s *sizeSearch) tooSmall(dim int) error {
	least := int64(-1)
	for _, qout := range []bool{false, true} {
		for dsub := 1; dsub <= min(dim, 16); dsub *= 2 {
			opt := QuantizeOptions{DSub: dsub, QOut: qout}
			words, ngrams := s.p.keep(min(1, s.p.in.rows))
			if size := s.p.sizeOf(opt, words, ngrams, true); least < 0 || size < least {
				least = size
			}
		}
	}
	return fmt.Errorf("a size of %d bytes is too small: labels, vectors of %d values and their codes alone take %d; train with a lower -dim", s.opt.Size, dim, least)
}

// cutoffForSize returns the largest cutoff whose file is no longer than size; 0 is that all
// rows fit.
func (p *pruner) cutoffForSize(opt QuantizeOptions, size int64) (cutoff int, fits bool) {
	if p.sizeOf(opt, p.allWords(), nil, false) <= size {
		return 0, true
	}
	left := size - p.sizeOf(opt, nil, nil, true)
	for _, row := range p.rank() {
		if p.norms[row] == 0 && row != p.m.dict.eosID {
			break // and so are all others: they tell nothing
		}
		if left -= p.sizeOfRow(opt, row); left < 0 {
			break
		}
		cutoff++
	}
	return cutoff, cutoff > 0
}

func (p *pruner) allWords() []int32 {
	words := make([]int32, p.m.dict.words)
	for i := range words {
		words[i] = int32(i)
	}
	return words
}

// sizeOf returns the length of the file that has those words and n-grams, or all n-grams if
// it is not pruned.
func (p *pruner) sizeOf(opt QuantizeOptions, words, ngrams []int32, pruned bool) int64 {
	const (
		options = 2*4 + 12*4 + 8
		sizes   = 3*4 + 2*8
		marks   = 2
	)
	d, dim := p.m.dict, p.in.cols
	n := int64(options + sizes + marks)
	for id := d.words; id < d.size(); id++ {
		n += int64(len(d.token(id)) + 10)
	}
	n += quantisedSize(dim, min(opt.DSub, dim), opt.QNorm, 0)
	if opt.QOut {
		n += quantisedSize(dim, min(outputPart, dim), opt.QNorm, d.labels())
	} else {
		n += 16 + int64(d.labels())*int64(dim)*4
	}
	if !p.m.Supervised() { // its output rows are those of the words
		n -= int64(d.labels()) * p.sizeOfOutputRow(opt)
	}
	for _, row := range words {
		n += p.sizeOfRow(opt, row)
	}
	if !pruned {
		return n + int64(p.in.rows-d.words)*codesOfRow(dim, opt.DSub, opt.QNorm)
	}
	for _, row := range ngrams {
		n += p.sizeOfRow(opt, row)
	}
	return n
}

// sizeOfRow returns what keeping one input row of a pruned model takes.
func (p *pruner) sizeOfRow(opt QuantizeOptions, row int32) int64 {
	n := codesOfRow(p.in.cols, opt.DSub, opt.QNorm)
	if int(row) >= p.m.dict.words {
		return n + 8
	}
	n += int64(len(p.m.dict.token(int(row)))) + 10
	if !p.m.Supervised() {
		n += p.sizeOfOutputRow(opt)
	}
	return n
}

func (p *pruner) sizeOfOutputRow(opt QuantizeOptions) int64 {
	if opt.QOut {
		return codesOfRow(p.in.cols, outputPart, opt.QNorm)
	}
	return int64(p.in.cols) * 4
}

// codesOfRow returns the bytes of a row's codes.
func codesOfRow(dim, dsub int, qnorm bool) int64 {
	dsub = min(dsub, dim)
	n := int64((dim + dsub - 1) / dsub)
	if qnorm {
		n++
	}
	return n
}

// quantisedSize returns the bytes of a quantised matrix.
func quantisedSize(dim, dsub int, qnorm bool, rows int) int64 {
	n := 1 + 8 + 8 + 4 + 16 + int64(dim)*centroidsPerPart*4
	if qnorm {
		n += 16 + centroidsPerPart*4
	}
	return n + int64(rows)*codesOfRow(dim, dsub, qnorm)
}

// fileSize returns the length of the file that Save would write.
func (m *Model) fileSize() int64 {
	var n countingWriter
	_ = m.Save(&n) // which can't fail: nothing is written
	return int64(n)
}

type countingWriter int64

func (n *countingWriter) Write(p []byte) (int, error) {
	*n += countingWriter(len(p))
	return len(p), nil
}

// closeness compares the matrices of q with those it was made of: 1 less the mean of what is
// lost of their squared norms. Rows that the cutoff left out are lost.
func (p *pruner) closeness(q *Model, cutoff int) float64 {
	outRows := make([]int32, p.out.rows)
	for i := range outRows {
		outRows[i] = int32(i)
	}
	if cutoff == 0 || cutoff >= p.in.rows {
		rows := make([]int32, p.in.rows)
		for i := range rows {
			rows[i] = int32(i)
		}
		return 1 - (lost(p.in, p.norms, q.in, rows)+lost(p.out, p.outNorms, q.out, outRows))/2
	}
	words, ngrams := p.keep(cutoff)
	if !p.m.Supervised() {
		outRows = words
	}
	return 1 - (lost(p.in, p.norms, q.in, append(words, ngrams...))+lost(p.out, p.outNorms, q.out, outRows))/2
}

// lost returns which share of the squares in a matrix is lost in another one, whose row i
// stands for rows[i].
func lost(m *dense, norms []float32, other matrix, rows []int32) float64 {
	var total, kept, wrong float64
	for _, n := range norms {
		total += float64(n) * float64(n)
	}
	if total == 0 {
		return 0
	}
	_, cols := m.size()
	got := make([]float32, cols)
	for i, row := range rows {
		if norms[row] == 0 {
			continue
		}
		kept += float64(norms[row]) * float64(norms[row])
		other.sum(got, []int32{int32(i)})
		wrong += float64(distance(got, m.row(int(row))))
	}
	return (total - kept + wrong) / total
}
