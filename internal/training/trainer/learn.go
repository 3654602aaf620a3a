package trainer

import (
	"context"
	"errors"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

// tooLarge leaves the engine from OnVocabulary, which has no error to return:
// the engine calls it on the goroutine of Train, before it allocates matrices.
type tooLarge struct{ error }

func engine(t *text, opt fasttext.TrainOptions) (m *fasttext.Model, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case tooLarge:
			m, err = nil, p.error
		default:
			panic(p)
		}
	}()
	return fasttext.Train(context.Background(), t, opt)
}

// learn trains, with the log lines that all modes have.
func (r *runner) learn(opt fasttext.TrainOptions, finished string) (*fasttext.Model, error) {
	t, err := r.open(Train, -1)
	if err != nil {
		return nil, err
	}
	var last fasttext.Progress
	opt.OnVocabulary = func(words int64, vocabulary, labels int) { r.onVocabulary(t, words, vocabulary, labels) }
	opt.OnProgress = func(p fasttext.Progress) { last = p; r.onProgress(p) }
	model, err := engine(t, opt)
	if err != nil {
		return nil, r.explain(err, t)
	}
	if last.Fraction != r.logged {
		r.logProgress(last)
	}
	r.printf("%s", finished)
	r.printf("Average throughput in Million words/sec: %.2f", last.WordsPerSecond/1e6)
	r.printf("Total training time in seconds: %.2f", last.Elapsed.Seconds())
	return model, nil
}

func (r *runner) onVocabulary(t *text, words int64, vocabulary, labels int) {
	r.printf("Read %dM words", words/1e6)
	r.printf("Number of words:  %d", vocabulary)
	if r.task.Mode == Supervised {
		r.printf("Number of labels:  %d", labels)
	}
	r.remarkOn(t, labels)
	r.checkMemory(vocabulary, labels)
}

// remarkOn logs what is strange about the text that was read, and where the validation data is.
func (r *runner) remarkOn(t *text, labels int) {
	if t.end.Invalid > 0 {
		r.warn("%d bytes of the channel train are not valid UTF-8. They were kept as they are.", t.end.Invalid)
	}
	if r.task.Mode == Supervised && labels == 1 {
		r.warn("There is only one label in the channel train, so the model always answers it. Give texts with at least two labels.")
	}
	if v := r.channel(Validation); v != nil && len(v.Files) > 0 {
		r.printf("Loading validation data from %s", v.Files[0])
		r.printf("Loaded validation data.")
	}
}

// checkMemory ends the training if the matrices would be too large.
func (r *runner) checkMemory(vocabulary, labels int) {
	a, most := r.task.Args, r.task.MemoryBytes
	var buckets int64
	if a.WordNgrams > 1 || a.Maxn > 0 {
		buckets = int64(a.Bucket)
	}
	outputs, kinds := int64(labels), "labels"
	if r.task.Mode != Supervised {
		outputs, kinds = int64(vocabulary), "output rows"
	}
	need := (int64(vocabulary) + outputs + buckets) * int64(a.Dim) * 4
	if need > most {
		panic(tooLarge{clientFailure(nil, "The model would take %s: %d words, %d %s and %d buckets, times vector_dim %d. A training job on this server may have %s. "+
			"Raise min_count, or choose fewer buckets or dimensions.", byteSize(need), vocabulary, outputs, kinds, buckets, a.Dim, byteSize(most))})
	}
	r.limitHeap(need)
}

// onProgress logs every 5 %, and every 10 seconds.
func (r *runner) onProgress(p fasttext.Progress) {
	now := time.Now()
	if r.loggedAt.IsZero() {
		r.loggedAt = now
	}
	if p.Fraction-r.logged >= 0.05 || now.Sub(r.loggedAt) >= 10*time.Second {
		r.loggedAt = now
		r.logProgress(p)
	}
}

func (r *runner) logProgress(p fasttext.Progress) {
	r.logged = p.Fraction
	r.printf("##### Alpha: %.4f  Progress: %.2f%%  Million Words/sec: %.2f #####", p.LR, 100*p.Fraction, p.WordsPerSecond/1e6)
}

// explain words an error of the engine in terms of the job.
func (r *runner) explain(err error, t *text) error {
	a := r.task.Args
	switch {
	case t.done && t.err == nil && t.end.Bytes == 0 && r.task.Mode == Supervised:
		return clientFailure(err, "The channel train is empty: its objects hold no text. Upload lines such as \"%sbilling my card was charged twice\".", a.Label)
	case t.done && t.err == nil && t.end.Bytes == 0:
		return clientFailure(err, "The channel train is empty: its objects hold no text. Upload sentences, one a line, with their words separated by spaces.")
	case errors.Is(err, fasttext.ErrEmpty):
		return clientFailure(err, "No words are left to learn from in the channel train: none occurs at least min_count (%d) times. Lower min_count, or give more text.", a.MinCount)
	case errors.Is(err, fasttext.ErrNoLabels):
		return clientFailure(err, "No labels were found in the channel train: no line has both words and a token that begins with %q. "+
			"Put a label such as %sbilling in front of each line.", a.Label, a.Label)
	case errors.Is(err, fasttext.ErrDiverged) && r.task.Recipe != Linear:
		return clientFailure(err, "The training diverged: a weight is not a number any more. Lower learning_rate, which is %v.", a.LR)
	}
	return err
}
