package fasttext_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

func mustQuantize(t testing.TB, m *fasttext.Model, opt fasttext.QuantizeOptions) *fasttext.Model {
	t.Helper()
	q, err := m.Quantize(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func mustSave(t testing.TB, m *fasttext.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// agreement returns in how many of the lines both models name the same label.
func agreement(t testing.TB, a, b *fasttext.Model, text []byte) float64 {
	t.Helper()
	same, n := 0, 0
	for line := range strings.Lines(string(text)) {
		x, y := a.Predict(nil, line, 1, 0), b.Predict(nil, line, 1, 0)
		if n++; len(x) == len(y) && (len(x) == 0 || x[0].Label == y[0].Label) {
			same++
		}
	}
	return float64(same) / float64(n)
}

func TestQuantize(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	for _, c := range []struct {
		name string
		args func(*fasttext.Args)
		opt  fasttext.QuantizeOptions
	}{
		{"defaults", nil, fasttext.QuantizeOptions{}},
		{"norms", nil, fasttext.QuantizeOptions{QNorm: true}},
		{"norms and output", nil, fasttext.QuantizeOptions{QNorm: true, QOut: true}},
		{"output", nil, fasttext.QuantizeOptions{QOut: true}},
		{"single values", nil, fasttext.QuantizeOptions{DSub: 1}},
		{"a short last part", func(a *fasttext.Args) { a.Dim = 5 }, fasttext.QuantizeOptions{DSub: 3}},
		{"odd rows in pairs", func(a *fasttext.Args) { a.Dim = 5 }, fasttext.QuantizeOptions{QNorm: true}},
		{"one part", func(a *fasttext.Args) { a.Dim = 7 }, fasttext.QuantizeOptions{DSub: 20, QNorm: true}},
		{"cutoff", nil, fasttext.QuantizeOptions{Cutoff: 200, QNorm: true}},
		{"characters and cutoff", func(a *fasttext.Args) { a.WordNgrams, a.Minn, a.Maxn = 1, 2, 4 }, fasttext.QuantizeOptions{Cutoff: 1400}},
		{"hs", func(a *fasttext.Args) { a.Loss = fasttext.HierarchicalSoftmax }, fasttext.QuantizeOptions{QNorm: true, QOut: true}},
		{"ova", func(a *fasttext.Args) { a.Loss = fasttext.OneVsAll }, fasttext.QuantizeOptions{QNorm: true, Cutoff: 900}},
		{"retrained", nil, fasttext.QuantizeOptions{Cutoff: 150, QNorm: true, Epoch: 3, LR: 0.1, Retrain: bytes.NewReader(text)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := mustTrain(t, text, func(o *fasttext.TrainOptions) {
				o.Bucket, o.WordNgrams = 2000, 2
				if c.args != nil {
					c.args(&o.Args)
				}
			})
			before := mustSave(t, m)
			q := mustQuantize(t, m, c.opt)
			if !q.Quantised() || m.Quantised() || !bytes.Equal(mustSave(t, m), before) {
				t.Error("the model itself changed, or the result is not quantised")
			}
			if got := agreement(t, m, q, text); got < 0.9 {
				t.Errorf("agrees with the model in %.3f of the lines", got)
			}
			if !slices.Equal(q.Labels(), m.Labels()) {
				t.Errorf("labels %v, want %v", q.Labels(), m.Labels())
			}
			if w, _ := q.Word(0); w != "</s>" && c.opt.Cutoff > 0 {
				t.Errorf("the line end was cut off: the first word is %q", w)
			}

			file := mustSave(t, q)
			if len(file) >= len(before) {
				t.Errorf("%d bytes, before %d", len(file), len(before))
			}
			again, err := fasttext.Load(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(mustSave(t, again), file) {
				t.Error("loaded and saved, the file is not the same")
			}
			if got := agreement(t, again, q, text); got != 1 {
				t.Errorf("loaded, it agrees with itself in %.3f of the lines", got)
			}
			if _, err := q.Quantize(context.Background(), c.opt); !errors.Is(err, fasttext.ErrQuantised) {
				t.Errorf("quantised twice: %v", err)
			}
		})
	}
}

// The seed decides, not the number of workers.
func TestQuantizeIsReproducible(t *testing.T) {
	t.Parallel()
	m := mustTrain(t, mustRead(t, "testdata/requests.txt"), func(o *fasttext.TrainOptions) { o.WordNgrams, o.Bucket, o.Dim = 2, 5000, 9 })
	opt := fasttext.QuantizeOptions{QNorm: true, QOut: true, Cutoff: 1000, DSub: 3, Seed: 7, Thread: 1}
	want := mustSave(t, mustQuantize(t, m, opt))
	for _, threads := range []int{1, 2, 5} {
		opt.Thread = threads
		if !bytes.Equal(mustSave(t, mustQuantize(t, m, opt)), want) {
			t.Errorf("with %d workers, the file is another one", threads)
		}
	}
	opt.Seed = 8
	if bytes.Equal(mustSave(t, mustQuantize(t, m, opt)), want) {
		t.Error("with another seed, the file is the same")
	}
}

// Up to 256 different rows lose nothing, and rows of zeros stay so among any number of others.
func TestQuantizeKeepsFewRowsAndZeros(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	words := mustTrain(t, text, func(o *fasttext.TrainOptions) { o.MinCount = 4 })
	if words.Words() > 256 {
		t.Fatalf("%d words are too many for this test", words.Words())
	}
	q := mustQuantize(t, words, fasttext.QuantizeOptions{QOut: true})
	for i := range words.Words() {
		w, _ := words.Word(i)
		if got, want := q.WordVector(nil, w), words.WordVector(nil, w); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", w, got, want)
		}
	}
	// Inner products are added up in another order, so the last bit may differ.
	same := func(a, b fasttext.Prediction) bool {
		return a.Label == b.Label && math.Abs(float64(a.Prob-b.Prob)) < 1e-6
	}
	if got, want := q.Predict(nil, "refund my card", 0, 0), words.Predict(nil, "refund my card", 0, 0); !slices.EqualFunc(got, want, same) {
		t.Errorf("predictions %v, want %v", got, want)
	}

	m := mustTrain(t, text, func(o *fasttext.TrainOptions) { o.Minn, o.Maxn, o.Bucket = 3, 3, 100000 })
	for _, qnorm := range []bool{false, true} {
		q := mustQuantize(t, m, fasttext.QuantizeOptions{QNorm: qnorm})
		const unheard = "ЖЩЫЮ"
		if v := m.WordVector(nil, unheard); !allZeros(v) {
			t.Fatalf("its n-grams are known: %v", v)
		}
		if v := q.WordVector(nil, unheard); !allZeros(v) {
			t.Errorf("norms apart %t: rows of zeros became %v", qnorm, v)
		}
	}
}

func allZeros(v []float32) bool {
	return !slices.ContainsFunc(v, func(x float32) bool { return x != 0 })
}

func TestQuantizeCutoff(t *testing.T) {
	t.Parallel()
	m := mustTrain(t, mustRead(t, "testdata/requests.txt"), func(o *fasttext.TrainOptions) { o.WordNgrams = 2 })
	rows := m.Words() + m.Args().Bucket
	var last int
	for _, cutoff := range []int{1, 2, 100, rows - 1, rows, rows + 1} {
		q := mustQuantize(t, m, fasttext.QuantizeOptions{Cutoff: cutoff})
		size := len(mustSave(t, q))
		if size <= last && cutoff < rows {
			t.Errorf("cutoff %d: %d bytes, with less rows %d", cutoff, size, last)
		}
		last = size
		if cutoff >= rows && q.Words() != m.Words() || cutoff == 1 && q.Words() != 1 {
			t.Errorf("cutoff %d: %d words", cutoff, q.Words())
		}
	}
}

func TestQuantizeWordVectors(t *testing.T) {
	t.Parallel()
	m := mustLoad(t, "skipgram")
	for _, cutoff := range []int{0, 300} {
		q := mustQuantize(t, m, fasttext.QuantizeOptions{QNorm: true, Cutoff: cutoff, DSub: 1})
		again, err := fasttext.Load(bytes.NewReader(mustSave(t, q)))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := m.WordVector(nil, "card"), again.WordVector(nil, "card"); cosine(a, b) < 0.9 {
			t.Errorf("cutoff %d: %v became %v", cutoff, a, b)
		}
	}
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

func TestQuantizeErrors(t *testing.T) {
	t.Parallel()
	m := mustLoad(t, "softmax")
	notNumbers, _ := withNaN(t)
	wrong := errors.New("the disk is gone")
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name string
		m    *fasttext.Model
		ctx  context.Context
		opt  fasttext.QuantizeOptions
		is   error
		says string
	}{
		{name: "dsub", opt: fasttext.QuantizeOptions{DSub: -1}, says: "-dsub is -1"},
		{name: "cutoff", opt: fasttext.QuantizeOptions{Cutoff: -5}, says: "-cutoff is -5"},
		{name: "lr", opt: fasttext.QuantizeOptions{LR: math.NaN()}, says: "-lr is NaN"},
		{name: "epoch", opt: fasttext.QuantizeOptions{Epoch: -1}, says: "-epoch is -1"},
		{name: "thread", opt: fasttext.QuantizeOptions{Thread: -1}, says: "-thread is -1"},
		{name: "quantised", m: mustLoad(t, "pruned"), is: fasttext.ErrQuantised},
		{name: "vectors", m: mustLoad(t, "skipgram"), opt: fasttext.QuantizeOptions{Cutoff: 9, Retrain: strings.NewReader("x")}, is: fasttext.ErrNotSupervised},
		{name: "no labels", opt: fasttext.QuantizeOptions{Cutoff: 50, Retrain: strings.NewReader("card refund\n")}, is: fasttext.ErrNoLabels},
		{name: "read", opt: fasttext.QuantizeOptions{Cutoff: 50, Retrain: errReader{wrong}}, is: wrong},
		{name: "cancelled", ctx: cancelled, is: context.Canceled},
		{name: "not a number", m: notNumbers, says: "not numbers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.m == nil {
				c.m = m
			}
			if c.ctx == nil {
				c.ctx = context.Background()
			}
			q, err := c.m.Quantize(c.ctx, c.opt)
			if q != nil || err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, %v", q, err)
			}
		})
	}
}

