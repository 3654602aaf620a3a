package fasttext_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

var vectorKinds = []fasttext.ModelKind{fasttext.Skipgram, fasttext.CBOW, fasttext.BatchSkipgram}

func vectorArgs(kind fasttext.ModelKind) fasttext.Args {
	a := fasttext.UnsupervisedDefaults(kind)
	a.Dim, a.Bucket, a.MinCount, a.Thread, a.T, a.Maxn, a.Epoch = 20, 2000, 1, 1, 1, 0, 5
	return a
}

func mustTrainVectors(t testing.TB, text string, a fasttext.Args) *fasttext.Model {
	t.Helper()
	m, err := fasttext.Train(context.Background(), strings.NewReader(text), fasttext.TrainOptions{Args: a})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// themes is a text of sentences whose words all belong to one of four themes, and word i of a
// theme stands beside all others of it.
func themes(sentences int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for range sentences {
		theme := r.IntN(4)
		for range 8 {
			fmt.Fprintf(&b, "%s%d ", []string{"sea", "sky", "rock", "wood"}[theme], r.IntN(10))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Words of one theme must come out nearer to each other than to any other, with each model, loss
// and number of threads, with and without character n-grams.
func TestWordVectorsFindThemes(t *testing.T) {
	t.Parallel()
	text := themes(1000)
	losses := []fasttext.Loss{fasttext.NegativeSampling, fasttext.HierarchicalSoftmax, fasttext.Softmax, fasttext.OneVsAll}
	for _, kind := range vectorKinds {
		for _, loss := range losses {
			for _, maxn := range []int{0, 4} {
				for _, threads := range []int{1, 4} {
					if loss != fasttext.NegativeSampling && (kind == fasttext.BatchSkipgram || threads > 1) {
						continue
					}
					a := vectorArgs(kind)
					a.Loss, a.Maxn, a.Thread = loss, maxn, threads
					if maxn > 0 {
						a.Minn = 4 // long enough for no n-gram to be common to a theme by its name
					}
					if loss == fasttext.NegativeSampling && threads == 4 {
						a.Neg = 9 // more than one fan
					}
					if loss == fasttext.OneVsAll && kind == fasttext.CBOW {
						continue // its answers are all words of the line, for every window: nothing to learn, as in the original
					}
					t.Run(fmt.Sprintf("%v-%v-maxn%d-threads%d", kind, loss, maxn, threads), func(t *testing.T) {
						t.Parallel()
						m := mustTrainVectors(t, text, a)
						for _, word := range []string{"sea3", "sky0", "rock9", "wood5"} {
							found, err := m.NearestNeighbours(nil, word, 9)
							if err != nil || len(found) != 9 {
								t.Fatalf("%v, %v", found, err)
							}
							right := 0
							for i, n := range found {
								if n.Word[:3] == word[:3] {
									right++
								}
								if n.Word == word || i > 0 && n.Similarity > found[i-1].Similarity || n.Similarity > 1.0001 {
									t.Errorf("neighbour %d of %s: %v", i, word, found)
								}
							}
							if right < 8 {
								t.Errorf("%s: %d of 9 neighbours are of its theme: %v", word, right, found)
							}
						}
					})
				}
			}
		}
	}
}

func TestWordVectorsAreReproducible(t *testing.T) {
	t.Parallel()
	text := string(mustRead(t, "testdata/requests.txt"))
	for _, kind := range vectorKinds {
		train := func(seed int) []byte {
			a := vectorArgs(kind)
			a.Seed, a.Minn, a.Maxn, a.T = seed, 2, 4, 0.01
			return saved(t, mustTrainVectors(t, text, a))
		}
		first := train(1)
		if !bytes.Equal(first, train(1)) {
			t.Errorf("%v: the same seed gave another model", kind)
		}
		if bytes.Equal(first, train(2)) {
			t.Errorf("%v: another seed gave the same model", kind)
		}
	}
}

// Labels get no vectors, and the file says what the format knows.
func TestWordVectorModel(t *testing.T) {
	t.Parallel()
	text := "__label__x one two two\n__label__y three two one\n"
	for _, kind := range vectorKinds {
		a := vectorArgs(kind)
		a.MinCount = 2
		m := mustTrainVectors(t, text, a)
		want := kind
		if kind == fasttext.BatchSkipgram {
			want = fasttext.Skipgram
		}
		if got := m.Args().Model; got != want {
			t.Errorf("%v: the model is %v", kind, got)
		}
		if m.Supervised() || m.Words() != 3 || len(m.Labels()) != 2 || m.Tokens() != 10 {
			t.Errorf("%v: supervised %v, %d words, labels %q, %d tokens", kind, m.Supervised(), m.Words(), m.Labels(), m.Tokens())
		}
		again, err := fasttext.LoadBytes(saved(t, m))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := fmt.Sprint(m.WordVector(nil, "two")), fmt.Sprint(again.WordVector(nil, "two")); a != b {
			t.Errorf("%v: two is %s, and loaded again %s", kind, a, b)
		}
	}
}

// A line of any length, of one word, and a vocabulary of one word leave nothing to trip over.
func TestWordVectorsOfOddText(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"one word":      "word",
		"one word more": strings.Repeat("word ", 50),
		"long line":     strings.Repeat("a b c ", 3000),
		"no newline":    "a b c",
		"empty lines":   "\n\n\na b\n\n",
	} {
		for _, kind := range vectorKinds {
			for _, maxn := range []int{0, 3} {
				a := vectorArgs(kind)
				a.Maxn = maxn
				m := mustTrainVectors(t, text, a)
				for _, x := range m.WordVector(nil, "a") {
					if math.IsNaN(float64(x)) {
						t.Errorf("%s, %v: not a number", name, kind)
					}
				}
			}
		}
	}
}

// A large window must not cost memory beyond a line's, and a cancelled training must end soon.
func TestWordVectorWindowsAndCancelling(t *testing.T) {
	t.Parallel()
	text := themes(300)
	for _, kind := range vectorKinds {
		a := vectorArgs(kind)
		a.WS, a.Dim, a.Maxn, a.Epoch = 10000, 300, 3, 1
		mustTrainVectors(t, text, a)

		a = vectorArgs(kind)
		a.Epoch = 1 << 30
		ctx, cancel := context.WithCancel(context.Background())
		_, err := fasttext.Train(ctx, strings.NewReader(text), fasttext.TrainOptions{Args: a, OnProgress: func(fasttext.Progress) { cancel() }})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v: got %v", kind, err)
		}
		cancel()
	}
}

func TestWordVectorErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text   string
		change func(*fasttext.Args)
		want   error
		says   string
	}{
		"empty":        {text: "", want: fasttext.ErrEmpty},
		"only labels":  {text: "__label__a __label__b", want: fasttext.ErrEmpty},
		"all too rare": {text: "a b", change: func(a *fasttext.Args) { a.MinCount = 9 }, want: fasttext.ErrEmpty},
		"diverges":     {text: themes(200), change: func(a *fasttext.Args) { a.LR = 1e30 }, want: fasttext.ErrDiverged},
		"nothing kept": {text: "a b", change: func(a *fasttext.Args) { a.T = 0 }, says: "-t is 0"},
		"batch loss": {text: "a b", change: func(a *fasttext.Args) { a.Model, a.Loss = fasttext.BatchSkipgram, fasttext.Softmax },
			says: "batch_skipgram shares negatives, so it needs ns"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := vectorArgs(fasttext.Skipgram)
			if c.change != nil {
				c.change(&a)
			}
			_, err := fasttext.Train(context.Background(), strings.NewReader(c.text), fasttext.TrainOptions{Args: a})
			if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v %s", err, c.want, c.says)
			}
		})
	}
}

