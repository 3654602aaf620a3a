package fasttext

import (
	"context"
	"io"
	"slices"
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
	examples, err := m.readExamples(ctx, opt.Retrain)
	if err != nil {
		return err
	}
	if len(examples) == 0 {
		return ErrNoLabels
	}
	t := &trainer{
		args: m.args, opt: &TrainOptions{Args: m.args, OnProgress: opt.OnProgress},
		model: m, in: m.in.(*dense), out: m.out.(*dense), loss: m.loss, examples: examples,
	}
	for i := range examples {
		t.total += int64(examples[i].tokens) * int64(opt.Epoch)
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
func (m *Model) readExamples(ctx context.Context, r io.Reader) ([]example, error) {
	var all []example
	err := forBlocks(ctx, r, func(b block) ([]example, error) {
		s := m.pool.Get().(*scratch)
		defer m.pool.Put(s)
		var examples []example
		for text := b.text; len(text) > 0; {
			text = s.line.next(m.dict, text)
			if len(s.line.rows) == 0 || len(s.line.labels) == 0 {
				continue
			}
			examples = append(examples, example{
				data:   slices.Concat(s.line.labels, s.line.rows),
				labels: int32(len(s.line.labels)),
				tokens: int32(len(s.line.hashes) + len(s.line.labels)),
			})
		}
		return examples, nil
	}, func(examples []example) error {
		all = append(all, examples...)
		return nil
	})
	return all, err
}
