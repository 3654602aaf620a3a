package fasttext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
)

// QuantizeOptions say how a model is compressed. The zero value of a field is the original's
// default; DSub 0 stands for 2.
type QuantizeOptions struct {
	Cutoff int  // keep the rows with the largest norms, so many; 0 or enough for all keeps all
	DSub   int  // values that share one code of a byte
	QNorm  bool // code each row's norm apart: a byte more a row, and more exact
	QOut   bool // compress the output matrix too, in parts of 2 values

	// Retrain is the training text, to learn from again with the rows that a cutoff keeps; nil
	// leaves them as they are. It is read once, to its end, if the cutoff leaves rows out.
	Retrain io.Reader
	LR      float64 // of retraining; 0 is 0.05
	Epoch   int     // of retraining; 0 is 5
	// TextMemory and TempDir are those of TrainOptions, for Retrain.
	TextMemory int64
	TempDir    string

	Seed       int // of every random choice
	Thread     int // workers; 0 is one for each processor
	OnProgress func(Progress)
}

var (
	// ErrQuantised means that a model is compressed already.
	ErrQuantised = errors.New("the model is quantised already")

	errNotFinite = errors.New("the model holds values that are not numbers, or too large: it can't be quantised")
)

func (o *QuantizeOptions) setDefaults() {
	if o.DSub == 0 {
		o.DSub = 2
	}
	if o.LR == 0 {
		o.LR = 0.05
	}
	if o.Epoch == 0 {
		o.Epoch = 5
	}
	if o.Thread == 0 {
		o.Thread = maxWorkers()
	}
}

func (o *QuantizeOptions) validate(m *Model) error {
	switch {
	case o.DSub < 1 || o.DSub > maxRowLength:
		return fmt.Errorf("-dsub is %d: want 1 to %d", o.DSub, maxRowLength)
	case o.Cutoff < 0:
		return fmt.Errorf("-cutoff is %d: want 0, or the number of rows to keep", o.Cutoff)
	case !(o.LR > 0) || math.IsInf(o.LR, 0):
		return fmt.Errorf("-lr is %v: want a number above 0", o.LR)
	case o.Epoch < 0 || o.Epoch > math.MaxInt32:
		return fmt.Errorf("-epoch is %d: want at least 0", o.Epoch)
	case o.Thread < 1 || o.Thread > 10000:
		return fmt.Errorf("-thread is %d: want 1 to 10000", o.Thread)
	case o.Retrain != nil && !m.Supervised():
		return ErrNotSupervised
	}
	return nil
}

// Quantize returns a compressed form of the model, which the .ftz files of the original hold: the
// rows of the input matrix as codes of a byte for each DSub values. With Cutoff, only the
// rows with the largest norms stay, and the n-grams among them are listed in the file.
//
// The result is the same for the same seed, with any number of workers; retraining is so
// with one. The model itself does not change. Errors are ErrQuantised, those of the options,
// of Retrain and of ctx, ErrNoLabels and ErrDiverged of retraining, and one for a model with
// values that are not numbers.
//
// Other than the original, Quantize also takes models of word vectors (which the original reads then),
// and matrices with fewer than 256 rows, which it codes without loss.
func (m *Model) Quantize(ctx context.Context, opt QuantizeOptions) (*Model, error) {
	opt.setDefaults()
	if err := opt.validate(m); err != nil {
		return nil, err
	}
	p, err := newPruner(m, opt.Thread)
	if err != nil {
		return nil, err
	}
	return p.quantize(ctx, opt)
}

// A pruner makes quantised models of one model.
type pruner struct {
	m        *Model
	in, out  *dense
	norms    []float32 // of the input rows
	outNorms []float32
	ranked   []int32 // input rows by importance; see rank
}

func newPruner(m *Model, workers int) (p *pruner, err error) {
	in, dense1 := m.in.(*dense)
	out, dense2 := m.out.(*dense)
	if !dense1 || !dense2 {
		return nil, ErrQuantised
	}
	p = &pruner{m: m, in: in, out: out}
	if m.mapped != nil { // the result must not end with it
		s := m.borrow()
		if s == nil {
			return nil, ErrClosed
		}
		defer m.giveBack(s)
		defer recoverFault(&err)
		p.in, p.out = in.clone(), out.clone()
	}
	var ok1, ok2 bool
	p.norms, ok1 = rowNorms(p.in, workers)
	p.outNorms, ok2 = rowNorms(p.out, workers)
	if !ok1 || !ok2 {
		return nil, errNotFinite
	}
	return p, nil
}

func (p *pruner) quantize(ctx context.Context, opt QuantizeOptions) (*Model, error) {
	q := &Model{args: p.m.args, dict: p.m.dict, in: p.in, out: p.out}
	norms, outNorms := p.norms, p.outNorms
	if opt.Cutoff > 0 && opt.Cutoff < p.in.rows {
		p.prune(q, opt.Cutoff)
		if opt.Retrain != nil {
			if err := q.retrain(ctx, opt); err != nil {
				return nil, err
			}
		}
		var ok1, ok2 bool
		norms, ok1 = rowNorms(q.in.(*dense), opt.Thread)
		outNorms, ok2 = rowNorms(q.out.(*dense), opt.Thread)
		if !ok1 || !ok2 {
			return nil, ErrDiverged
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.quantised, q.qout = true, opt.QOut
	q.in = quantise(q.in.(*dense), norms, opt.DSub, opt.QNorm, opt.Seed, opt.Thread)
	if opt.QOut {
		q.out = quantise(q.out.(*dense), outNorms, outputPart, opt.QNorm, opt.Seed, opt.Thread)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return q, q.finish(false)
}