// Progress must end at all words of all epochs, and epochs must see the model as it is then.
func TestWordVectorProgress(t *testing.T) {
	t.Parallel()
	text := themes(300)
	for _, kind := range vectorKinds {
		a := vectorArgs(kind)
		var last fasttext.Progress
		var similar []float32
		_, err := fasttext.Train(context.Background(), strings.NewReader(text), fasttext.TrainOptions{
			Args:       a,
			OnProgress: func(p fasttext.Progress) { last = p },
			OnEpoch: func(e fasttext.Epoch) (fasttext.Action, error) {
				found, err := e.Model.NearestNeighbours(nil, "sea1", 1)
				similar = append(similar, found[0].Similarity)
				return fasttext.Continue, err
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if last.Fraction != 1 || last.Words != int64(a.Epoch*300*9) || !(last.Loss > 0 && last.Loss < 10) {
			t.Errorf("%v: %+v", kind, last)
		}
		if len(similar) != a.Epoch || similar[0] == similar[1] {
			t.Errorf("%v: nearest neighbours of the epochs at %v", kind, similar)
		}
	}
}

func TestWordVectorsRefuseLabelWeights(t *testing.T) {
	t.Parallel()
	for _, opt := range []fasttext.TrainOptions{{BalanceLabels: true}, {LabelWeights: map[string]float32{"__label__a": 2}}} {
		opt.Args = vectorArgs(fasttext.Skipgram)
		if _, err := fasttext.Train(context.Background(), strings.NewReader("__label__a b c"), opt); err == nil || !strings.Contains(err.Error(), "are for supervised models") {
			t.Errorf("got %v", err)
		}
	}
}
