package fasttext_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

var errKilled = errors.New("killed")

// killAfter makes training end after an epoch, with its checkpoint written if that is
// not the last one.
func killAfter(epoch int, o *fasttext.TrainOptions) {
	before := o.OnEpoch
	o.OnEpoch = func(e fasttext.Epoch) (fasttext.Action, error) {
		if e.Number == epoch+1 {
			return fasttext.Continue, errKilled
		}
		if before == nil {
			return fasttext.Continue, nil
		}
		return before(e)
	}
}

func goOn(fasttext.Epoch) (fasttext.Action, error) { return fasttext.Continue, nil }

func TestResume(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	for name, change := range map[string]func(*fasttext.TrainOptions){
		"softmax":         func(*fasttext.TrainOptions) {},
		"with n-grams":    func(o *fasttext.TrainOptions) { o.WordNgrams, o.Maxn = 2, 3 },
		"only characters": func(o *fasttext.TrainOptions) { o.Minn, o.Maxn = 2, 4 },
		"hs":              func(o *fasttext.TrainOptions) { o.Loss = fasttext.HierarchicalSoftmax },
		"ns, one value":   func(o *fasttext.TrainOptions) { o.Loss, o.Dim = fasttext.NegativeSampling, 1 },
		"ova, weighed":    func(o *fasttext.TrainOptions) { o.Loss, o.BalanceLabels = fasttext.OneVsAll, true },
		"deterministic":   func(o *fasttext.TrainOptions) { o.Deterministic, o.Thread, o.Maxn = true, 3, 3 },
		"skipgram": func(o *fasttext.TrainOptions) {
			o.Model, o.Loss, o.Maxn = fasttext.Skipgram, fasttext.NegativeSampling, 3
		},
		"cbow, hs":         func(o *fasttext.TrainOptions) { o.Model, o.Loss = fasttext.CBOW, fasttext.HierarchicalSoftmax },
		"batch_skipgram":   func(o *fasttext.TrainOptions) { o.Model, o.Loss = fasttext.BatchSkipgram, fasttext.NegativeSampling },
		"skipgram softmax": func(o *fasttext.TrainOptions) { o.Model, o.Loss = fasttext.Skipgram, fasttext.Softmax },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			train := func(path string, extra func(*fasttext.TrainOptions)) (*fasttext.Model, error) {
				o := fasttext.TrainOptions{Args: smallArgs(), OnEpoch: goOn, Checkpoint: &fasttext.Checkpoint{Path: path}}
				o.Epoch = 6
				change(&o)
				extra(&o)
				return fasttext.Train(context.Background(), bytes.NewReader(text), o)
			}
			path := filepath.Join(t.TempDir(), "checkpoint")
			m, err := train(filepath.Join(t.TempDir(), "never"), func(o *fasttext.TrainOptions) { o.Checkpoint.Every = time.Hour })
			if err != nil {
				t.Fatal(err)
			}
			want := saved(t, m)
			for _, epoch := range []int{1, 3, 5} {
				resumed := 0
				_, err := train(path, func(o *fasttext.TrainOptions) {
					killAfter(epoch, o)
					o.Checkpoint.OnResume = func(epoch int, _ []byte) error { resumed = epoch; return nil }
				})
				if !errors.Is(err, errKilled) {
					t.Fatalf("killed after epoch %d: %v", epoch, err)
				}
				if before := max(epoch-2, 0); resumed != before {
					t.Errorf("went on after epoch %d: want %d", resumed, before)
				}
			}
			m, err = train(path, func(*fasttext.TrainOptions) {})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(saved(t, m), want) {
				t.Error("the training that was killed three times made another model")
			}
		})
	}
}

