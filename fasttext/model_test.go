package fasttext_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/heliograph/heliograph/fasttext"
)

func TestPredict(t *testing.T) {
	t.Parallel()
	m := mustLoad(t, "softmax")
	all := m.Predict(nil, "a fee on my invoice", 0, 0)
	if len(all) != 3 || !slices.IsSortedFunc(all, func(a, b fasttext.Prediction) int { return int(1e6 * (b.Prob - a.Prob)) }) {
		t.Fatalf("all labels: %v", all)
	}
	for k := 1; k <= 3; k++ {
		if got := m.Predict(nil, "a fee on my invoice", k, 0); !slices.Equal(got, all[:k]) {
			t.Errorf("k=%d: %v, want %v", k, got, all[:k])
		}
	}
	if got := m.Predict(nil, "a fee on my invoice", 10, all[1].Prob); !slices.Equal(got, all[:1]) && !slices.Equal(got, all[:2]) {
		t.Errorf("with a threshold: %v", got)
	}
	if got := m.Predict(nil, "a fee on my invoice", 1, 1.5); len(got) != 0 {
		t.Errorf("threshold above 1: %v", got)
	}
	if got := m.Predict(nil, "\n a\tfee\r\non my\x00invoice \v", 0, 0); !slices.Equal(got, all) {
		t.Errorf("other white space: %v, want %v", got, all)
	}
	first := []fasttext.Prediction{{Label: "mine"}}
	if got := m.Predict(first, "a fee on my invoice", 1, 0); len(got) != 2 || got[0].Label != "mine" {
		t.Errorf("appended: %v", got)
	}
	if got := mustLoad(t, "skipgram").Predict(nil, "a fee", 1, 0); got != nil {
		t.Errorf("word vectors predict %v", got)
	}
}

func TestProbabilitiesStayBelowOne(t *testing.T) {
	t.Parallel()
	m := mustTrain(t, []byte("__label__a card\n__label__b app\n"), func(o *fasttext.TrainOptions) { o.Epoch, o.LR = 20000, 2 })
	if p := m.Predict(nil, "card", 1, 0); len(p) != 1 || p[0].Prob != 1 {
		t.Errorf("Predict: %v", p)
	}
	err := m.PredictLines(context.Background(), strings.NewReader("card\n"), 1, 0, func(p []fasttext.Prediction) error {
		if fmt.Sprintf("%.5f", p[0].Prob) != "1.00001" {
			t.Errorf("PredictLines: %v, want the original's 1.00001", p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	m := mustLoad(t, "hs")
	want := m.Predict(nil, "refund my card", 0, 0)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if got := m.Predict(nil, "refund my card", 0, 0); !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
				m.WordVector(nil, "card")
				m.SentenceVector(nil, "my card")
			}
		})
	}
	wg.Wait()
}

func TestPredictLines(t *testing.T) {
	t.Parallel()
	m := mustLoad(t, "softmax")
	text := strings.Repeat("refund my card\nthe app\n\none </s> two\n", 40000) // several blocks
	n := 0
	err := m.PredictLines(context.Background(), strings.NewReader(text), 1, 0, func(p []fasttext.Prediction) error {
		if want := []string{"refund my card", "the app", "", "one", "two"}[n%5]; !slices.Equal(p, m.Predict(nil, want, 1, 0)) {
			return fmt.Errorf("line %d: %v is not what Predict says of %q", n, p, want)
		}
		n++
		return nil
	})
	if err != nil || n != 5*40000 {
		t.Errorf("%d lines: %v", n, err)
	}
	wrong := errors.New("enough")
	n = 0
	err = m.PredictLines(context.Background(), strings.NewReader(text), 1, 0, func([]fasttext.Prediction) error { n++; return wrong })
	if !errors.Is(err, wrong) || n != 1 {
		t.Errorf("stopped after %d lines with %v", n, err)
	}
	if err := mustLoad(t, "skipgram").PredictLines(context.Background(), strings.NewReader("x\n"), 1, 0, nil); !errors.Is(err, fasttext.ErrNotSupervised) {
		t.Errorf("word vectors: %v", err)
	}
	err = m.PredictLines(context.Background(), io.MultiReader(strings.NewReader("x\n"), errReader{wrong}), 1, 0, func([]fasttext.Prediction) error { return nil })
	if !errors.Is(err, wrong) {
		t.Errorf("read error: %v", err)
	}
}

