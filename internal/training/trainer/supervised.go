package trainer

import (
	"context"
	"math"
	"strings"

	"github.com/heliograph/heliograph/fasttext"
)

// supervised trains a classifier: the engine, and BlazingText's early stopping,
// metrics and log lines around it.
func (r *runner) supervised() error {
	train := r.original
	if r.task.Recipe == Linear {
		train = r.linear
	}
	model, err := train()
	if err != nil {
		return err
	}
	metrics, err := r.finalMetrics(model)
	if err != nil {
		return err
	}
	return r.deliver(metrics, file{"model.bin", model.Save})
}

// original trains by BlazingText's algorithm.
func (r *runner) original() (*fasttext.Model, error) {
	watch := epochWatch{runner: r}
	return r.learn(fasttext.TrainOptions{Args: r.task.Args, OnEpoch: watch.onEpoch}, "Training finished.")
}

// epochWatch is what happens after epochs.
type epochWatch struct {
	*runner
	best  float64 // validation accuracy of the best epoch
	epoch int     // the best; 0 before any was looked at
	worse int     // epochs looked at since
}

// onEpoch measures the model on the validation data, for a tuning job that asks
// for it and, from the epoch min_epochs on, for BlazingText's early stopping. That
// keeps the weights of the best epoch, and stops when patience epochs in a row
// were not better.
func (w *epochWatch) onEpoch(e fasttext.Epoch) (fasttext.Action, error) {
	w.onProgress(e.Progress)
	stopping := w.task.EarlyStopping && e.Number >= w.task.MinEpochs
	if validation := w.channel(Validation); validation == nil || !stopping && !w.task.EveryEpoch {
		return fasttext.Continue, nil
	}
	w.printf("-------------- End of epoch: %d", e.Number)
	w.printf("Using %d threads for prediction!", w.task.Args.Thread)
	measured, err := w.measure(e.Model, Validation)
	if err != nil {
		return fasttext.Stop, err
	}
	accuracy := measured.Precision()
	w.printf("Validation accuracy: %.6g", accuracy)
	if w.task.EveryEpoch {
		if err := w.to.json(frameEpoch, Epoch{e.Number, metricsOf(Validation, measured)}); err != nil {
			return fasttext.Stop, err
		}
	}
	if !stopping {
		return fasttext.Continue, nil
	}
	if w.epoch == 0 || accuracy > w.best {
		w.best, w.epoch, w.worse = accuracy, e.Number, 0
		w.printf("Validation accuracy improved! Storing best weights...")
		return fasttext.KeepBest, nil
	}
	w.worse++
	w.printf("Validation accuracy has not improved for last %d epochs.", w.worse)
	if w.worse < w.task.Patience {
		return fasttext.Continue, nil
	}
	w.printf("Reached patience. Terminating training.")
	w.printf("Best epoch: %d", w.epoch)
	w.printf("Best validation accuracy: %.6g", w.best)
	return fasttext.Stop, nil
}

// measure tests the model on a channel, with one label for each example. The
// precision of that is what BlazingText calls accuracy: the share of the examples
// whose most probable label is one of theirs.
func (r *runner) measure(m *fasttext.Model, channel string) (*fasttext.Metrics, error) {
	t, err := r.open(channel, -1)
	if err != nil {
		return nil, err
	}
	metrics, err := m.Test(context.Background(), t, 1, 0)
	if err != nil {
		return nil, err
	}
	if metrics.Examples == 0 {
		return nil, clientFailure(nil, "No line of the channel %s has both words and a label that the training data has. "+
			"Labels are tokens that begin with %q.", channel, r.task.Args.Label)
	}
	return metrics, nil
}

// finalMetrics measures the finished model on both channels.
func (r *runner) finalMetrics(m *fasttext.Model) (all []Metric, err error) {
	for _, channel := range []string{Train, Validation} {
		if r.channel(channel) == nil {
			continue
		}
		measured, err := r.measure(m, channel)
		if err != nil {
			return nil, err
		}
		for i, metric := range metricsOf(channel, measured) {
			r.printf("#%s: %.4f", strings.Replace(metric.Name, ":", "_", 1), metric.Value)
			if i == 0 {
				r.printf("Number of %s examples: %d", channel, measured.Examples)
			}
			all = append(all, metric)
		}
	}
	return all, nil
}

// objectives are the metrics of a channel, beside its accuracy. They are ours.
var objectives = []struct {
	name  string
	value func(*fasttext.Metrics) float64
}{
	{"precision", (*fasttext.Metrics).Precision},
	{"recall", (*fasttext.Metrics).Recall},
	{"f1", (*fasttext.Metrics).F1},
	{"macro_f1", (*fasttext.Metrics).MacroF1},
}

// Objectives are the metrics of a mode that can be made the most of: by tuning,
// for one.
func Objectives(mode string) (names []string) {
	if mode != Supervised {
		return []string{"train:mean_rho"}
	}
	names = []string{Validation + ":accuracy"}
	for _, o := range objectives {
		names = append(names, Validation+":"+o.name)
	}
	return names
}

// metricsOf are the metrics of a channel at one label per example, cut off after
// four digits as BlazingText prints its accuracy.
func metricsOf(channel string, m *fasttext.Metrics) []Metric {
	all := []Metric{{channel + ":accuracy", cut(m.Precision())}}
	if channel == Validation {
		for _, o := range objectives {
			if v := o.value(m); !math.IsNaN(v) {
				all = append(all, Metric{channel + ":" + o.name, cut(v)})
			}
		}
	}
	return all
}

func cut(v float64) float64 { return math.Floor(v*1e4+1e-6) / 1e4 }