// The epoch that was best goes along, and so does the caller's note.
func TestResumeKeepsTheBest(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	var want, got []byte
	path := filepath.Join(t.TempDir(), "checkpoint")
	options := func() fasttext.TrainOptions {
		o := fasttext.TrainOptions{Args: smallArgs()}
		o.Epoch, o.Maxn = 6, 3
		o.OnEpoch = func(e fasttext.Epoch) (fasttext.Action, error) {
			if e.Number == 2 {
				want = saved(t, e.Model)
				return fasttext.KeepBest, nil
			}
			return fasttext.Continue, nil
		}
		o.Checkpoint = &fasttext.Checkpoint{
			Path: path, Note: func() []byte { return []byte("two") },
			OnResume: func(_ int, note []byte) error { got = note; return nil },
		}
		return o
	}
	o := options()
	killAfter(4, &o)
	if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), o); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	var last fasttext.Progress
	o = options()
	o.OnProgress = func(p fasttext.Progress) { last = p }
	m, err := fasttext.Train(context.Background(), bytes.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(saved(t, m), want) {
		t.Error("the model is not that of epoch 2")
	}
	if string(got) != "two" {
		t.Errorf("the note is %q", got)
	}
	if last.Fraction != 1 || last.Epoch != 6 || !(last.Loss > 0) {
		t.Errorf("progress at the end: %+v", last)
	}
	o = options()
	refuse := errors.New("no")
	o.Checkpoint.OnResume = func(int, []byte) error { return refuse }
	if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), o); !errors.Is(err, refuse) {
		t.Errorf("OnResume refused: %v", err)
	}
	o = options()
	o.Checkpoint.Path, o.Checkpoint.Note = filepath.Join(t.TempDir(), "x"), func() []byte { return make([]byte, 1<<20+1) }
	if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), o); err == nil || !strings.Contains(err.Error(), "want at most 1048576") {
		t.Errorf("a long note: %v", err)
	}
}

// checkpointed returns a checkpoint after the first of two epochs, and its options.
func checkpointed(t testing.TB, text []byte) (string, fasttext.TrainOptions) {
	t.Helper()
	o := fasttext.TrainOptions{Args: smallArgs(), Checkpoint: &fasttext.Checkpoint{Path: filepath.Join(t.TempDir(), "checkpoint")}}
	o.Epoch = 2
	if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), o); err != nil {
		t.Fatal(err)
	}
	return o.Checkpoint.Path, o
}

func TestOtherTraining(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	path, o := checkpointed(t, text)
	before := mustRead(t, path)
	for what, change := range map[string]func(*fasttext.TrainOptions){
		"its LR is":               func(o *fasttext.TrainOptions) { o.LR /= 2 },
		"its Epoch is 2, not 3":   func(o *fasttext.TrainOptions) { o.Epoch = 3 },
		"its Dim is":              func(o *fasttext.TrainOptions) { o.Dim++ },
		"deterministic":           func(o *fasttext.TrainOptions) { o.Deterministic = true },
		"weighs labels otherwise": func(o *fasttext.TrainOptions) { o.LabelWeights = map[string]float32{"__label__billing": 2} },
		"began with another":      func(o *fasttext.TrainOptions) { o.Continue = mustTrain(t, text, nil) },
		"its text is another one": nil,
	} {
		opt, text := o, text
		if change == nil {
			text = text[:len(text)/2]
		} else {
			change(&opt)
		}
		_, err := fasttext.Train(context.Background(), bytes.NewReader(text), opt)
		if !errors.Is(err, fasttext.ErrOtherTraining) || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), path) {
			t.Errorf("want an error about %q: %v", what, err)
		}
	}
	if !bytes.Equal(mustRead(t, path), before) {
		t.Error("the checkpoint of the other training has changed")
	}
	o.Thread, o.Verbose = 2, 0
	if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), o); err != nil {
		t.Errorf("with another number of threads: %v", err)
	}
}

