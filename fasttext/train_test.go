package fasttext_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

func saved(t testing.TB, m *fasttext.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOneThreadIsReproducible(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	for _, loss := range []fasttext.Loss{fasttext.Softmax, fasttext.HierarchicalSoftmax, fasttext.NegativeSampling, fasttext.OneVsAll} {
		t.Run(loss.String(), func(t *testing.T) {
			t.Parallel()
			train := func(seed int) []byte {
				return saved(t, mustTrain(t, text, func(o *fasttext.TrainOptions) {
					o.Loss, o.Seed, o.WordNgrams, o.Maxn = loss, seed, 2, 3
				}))
			}
			first := train(1)
			if !bytes.Equal(first, train(1)) {
				t.Error("the same seed gave another model")
			}
			if bytes.Equal(first, train(2)) {
				t.Error("another seed gave the same model")
			}
		})
	}
}

// What a reader delivers at once must not matter.
func TestReadSizesDoNotMatter(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	want := saved(t, mustTrain(t, text, nil))
	for _, size := range []int{1, 7, 1000} {
		m, err := fasttext.Train(context.Background(), &slowReader{text, size}, fasttext.TrainOptions{Args: smallArgs()})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(saved(t, m), want) {
			t.Errorf("reading %d bytes at a time gave another model", size)
		}
	}
}

type slowReader struct {
	rest []byte
	size int
}

func (r *slowReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.size)], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Several threads read different blocks; the dictionary must come out as with one.
func TestThreadsAgreeOnTheDictionary(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 60000 {
		fmt.Fprintf(&b, "__label__l%d word%d common word%d\n", i%7, i%100, i)
	}
	dictionary := func(threads int) string {
		m := mustTrain(t, []byte(b.String()), func(o *fasttext.TrainOptions) { o.Thread, o.Epoch, o.Dim, o.MinCount = threads, 1, 1, 1 })
		var out bytes.Buffer
		if err := m.DumpDictionary(&out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	one, many := dictionary(1), dictionary(4)
	if one != many {
		t.Error("the dictionaries differ")
	}
	if want := "60003\n</s> 60000 word\ncommon 60000 word\n"; len(strings.Split(one, "\n")) < 60000 || strings.HasPrefix(one, want) {
		t.Errorf("the dictionary starts with %q", one[:60])
	}
}

func TestManyThreadsLearn(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	for _, loss := range []fasttext.Loss{fasttext.Softmax, fasttext.HierarchicalSoftmax, fasttext.NegativeSampling, fasttext.OneVsAll} {
		m := mustTrain(t, text, func(o *fasttext.TrainOptions) { o.Loss, o.Thread, o.Epoch, o.WordNgrams = loss, 8, 100, 2 })
		metrics, err := m.Test(context.Background(), bytes.NewReader(text), 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if metrics.Precision() < 0.95 {
			t.Errorf("%v: precision on the training text is %v", loss, metrics.Precision())
		}
	}
}

func TestTrainErrors(t *testing.T) {
	t.Parallel()
	errRead := errors.New("the disk is on fire")
	for _, c := range []struct {
		name   string
		text   io.Reader
		change func(*fasttext.TrainOptions)
		want   error
		says   string
	}{
		{name: "empty", text: strings.NewReader(""), want: fasttext.ErrEmpty},
		{name: "only labels and no line end", text: strings.NewReader("__label__a __label__b"), want: fasttext.ErrEmpty},
		{name: "no labels", text: strings.NewReader("some words\nmore words\n"), want: fasttext.ErrNoLabels},
		{name: "another prefix", text: strings.NewReader("__label__a some words\n"),
			change: func(o *fasttext.TrainOptions) { o.Label = "#" }, want: fasttext.ErrNoLabels},
		{name: "words too rare", text: strings.NewReader("__label__a some words\n"),
			change: func(o *fasttext.TrainOptions) { o.MinCount = 2 }, want: fasttext.ErrEmpty},
		{name: "labels too rare", text: strings.NewReader("__label__a some words\n"),
			change: func(o *fasttext.TrainOptions) { o.MinCountLabel = 2 }, want: fasttext.ErrNoLabels},
		{name: "labels and words on different lines", text: strings.NewReader("__label__a </s> some </s>"), want: nil},
		{name: "read error", text: io.MultiReader(strings.NewReader("__label__a some words\n"), errReader{errRead}), want: errRead},
		{name: "diverges", text: bytes.NewReader(mustRead(t, "testdata/requests.txt")),
			change: func(o *fasttext.TrainOptions) { o.LR = 1e30 }, want: fasttext.ErrDiverged},
		{name: "no vectors file", text: strings.NewReader("__label__a b\n"),
			change: func(o *fasttext.TrainOptions) { o.PretrainedVectors = "nowhere.vec" }, want: os.ErrNotExist},
		{name: "more memory than there is", text: strings.NewReader("__label__a some words\n"),
			change: func(o *fasttext.TrainOptions) { o.WordNgrams, o.Bucket, o.Dim = 2, 1<<31-100, 65536 }, says: "lower -bucket or -dim"},
		{name: "dim 0", change: func(o *fasttext.TrainOptions) { o.Dim = 0 }, says: "-dim is 0: want 1 to 65536"},
		{name: "lr 0", change: func(o *fasttext.TrainOptions) { o.LR = 0 }, says: "-lr is 0"},
		{name: "lr NaN", change: func(o *fasttext.TrainOptions) { o.LR = math.NaN() }, says: "-lr is NaN"},
		{name: "thread 0", change: func(o *fasttext.TrainOptions) { o.Thread = 0 }, says: "-thread is 0: want 1 to"},
		{name: "epoch", change: func(o *fasttext.TrainOptions) { o.Epoch = -1 }, says: "-epoch is -1: want at least 0"},
		{name: "minn above maxn", change: func(o *fasttext.TrainOptions) { o.Minn, o.Maxn = 4, 3 }, says: "-minn is 4: want at most -maxn, which is 3"},
		{name: "no buckets", change: func(o *fasttext.TrainOptions) { o.Bucket, o.WordNgrams = 0, 2 }, says: "-bucket is 0"},
		{name: "no prefix", change: func(o *fasttext.TrainOptions) { o.Label = "" }, says: "-label is empty"},
		{name: "loss", change: func(o *fasttext.TrainOptions) { o.Loss = 9 }, says: "-loss"},
		{name: "model", change: func(o *fasttext.TrainOptions) { o.Model = 9 }, says: "model is model(9): want supervised, cbow, skipgram or batch_skipgram"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opt := fasttext.TrainOptions{Args: smallArgs()}
			if c.change != nil {
				c.change(&opt)
			}
			_, err := fasttext.Train(context.Background(), c.text, opt)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want an error that says %q", err, c.says)
				}
			} else if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestOddTexts(t *testing.T) {
	t.Parallel()
	long := "__label__a " + strings.Repeat("many words ", 1<<20) + "\n__label__b few\n"
	for name, text := range map[string]string{
		"one label":           "__label__a some words\n__label__a more words\n",
		"no newline":          "__label__a some words",
		"carriage returns":    "__label__a some words\r\n__label__b other\r\n",
		"NULs":                "__label__a\x00some\x00words\n",
		"not UTF-8":           "__label__\xff \xfe\x80 \x80\n",
		"label last":          "some words __label__a\n",
		"a line of 11 MB":     long,
		"a word of 3 MB":      "__label__a " + strings.Repeat("x", 3<<20) + "\n",
		"line end in a line":  "__label__a one </s> __label__b two\n",
		"only rare and short": "__label__a x\n__label__b word word\n",
	} {
		for _, loss := range []fasttext.Loss{fasttext.Softmax, fasttext.HierarchicalSoftmax, fasttext.NegativeSampling, fasttext.OneVsAll} {
			if len(text) > 1<<20 && loss != fasttext.Softmax {
				continue
			}
			t.Run(fmt.Sprintf("%s, %v", name, loss), func(t *testing.T) {
				t.Parallel()
				m := mustTrain(t, []byte(text), func(o *fasttext.TrainOptions) { o.Loss, o.WordNgrams, o.Minn, o.Maxn, o.Epoch = loss, 2, 2, 3, 2 })
				found := m.Predict(nil, "some words", 0, 0)
				if len(found) != len(m.Labels()) {
					t.Errorf("%d labels and predictions %v", len(m.Labels()), found)
				}
			})
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat(mustRead(t, "testdata/requests.txt"), 20)
	ctx, cancel := context.WithCancel(context.Background())
	var cancelled time.Time
	opt := fasttext.TrainOptions{Args: smallArgs(), OnProgress: func(fasttext.Progress) {
		cancelled = time.Now()
		cancel()
	}}
	opt.Epoch, opt.Thread = 1<<30, 2
	_, err := fasttext.Train(ctx, bytes.NewReader(text), opt)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// A hundredth would do; a busy machine gets more.
	if d := time.Since(cancelled); d > time.Second {
		t.Errorf("it took %v", d)
	}
	if _, err := fasttext.Train(ctx, bytes.NewReader(text), opt); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before the start: got %v", err)
	}
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	var epochs []int
	var vocabulary string
	var progress []fasttext.Progress
	caller := goroutine()
	m := mustTrain(t, text, func(o *fasttext.TrainOptions) {
		o.Epoch, o.Thread = 5, 2
		o.OnVocabulary = func(words int64, kept, labels int) { vocabulary = fmt.Sprint(words > 500, kept > 200, labels) }
		o.OnProgress = func(p fasttext.Progress) { progress = append(progress, p) }
		o.OnEpoch = func(e fasttext.Epoch) (fasttext.Action, error) {
			if goroutine() != caller {
				t.Error("OnEpoch was called on another goroutine")
			}
			epochs = append(epochs, e.Number)
			if e.Of != 5 || math.Abs(e.Progress.Fraction-float64(e.Number)/5) > 0.01 {
				t.Errorf("epoch %d of %d: %+v", e.Number, e.Of, e.Progress)
			}
			if metrics, err := e.Model.Test(context.Background(), bytes.NewReader(text), 1, 0); err != nil || metrics.Examples != 50 {
				t.Errorf("testing in an epoch: %+v, %v", metrics, err)
			}
			return fasttext.Continue, nil
		}
	})
	if fmt.Sprint(epochs) != "[1 2 3 4 5]" || vocabulary != "true true 3" || m == nil {
		t.Errorf("epochs %v, vocabulary %v", epochs, vocabulary)
	}
	last := progress[len(progress)-1]
	if last.Fraction != 1 || last.LR != 0 || last.Epoch != 5 || last.Words < 2500 || !(last.Loss > 0) || last.WordsPerSecond <= 0 {
		t.Errorf("progress at the end: %+v", last)
	}
}

// goroutine returns the number of the goroutine, from its stack's first line.
func goroutine() string {
	b := make([]byte, 64)
	return strings.Fields(string(b[:runtime.Stack(b, false)]))[1]
}

func TestStopAndKeepBest(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	var atTwo, atThree []byte
	train := func(actions map[int]fasttext.Action) (*fasttext.Model, int) {
		last := 0
		m := mustTrain(t, text, func(o *fasttext.TrainOptions) {
			o.Epoch, o.Maxn, o.WordNgrams = 6, 3, 2
			o.OnEpoch = func(e fasttext.Epoch) (fasttext.Action, error) {
				switch last = e.Number; last {
				case 2:
					atTwo = saved(t, e.Model)
				case 3:
					atThree = saved(t, e.Model)
				}
				return actions[e.Number], nil
			}
		})
		return m, last
	}
	m, last := train(map[int]fasttext.Action{3: fasttext.Stop})
	if last != 3 || !bytes.Equal(saved(t, m), atThree) {
		t.Errorf("stopped after epoch %d, or with other weights", last)
	}
	m, last = train(map[int]fasttext.Action{1: fasttext.KeepBest, 2: fasttext.KeepBest, 4: fasttext.Stop})
	if last != 4 || !bytes.Equal(saved(t, m), atTwo) {
		t.Errorf("stopped after epoch %d, or without the weights of epoch 2", last)
	}
	m, last = train(map[int]fasttext.Action{3: fasttext.KeepBest | fasttext.Stop})
	if last != 3 || !bytes.Equal(saved(t, m), atThree) {
		t.Errorf("stopped after epoch %d, or without the weights of epoch 3", last)
	}
	wrong := errors.New("no validation file")
	opt := fasttext.TrainOptions{Args: smallArgs(), OnEpoch: func(fasttext.Epoch) (fasttext.Action, error) { return 0, wrong }}
	if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), opt); !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
}

func TestPretrainedVectors(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "v.vec")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := []byte("__label__a card card card fee\n__label__b app\n")
	change := func(o *fasttext.TrainOptions) { o.PretrainedVectors, o.Epoch, o.MinCount, o.Dim = path, 0, 2, 2 }
	write("3 2\ncard 1 2 \nfee -3 4.5\nelsewhere 6e-1 7\n")
	m := mustTrain(t, text, change)
	for word, want := range map[string]string{"card": "[1 2]", "fee": "[-3 4.5]", "elsewhere": "[0.6 7]", "app": "[0 0]"} {
		if got := fmt.Sprint(m.WordVector(nil, word)); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
	for content, says := range map[string]string{
		"":                          "line 1: want the number of words and of values",
		"2\n":                       "line 1: want the number of words and of values",
		"1 3\nx 1 2 3\n":            "the vectors have 3 values and -dim is 2",
		"1 2\nx 1\n":                "line 2: 2 fields: want a word and 2 values",
		"1 2\nx 1 two\n":            `line 2: "two" is not a number`,
		"1 2\nx 1 NaN\n":            `line 2: "NaN" is not a number`,
		"3 2\nx 1 2\n":              "line 1 promises 3 words and 1 follow",
		"1 2\nx 1 2\ny 1 2":         "line 1 promises 1 words and 2 follow",
		"99999999999999999999999 2": "line 1: want the number",
	} {
		write(content)
		opt := fasttext.TrainOptions{Args: smallArgs()}
		change(&opt)
		if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), opt); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want an error that says %q", content, err, says)
		}
	}
}

