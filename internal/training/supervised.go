package training

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

// trainer is one training in supervised mode: the engine, and BlazingText's
// early stopping, metrics and log lines around it.
type trainer struct {
	service    *Service
	claim      *claim
	settings   settings
	log        *jobLog
	data       *channel
	validation *channel // nil if there is none

	loggedAt time.Time // of the last progress line
	logged   float64   // progress it told

	best  float64 // validation accuracy of the best epoch
	epoch int     // the best; 0 before any was looked at
	worse int     // epochs looked at since
}

// args maps BlazingText's hyperparameters to the engine's.
func (t *trainer) args() fasttext.Args {
	p, a := t.settings, fasttext.SupervisedDefaults()
	a.LR = p.float("learning_rate")
	a.Dim = p.int("vector_dim")
	a.Epoch = p.int("epochs")
	a.MinCount = p.int("min_count")
	a.WordNgrams = p.int("word_ngrams")
	a.Bucket = p.int("buckets")
	a.Neg = p.int("negative_samples")
	a.Minn, a.Maxn = p.int("min_char"), p.int("max_char")
	a.Label = p.text("label_prefix")
	a.Seed = p.int("seed")
	a.Thread = p.intOr("threads", t.service.Threads)
	a.Loss, _ = fasttext.ParseLoss(p.text("loss")) // its names are among the engine's
	return a
}

func (t *trainer) train(ctx context.Context) (*fasttext.Model, []Metric, error) {
	text := t.data.text(ctx)
	opt := fasttext.TrainOptions{Args: t.args()}
	opt.OnVocabulary = func(words int64, vocabulary, labels int) { t.onVocabulary(text, words, vocabulary, labels) }
	opt.OnEpoch = func(e fasttext.Epoch) (fasttext.Action, error) {
		t.onProgress(e.Progress)
		stopping := t.settings.bool("early_stopping") && e.Number >= t.settings.int("min_epochs")
		if tuned := t.claim.job.Tuned; !stopping && (tuned == nil || !tuned.EveryEpoch || t.validation == nil) {
			return fasttext.Continue, nil
		}
		return t.onEpoch(ctx, e, stopping)
	}
	var last fasttext.Progress
	opt.OnProgress = func(p fasttext.Progress) { last = p; t.onProgress(p) }
	model, err := engine(ctx, text, opt)
	text.close()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	} else if text.failed() != nil {
		return nil, nil, text.failed()
	} else if err != nil {
		return nil, nil, t.explain(err, text, opt.Args)
	}
	if last.Fraction != t.logged {
		t.logProgress(last)
	}
	t.log.printf("Training finished.")
	t.log.printf("Average throughput in Million words/sec: %.2f", last.WordsPerSecond/1e6)
	t.log.printf("Total training time in seconds: %.2f", last.Elapsed.Seconds())
	metrics, err := t.finalMetrics(ctx, model)
	return model, metrics, err
}

// tooLarge leaves the engine from OnVocabulary, which has no error to return:
// the engine calls it on the goroutine of Train, before it allocates matrices.
type tooLarge struct{ error }

func engine(ctx context.Context, text *textReader, opt fasttext.TrainOptions) (m *fasttext.Model, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case tooLarge:
			m, err = nil, p.error
		default:
			panic(p)
		}
	}()
	return fasttext.Train(ctx, text, opt)
}

func (t *trainer) onVocabulary(text *textReader, words int64, vocabulary, labels int) {
	t.log.printf("Read %dM words", words/1e6)
	t.log.printf("Number of words:  %d", vocabulary)
	t.log.printf("Number of labels:  %d", labels)
	if text.invalid > 0 {
		t.log.warn("%d bytes of the channel train are not valid UTF-8. They were kept as they are.", text.invalid)
	}
	if labels == 1 {
		t.log.warn("There is only one label in the channel train, so the model always answers it. Give texts with at least two labels.")
	}
	if t.validation != nil {
		t.log.printf("Loading validation data from %s", t.validation.path(t.validation.inputs[0]))
		t.log.printf("Loaded validation data.")
	}
	rows := int64(vocabulary) + int64(labels) + t.settings.hashed()
	if need, most := rows*int64(t.settings.int("vector_dim"))*4, t.service.MaxMemoryBytes; need > most {
		panic(tooLarge{clientFailure(nil, "The model would take %s: %d words, %d labels and %d buckets, times vector_dim %d. A training job on this server may have %s. "+
			"Raise min_count, or choose fewer buckets or dimensions.",
			byteSize(need), vocabulary, labels, t.settings.hashed(), t.settings.int("vector_dim"), byteSize(most))})
	}
}

