package fasttext

import (
	"context"
	"io"
	"math"
)

// retrain learns from a text again, with the rows the model has.
func (m *Model) retrain(ctx context.Context, opt QuantizeOptions) error {
	if opt.Epoch == 0 {
		return nil
	}
	m.args.LR, m.args.Epoch, m.args.Thread, m.args.Seed = opt.LR, opt.Epoch, opt.Thread, opt.Seed
	if m.args.LRUpdateRate < 1 {
		m.args.LRUpdateRate = Defaults().LRUpdateRate // a file may say anything
	}
	if err := m.finish(true); err != nil {
		return err
	}
	depot := newDepot(opt.TempDir, opt.TextMemory)
	defer depot.close()
	// How long the text is will only be known at its end, so its examples are dealt out as if it were long.
	examples := newExampleStore(depot, math.MaxInt64, opt.Seed)
	if err := m.readExamples(ctx, opt.Retrain, examples); err != nil {
		return err
	}
	if examples.size == 0 {
		return ErrNoLabels
	}
	t := &trainer{
		args: m.args, opt: &TrainOptions{Args: m.args, OnProgress: opt.OnProgress},
		model: m, in: m.in.(*dense), out: m.out.(*dense), loss: m.loss, examples: examples,
		expander: &expander{}, depot: depot, total: examples.tokens * int64(opt.Epoch),
	}
	threads := min(opt.Thread, maxWorkers())
	ownOutput := threads > 1 && (m.args.Loss == Softmax || m.args.Loss == OneVsAll) && len(t.out.data) <= largestCopy
	for i := range threads {
		t.workers = append(t.workers, newWorker(t, i, ownOutput))
	}
	return t.train(ctx)
}

// readExamples reads lines as the model's dictionary has them: other than before training, rows
// are looked up, and words and n-grams that are not known stay out.
func (m *Model) readExamples(ctx context.Context, r io.Reader, to *exampleStore) error {
	err := forBlocks(ctx, r, func(b block) (*makerScratch, error) {
		s := m.pool.Get().(*scratch)
		defer m.pool.Put(s)
		made := &makerScratch{}
		for text := b.text; len(text) > 0; {
			text = s.line.next(m.dict, text)
			rows, labels := s.line.rows, s.line.labels
			if len(rows) == 0 || len(labels) == 0 {
				continue
			}
			tokens := len(s.line.hashes) + len(labels)
			made.units = appendExample(made.units, labels, rows, tokens)
			made.ends = append(made.ends, len(made.units))
			made.tokens += int64(tokens)
		}
		return made, nil
	}, func(made *makerScratch) error { return to.add(made.units, made.ends, made.tokens) })
	if err != nil {
		return err
	}
	return to.finish()
}