func FuzzTrain(f *testing.F) {
	f.Add([]byte("__label__a some words\n__label__b other words\n"), uint8(0))
	f.Add([]byte("__label__a __label__b x\r\n\n\x00</s> </s>__label__\n"), uint8(7))
	f.Add([]byte("\xff\x80__label__é \xe7\x94\xbb\n"), uint8(9))
	f.Fuzz(func(t *testing.T, text []byte, options uint8) {
		opt := fasttext.TrainOptions{Args: smallArgs()}
		opt.Epoch, opt.Dim, opt.Bucket = 2, 3, 50
		opt.Loss = fasttext.HierarchicalSoftmax + fasttext.Loss(options&3)
		opt.WordNgrams, opt.Maxn, opt.Thread = 1+int(options>>2&3), int(options>>4&3), 1+int(options>>6&1)
		m, err := fasttext.Train(context.Background(), bytes.NewReader(text), opt)
		if err != nil {
			if !errors.Is(err, fasttext.ErrEmpty) && !errors.Is(err, fasttext.ErrNoLabels) {
				t.Fatal(err)
			}
			return
		}
		file := saved(t, m)
		again, err := fasttext.Load(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(saved(t, again), file) {
			t.Error("loaded and saved, the model is not the same")
		}
		a, b := m.Predict(nil, string(text), 0, 0), again.Predict(nil, string(text), 0, 0)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("predictions %v before saving, %v after", a, b)
		}
	})
}