// withNaN returns a model with a weight that is not a number, in the row of a word, and its file. It is so
// large that this isn't found when it is opened.
func withNaN(t *testing.T) (*fasttext.Model, []byte) {
	t.Helper()
	file := saved(t, mustTrain(t, []byte("__label__a card\n__label__b app\n"), func(o *fasttext.TrainOptions) { o.WordNgrams, o.Bucket = 2, 1<<19 }))
	at := len(file) - (2*4*4 + 16 + 1) - (1<<19+3)*4*4 // the output matrix with its head, and the input matrix
	copy(file[at+4:], []byte{0, 0, 0xc0, 0x7f})
	m, err := fasttext.LoadBytes(file)
	if err != nil {
		t.Fatal(err)
	}
	return m, file
}

func TestQuantizeToSize(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "testdata/requests.txt")
	m := mustTrain(t, text, func(o *fasttext.TrainOptions) { o.WordNgrams, o.Bucket, o.Dim = 2, 3000, 8 })
	whole := len(mustSave(t, mustQuantize(t, m, fasttext.QuantizeOptions{DSub: 1, QNorm: true})))
	measure := func(ctx context.Context, q *fasttext.Model) (float64, error) { return agreement(t, m, q, text), nil }
	for _, c := range []struct {
		name  string
		opt   fasttext.SizeOptions
		fills bool
	}{
		{"all rows", fasttext.SizeOptions{Size: int64(whole)}, true},
		{"nearly all", fasttext.SizeOptions{Size: int64(whole) - 1, Measure: measure}, false}, // rows of zeros go first
		{"some", fasttext.SizeOptions{Size: 14000, Measure: measure}, true},
		{"by closeness", fasttext.SizeOptions{Size: 14000}, true},
		{"few", fasttext.SizeOptions{Size: 10000, Measure: measure, Retrain: bytes.NewReader(text)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			best, tried := math.Inf(-1), 0
			c.opt.OnAttempt = func(a fasttext.SizeAttempt) {
				best = max(best, a.Score)
				if tried++; a.Size > c.opt.Size {
					t.Errorf("tried %+v, which is too large", a)
				}
			}
			q, a, err := m.QuantizeToSize(context.Background(), c.opt)
			if err != nil {
				t.Fatal(err)
			}
			if size := int64(len(mustSave(t, q))); size != a.Size || size > c.opt.Size || c.fills && size < c.opt.Size*8/10 {
				t.Errorf("%d bytes, said %d, want at most %d and not much less", size, a.Size, c.opt.Size)
			}
			if a.Score != best || tried < 2 {
				t.Errorf("took %v of %d tried, the best had %v", a.Score, tried, best)
			}
			if a.Cutoff > 0 {
				opt := fasttext.QuantizeOptions{Cutoff: a.Cutoff + 3, DSub: a.DSub, QNorm: a.QNorm, QOut: a.QOut}
				if size := int64(len(mustSave(t, mustQuantize(t, m, opt)))); a.Cutoff+3 < m.Words() && size <= c.opt.Size {
					t.Errorf("three more rows would have fitted: %d bytes", size)
				}
			}
		})
	}
	if _, _, err := m.QuantizeToSize(context.Background(), fasttext.SizeOptions{Size: 3000}); err == nil || !strings.Contains(err.Error(), "3000 bytes is too small") {
		t.Errorf("too small: %v", err)
	}
	wrong := errors.New("cannot measure")
	_, _, err := m.QuantizeToSize(context.Background(), fasttext.SizeOptions{Size: 20000, Measure: func(context.Context, *fasttext.Model) (float64, error) { return 0, wrong }})
	if !errors.Is(err, wrong) {
		t.Errorf("a failing measure: %v", err)
	}
}