// onProgress logs every 5 %, and every 10 seconds.
func (t *trainer) onProgress(p fasttext.Progress) {
	now := t.service.Now()
	if t.loggedAt.IsZero() {
		t.loggedAt = now
	}
	if p.Fraction-t.logged >= 0.05 || now.Sub(t.loggedAt) >= 10*time.Second {
		t.loggedAt = now
		t.logProgress(p)
	}
}

func (t *trainer) logProgress(p fasttext.Progress) {
	t.logged = p.Fraction
	t.log.printf("##### Alpha: %.4f  Progress: %.2f%%  Million Words/sec: %.2f #####", p.LR, 100*p.Fraction, p.WordsPerSecond/1e6)
}

// onEpoch measures the model on the validation data, for a tuning job that asks
// for it and, if stopping, for BlazingText's early stopping, from the epoch
// min_epochs on: it keeps the weights of the best epoch, and stops when patience
// epochs in a row were not better.
func (t *trainer) onEpoch(ctx context.Context, e fasttext.Epoch, stopping bool) (fasttext.Action, error) {
	t.log.printf("-------------- End of epoch: %d", e.Number)
	t.log.printf("Using %d threads for prediction!", t.service.Threads)
	measured, err := t.measure(ctx, e.Model, t.validation)
	if err != nil {
		return fasttext.Stop, err
	}
	accuracy := measured.Precision()
	t.log.printf("Validation accuracy: %.6g", accuracy)
	if tuned := t.claim.job.Tuned; tuned != nil && tuned.EveryEpoch {
		if err := t.reportEpoch(ctx, e.Number, measured); err != nil {
			return fasttext.Stop, err
		}
	}
	if !stopping {
		return fasttext.Continue, nil
	}
	if t.epoch == 0 || accuracy > t.best {
		t.best, t.epoch, t.worse = accuracy, e.Number, 0
		t.log.printf("Validation accuracy improved! Storing best weights...")
		return fasttext.KeepBest, nil
	}
	t.worse++
	t.log.printf("Validation accuracy has not improved for last %d epochs.", t.worse)
	if t.worse < t.settings.int("patience") {
		return fasttext.Continue, nil
	}
	t.log.printf("Reached patience. Terminating training.")
	t.log.printf("Best epoch: %d", t.epoch)
	t.log.printf("Best validation accuracy: %.6g", t.best)
	return fasttext.Stop, nil
}

// measure tests the model on a channel, with one label for each example. The
// precision of that is what BlazingText calls accuracy: the share of the examples
// whose most probable label is one of theirs.
func (t *trainer) measure(ctx context.Context, m *fasttext.Model, c *channel) (*fasttext.Metrics, error) {
	text := c.text(ctx)
	metrics, err := m.Test(ctx, text, 1, 0)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx) // and text may still be read, so it can't be looked at
	} else if text.failed() != nil {
		return nil, text.failed()
	} else if err != nil {
		return nil, err
	}
	if metrics.Examples == 0 {
		return nil, clientFailure(nil, "No line of the channel %s has both words and a label that the training data has. "+
			"Labels are tokens that begin with %q.", c.name, t.settings.text("label_prefix"))
	}
	return metrics, nil
}

// finalMetrics measures the finished model on both channels.
func (t *trainer) finalMetrics(ctx context.Context, m *fasttext.Model) (all []Metric, err error) {
	for _, c := range []*channel{t.data, t.validation} {
		if c == nil {
			continue
		}
		measured, err := t.measure(ctx, m, c)
		if err != nil {
			return nil, err
		}
		for i, metric := range metricsOf(c.name, measured, t.service.Now()) {
			t.log.printf("#%s: %.4f", strings.Replace(metric.MetricName, ":", "_", 1), metric.Value)
			if i == 0 {
				t.log.printf("Number of %s examples: %d", c.name, measured.Examples)
			}
			all = append(all, metric)
		}
	}
	return all, nil
}

// explain words an error of the engine in terms of the job.
func (t *trainer) explain(err error, text *textReader, a fasttext.Args) error {
	switch {
	case text.total == 0:
		return clientFailure(err, "The channel train is empty: its objects hold no text. Upload lines such as \"%sbilling my card was charged twice\".", a.Label)
	case errors.Is(err, fasttext.ErrEmpty):
		return clientFailure(err, "No words are left to learn from in the channel train: none occurs at least min_count (%d) times. Lower min_count, or give more text.", a.MinCount)
	case errors.Is(err, fasttext.ErrNoLabels):
		return clientFailure(err, "No labels were found in the channel train: no line has both words and a token that begins with %q. "+
			"Put a label such as %sbilling in front of each line.", a.Label, a.Label)
	case errors.Is(err, fasttext.ErrDiverged):
		return clientFailure(err, "The training diverged: a weight is not a number any more. Lower learning_rate, which is %v.", a.LR)
	}
	return err
}