// A line is answered when it is there, not when the next one is.
func TestPredictLinesAnswersAtOnce(t *testing.T) {
	t.Parallel()
	m := mustLoad(t, "softmax")
	r, w := io.Pipe()
	answered := make(chan bool)
	done := make(chan error)
	go func() {
		done <- m.PredictLines(context.Background(), r, 1, 0, func([]fasttext.Prediction) error { answered <- true; return nil })
	}()
	for range 3 {
		io.WriteString(w, "refund\n")
		<-answered
	}
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := mustTrain(t, []byte("__label__a card fee\n__label__b app\n__label__c shop\n"), func(o *fasttext.TrainOptions) { o.Epoch, o.LR = 200, 1 })
	text := "__label__a card\n" + // right
		"__label__b card\n" + // wrong
		"__label__b __label__a app\n" + // one of two
		"__label__unknown card\n" + // no known label
		"no label\n" +
		"__label__c shop" // right
	got, err := m.Test(context.Background(), strings.NewReader(text), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got.Examples != 4 || got.Skipped != 2 || got.Precision() != 3.0/4 || got.Recall() != 3.0/5 || got.F1() != 2*3.0/9 {
		t.Errorf("%+v: precision %v, recall %v, F1 %v", got, got.Precision(), got.Recall(), got.F1())
	}
	byLabel := map[string]fasttext.LabelMetrics{}
	index := map[string]int{}
	for i, l := range got.Labels {
		byLabel[l.Label], index[l.Label] = l, i
	}
	for label, want := range map[string]fasttext.LabelMetrics{
		"__label__a": {Gold: 2, Predicted: 2, Correct: 1},
		"__label__b": {Gold: 2, Predicted: 1, Correct: 1},
		"__label__c": {Gold: 1, Predicted: 1, Correct: 1},
	} {
		want.Label = label
		if byLabel[label] != want {
			t.Errorf("%+v, want %+v", byLabel[label], want)
		}
	}
	if f := byLabel["__label__b"]; f.Precision() != 1 || f.Recall() != 0.5 || f.F1() != 2.0/3 {
		t.Errorf("of b: %v %v %v", f.Precision(), f.Recall(), f.F1())
	}
	if got.ConfusionAt(index["__label__b"], index["__label__a"]) != 1 || got.ConfusionAt(index["__label__a"], index["__label__c"]) != 0 {
		t.Errorf("confusions: %v", got.Confusions())
	}
	var sum int64
	for _, c := range got.Confusions() {
		sum += c.Count
	}
	if sum != 5 {
		t.Errorf("confusions: %v", got.Confusions())
	}
	if _, err := mustLoad(t, "skipgram").Test(context.Background(), strings.NewReader(text), 1, 0); !errors.Is(err, fasttext.ErrNotSupervised) {
		t.Errorf("word vectors: %v", err)
	}
}

func TestSaveFile(t *testing.T) {
	t.Parallel()
	// Few n-grams in many buckets: most of the file is a hole.
	m := mustTrain(t, []byte("__label__a card fee\n__label__b app\n"), func(o *fasttext.TrainOptions) { o.WordNgrams, o.Bucket = 2, 1<<20 })
	dir := t.TempDir()
	path := filepath.Join(dir, "m.bin")
	for range 2 { // create, replace
		if err := m.SaveFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(mustRead(t, path), saved(t, m)) {
		t.Error("SaveFile and Save differ")
	}
	if err := m.SaveFile(filepath.Join(dir, "nowhere", "m.bin")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such folder: %v", err)
	}
	wrong := errors.New("half way")
	err := fasttext.WriteFile(path, func(w io.Writer) error {
		io.WriteString(w, "new")
		return wrong
	})
	if !errors.Is(err, wrong) || !bytes.Equal(mustRead(t, path), saved(t, m)) {
		t.Errorf("a failed write: %v, or it touched the old file", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("files left behind: %v", files)
	}
}

func TestLoadDamaged(t *testing.T) {
	t.Parallel()
	for _, g := range golden {
		file := mustRead(t, modelPath(g.name))
		for n := range len(file) {
			for _, r := range []io.Reader{bytes.NewReader(file[:n]), iotest.OneByteReader(bytes.NewReader(file[:n]))} {
				if n%97 != 0 && n > 200 {
					continue // every place in the header, and a sample of the rest
				}
				var wrong *fasttext.FormatError
				if _, err := fasttext.Load(r); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "at byte") {
					t.Fatalf("%s cut to %d bytes: %v", g.name, n, err)
				}
			}
		}
		if _, err := fasttext.Load(bytes.NewReader(append(slices.Clone(file), 0))); err == nil || !strings.Contains(err.Error(), "more after") {
			t.Errorf("%s and a byte more: %v", g.name, err)
		}
	}
	if _, err := fasttext.Load(errReader{os.ErrPermission}); !errors.Is(err, os.ErrPermission) {
		t.Errorf("unreadable: %v", err)
	}
	if _, err := fasttext.LoadFile("testdata/requests.txt"); err == nil || !strings.Contains(err.Error(), "not a fastText model") {
		t.Errorf("a text file: %v", err)
	}
}

// Headers that promise much must not make Load allocate much.
func TestLoadPromises(t *testing.T) {
	file := mustRead(t, modelPath("softmax"))
	const ( // offsets
		dim, wordNgrams, bucket, maxn = 8, 28, 40, 48
		size, words, pruned           = 64, 68, 84
	)
	set32 := func(at int, v int32) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint32(b[at:], uint32(v)) }
	}
	set64 := func(at int, v int64) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint64(b[at:], uint64(v)) }
	}
	rows := bytes.Index(file, append([]byte{0}, binary.LittleEndian.AppendUint64(nil, uint64(mustLoad(t, "softmax").Words()+300))...)) + 1
	for name, change := range map[string]func([]byte){
		"version 10":         set32(4, 10),
		"version 13":         set32(4, 13),
		"dim 0":              set32(dim, 0),
		"dim 2^31-1":         set32(dim, 1<<31-1),
		"other dim":          set32(dim, 5),
		"loss 9":             set32(32, 9),
		"model 9":            set32(36, 9),
		"long word n-grams":  set32(wordNgrams, 1<<30),
		"long n-grams":       set32(maxn, 1<<30),
		"negative bucket":    set32(bucket, -1),
		"no bucket":          set32(bucket, 0),
		"high bucket":        set32(bucket, 1<<30),
		"2^31-1 tokens":      func(b []byte) { set32(size, 1<<31-1)(b); set32(words, 1<<31-4)(b) },
		"negative words":     func(b []byte) { set32(size, 2)(b); set32(words, -1)(b) },
		"words over size":    set32(words, 1<<20),
		"pruned":             set64(pruned, 1<<60),
		"pruned, none kept":  set64(pruned, 0),
		"negative pruned":    set64(pruned, -5),
		"2^62 rows":          set64(rows, 1<<62),
		"2^31-1 rows":        set64(rows, 1<<31-1),
		"negative rows":      set64(rows, -1),
		"no rows":            set64(rows, 0),
		"2^62 columns":       set64(rows+8, 1<<62),
		"quantised mark":     func(b []byte) { b[rows-1] = 1 },
		"quantised mark 2":   func(b []byte) { b[rows-1] = 2 },
		"label before words": func(b []byte) { b[bytes.Index(b, []byte("</s>\x00"))+5+8] = 1 },
	} {
		b := slices.Clone(file)
		change(b)
		for _, r := range []io.Reader{bytes.NewReader(b), io.MultiReader(bytes.NewReader(b))} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := fasttext.Load(r)
			runtime.ReadMemStats(&after)
			var wrong *fasttext.FormatError
			if !errors.As(err, &wrong) {
				t.Errorf("%s: %v", name, err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
				t.Errorf("%s: %d bytes allocated for a file of %d", name, n, len(b))
			}
		}
	}
}