func ExampleModel_Quantize() {
	m, err := fasttext.LoadFile("testdata/golden/softmax.bin")
	if err != nil {
		panic(err)
	}
	q, err := m.Quantize(context.Background(), fasttext.QuantizeOptions{QNorm: true, Cutoff: 200})
	if err != nil {
		panic(err)
	}
	fmt.Println(q.Quantised(), q.Predict(nil, "refund the invoice", 1, 0)[0].Label)
	// Output: true __label__billing
}

// manyLabels returns a model whose quantised output is looked up in tables.
func manyLabels(t testing.TB, loss fasttext.Loss) *fasttext.Model {
	t.Helper()
	var text bytes.Buffer
	for i := range 600 {
		fmt.Fprintf(&text, "__label__%d word%d word%d\n", i%300, i%300, i%7)
	}
	return mustTrain(t, text.Bytes(), func(o *fasttext.TrainOptions) { o.Loss, o.Dim, o.Epoch, o.LR = loss, 9, 100, 0.3 })
}

// A wide output gives what its rows, read one by one, give.
func TestQuantisedOutputOfManyLabels(t *testing.T) {
	t.Parallel()
	for _, loss := range []fasttext.Loss{fasttext.Softmax, fasttext.OneVsAll} {
		m := manyLabels(t, loss)
		q := mustQuantize(t, m, fasttext.QuantizeOptions{QOut: true, QNorm: true, DSub: 1})
		right := 0
		for i := range 300 {
			p := q.Predict(nil, fmt.Sprintf("word%d", i), 1, 0)
			if len(p) == 1 && p[0].Label == m.Predict(nil, fmt.Sprintf("word%d", i), 1, 0)[0].Label {
				right++
			}
		}
		if right < 270 {
			t.Errorf("%v: %d of 300 labels as before", loss, right)
		}
	}
}

func BenchmarkPredictQuantised(b *testing.B) {
	m := mustTrain(b, mustRead(b, "testdata/requests.txt"), func(o *fasttext.TrainOptions) { o.WordNgrams, o.Bucket, o.Dim = 2, 100000, 10 })
	text := strings.Repeat("why was my card charged twice in the app ? ", 5)
	for _, c := range []struct {
		name string
		m    *fasttext.Model
	}{
		{"dense", m},
		{"quantised", mustQuantize(b, m, fasttext.QuantizeOptions{QNorm: true})},
		{"pruned", mustQuantize(b, m, fasttext.QuantizeOptions{QNorm: true, Cutoff: 500})},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []fasttext.Prediction
			for b.Loop() {
				dst = c.m.Predict(dst[:0], text, 1, 0)
			}
		})
	}
}