func TestDamagedCheckpoints(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	path, o := checkpointed(t, text)
	good := mustRead(t, path)
	edit := func(old, new string) []byte { return recount(bytes.Replace(good, []byte(old), []byte(new), 1)) }
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"empty":           {nil, "it has only 0 bytes"},
		"something else":  {[]byte("a text that is no checkpoint"), "does not begin as checkpoints do"},
		"cut in the head": {good[:30], "its head cannot have"},
		"cut":             {good[:len(good)-5], "bytes: want"},
		"longer":          {append(slices.Clone(good), 0), "bytes: want"},
		"a flipped bit":   {flipped(good, len(good)-100), "it is damaged"},
		"not JSON":        {edit(`{"Training"`, `["Training"`), "its head: "},
		"no epoch":        {edit(`"Epoch":1,"Words"`, `"Epoch":0,"Words"`), "it is of epoch 0 of 2"},
		"a late epoch":    {edit(`"Epoch":1,"Words"`, `"Epoch":9,"Words"`), "it is of epoch 9 of 2"},
		"words":           {edit(`"Words":`, `"Words":-`), "it has counts that cannot be"},
		"sizes":           {edit(`"Sizes":[`, `"Sizes":[9`), "it has matrices of"},
		"no best":         {edit(`"Best":false`, `"Best":true`), "bytes: want"},
		"no randomness":   {edit(`"Random":[`, `"Other":[`), "it has no random numbers"},
		"not a number":    {recount(append(slices.Clone(good[:len(good)-8]), 0, 0, 0xc0, 0x7f, 0, 0, 0, 0)), "a weight that is not a number"},
	} {
		o.Checkpoint = &fasttext.Checkpoint{Path: filepath.Join(t.TempDir(), "checkpoint")}
		if err := os.WriteFile(o.Checkpoint.Path, c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := fasttext.Train(context.Background(), bytes.NewReader(text), o)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "not a checkpoint that training can go on from") {
			t.Errorf("%s: got %v, want an error that says %q", name, err, c.says)
		}
	}
	o.Checkpoint = &fasttext.Checkpoint{Path: t.TempDir()}
	if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), o); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	o.Checkpoint = &fasttext.Checkpoint{Path: filepath.Join(t.TempDir(), "nowhere", "checkpoint")}
	if _, err := fasttext.Train(context.Background(), bytes.NewReader(text), o); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such folder: %v", err)
	}
}

func flipped(data []byte, at int) []byte {
	data = slices.Clone(data)
	data[at] ^= 1
	return data
}

// recount sets the head's length and the checksum of an edited checkpoint.
func recount(data []byte) []byte {
	data = slices.Clone(data)
	if end := bytes.IndexByte(data, '}'); end > 12 {
		if end = bytes.Index(data, []byte("null}")); end > 0 {
			binary.LittleEndian.PutUint32(data[8:], uint32(end+5-12))
		}
	}
	body := data[:len(data)-4]
	binary.LittleEndian.PutUint32(data[len(body):], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return data
}

// FuzzCheckpoint resumes from any file: there is an error or a model of numbers.
func FuzzCheckpoint(f *testing.F) {
	text := []byte("__label__a one two\n__label__b three\n")
	path, o := checkpointed(f, text)
	good := mustRead(f, path)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(good[:13])
	f.Add([]byte("hgcheck1\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		opt := o
		opt.Checkpoint = &fasttext.Checkpoint{Path: filepath.Join(t.TempDir(), "checkpoint")}
		for _, data := range [][]byte{data, recountAny(data)} {
			if err := os.WriteFile(opt.Checkpoint.Path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			m, err := fasttext.Train(context.Background(), bytes.NewReader(text), opt)
			if err != nil {
				continue
			}
			for _, p := range m.Predict(nil, "one three", 0, 0) {
				if !(p.Prob >= 0 && p.Prob <= 1) {
					t.Fatal(fmt.Sprint("a probability of ", p.Prob))
				}
			}
		}
	})
}

// recountAny is recount for data that may be too short.
func recountAny(data []byte) []byte {
	if len(data) < 16 {
		return data
	}
	return recount(data)
}