// Old supervised models have no character n-grams, whatever their header says.
func TestVersion11(t *testing.T) {
	t.Parallel()
	old := mustRead(t, modelPath("softmax"))
	old[4] = 11
	binary.LittleEndian.PutUint32(old[48:], 6) // maxn
	m, err := fasttext.Load(bytes.NewReader(old))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Predict(nil, "my invoice", 0, 0), mustLoad(t, "softmax").Predict(nil, "my invoice", 0, 0); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !bytes.Equal(saved(t, m), mustRead(t, modelPath("softmax"))) {
		t.Error("saved, it is not the same model in version 12")
	}
}

func FuzzLoad(f *testing.F) {
	// Small files, which the fuzzer shrinks and changes faster.
	for loss := fasttext.HierarchicalSoftmax; loss <= fasttext.OneVsAll; loss++ {
		m := mustTrain(f, []byte("__label__a card\n__label__b app\n__label__c x y\n"), func(o *fasttext.TrainOptions) {
			o.Loss, o.Dim, o.Bucket, o.WordNgrams, o.Maxn = loss, 1, 3, 2, 2
		})
		file := saved(f, m)
		f.Add(file)
		f.Add(file[:len(file)/2])
	}
	f.Add(mustRead(f, modelPath("quantised")))
	f.Add(mustRead(f, modelPath("pruned")))
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := fasttext.Load(bytes.NewReader(file))
		if err != nil {
			return
		}
		m.Predict(nil, "card \xff </s> überweisung x", 3, 0)
		m.WordVector(nil, "überweisung")
		m.SentenceVector(nil, "my card")
		if _, err := m.Test(context.Background(), strings.NewReader("__label__billing card\n"), 1, 0); err != nil && !errors.Is(err, fasttext.ErrNotSupervised) {
			t.Error(err)
		}
		first := saved(t, m)
		again, err := fasttext.Load(io.MultiReader(bytes.NewReader(first)))
		if err != nil {
			t.Fatalf("what was saved does not load: %v", err)
		}
		if !bytes.Equal(saved(t, again), first) {
			t.Error("loaded and saved, it is not the same")
		}
	})
}

func FuzzPredict(f *testing.F) {
	names := []string{"softmax", "hs", "ns", "ova", "quantised", "pruned"}
	var models []*fasttext.Model
	for i, name := range names {
		models = append(models, mustLoad(f, name))
		f.Add("why is there a fee on my invoice ?", uint8(i), float32(0.1))
	}
	f.Add("</s> \x00\xff __label__billing\n<>", uint8(3), float32(0))
	f.Fuzz(func(t *testing.T, text string, which uint8, threshold float32) {
		m := models[int(which)%len(models)]
		found := m.Predict(nil, text, int(which)/len(models), threshold)
		for i, p := range found {
			if !(p.Prob >= 0 && p.Prob <= 1) || i > 0 && p.Prob > found[i-1].Prob {
				t.Errorf("%v", found)
			}
		}
	})
}
