package fasttext_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

// subjects is a text of n lines of 4 labels; each line has 10 common words and 2 that mostly
// its label has.
func subjects(n int, sorted bool) []byte {
	r := rand.New(rand.NewPCG(5, 6))
	lines := make([]string, n)
	for i := range lines {
		label := r.IntN(4)
		var b strings.Builder
		fmt.Fprintf(&b, "__label__%d", label)
		for range 10 {
			fmt.Fprintf(&b, " w%d", r.IntN(300))
		}
		for range 2 {
			fmt.Fprintf(&b, " s%d", (label+r.IntN(12)/10)%4*50+r.IntN(50))
		}
		lines[i] = b.String()
	}
	if sorted {
		slices.Sort(lines)
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

// A text that does not fit into the memory for it must be learned as well as one that does, also if
// it is sorted by label, and leave nothing behind.
func TestTextLargerThanItsMemory(t *testing.T) {
	t.Parallel()
	mixed, sorted, test := subjects(40_000, false), subjects(40_000, true), subjects(2_000, false)
	for name, change := range map[string]func(*fasttext.TrainOptions){
		"words":         func(o *fasttext.TrainOptions) {},
		"bigrams":       func(o *fasttext.TrainOptions) { o.WordNgrams, o.Bucket = 2, 5000 },
		"subwords":      func(o *fasttext.TrainOptions) { o.Maxn, o.Bucket = 3, 5000 },
		"deterministic": func(o *fasttext.TrainOptions) { o.Deterministic = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			train := func(text []byte, threads int, memory int64) *fasttext.Model {
				return mustTrain(t, text, func(o *fasttext.TrainOptions) {
					o.LR, o.Epoch, o.Thread, o.TextMemory, o.TempDir = 0.2, 2, threads, memory, folder
					change(o)
				})
			}
			usual := precision(t, train(mixed, 2, 0), test)
			if usual < 0.8 {
				t.Fatalf("precision is %v with everything in memory", usual)
			}
			once := train(sorted, 2, 1)
			if got := precision(t, once, test); got < usual-0.02 {
				t.Errorf("precision is %v if the text is sorted and in a file, %v if it is mixed and in memory", got, usual)
			}
			threads := 1
			if name == "deterministic" {
				threads = 2
				if !bytes.Equal(saved(t, once), saved(t, train(sorted, 1, 1))) {
					t.Error("one thread makes another model than two")
				}
			}
			if !bytes.Equal(saved(t, train(mixed, threads, 1)), saved(t, train(mixed, threads, 1))) {
				t.Error("the same training has made two models")
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
				t.Errorf("it has left %v, %v", left, err)
			}
		})
	}
}

func TestVectorsOfTextLargerThanItsMemory(t *testing.T) {
	t.Parallel()
	a := vectorArgs(fasttext.Skipgram)
	a.Epoch, a.Thread = 1, 2
	opt := fasttext.TrainOptions{Args: a, TextMemory: 1, TempDir: t.TempDir()}
	m, err := fasttext.Train(context.Background(), strings.NewReader(themes(60_000)), opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"sea3", "sky0", "rock9", "wood5"} {
		found, err := m.NearestNeighbours(nil, word, 9)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range found {
			if n.Word[:3] != word[:3] {
				t.Errorf("neighbours of %s are %v", word, found)
			}
		}
	}
}

// A text for word vectors may have no line ends at all; that must not cut words.
func TestVectorsOfOneLine(t *testing.T) {
	t.Parallel()
	a := vectorArgs(fasttext.Skipgram)
	a.Epoch, a.Thread, a.MinCount = 0, 2, 1
	text := strings.ReplaceAll(themes(60_000), "\n", "")
	if len(text) < 2<<20 {
		t.Fatalf("%d bytes fit into one read", len(text))
	}
	m := mustTrainVectors(t, text, a)
	if m.Words() != 40 {
		t.Errorf("%d words, want the 40 of the text", m.Words())
	}
	a.MinCount = 60_000 * 8 / 40 / 2
	if m = mustTrainVectors(t, text, a); m.Words() != 40 {
		t.Errorf("%d words are as frequent as all are", m.Words())
	}
}

func TestNoFolderForText(t *testing.T) {
	t.Parallel()
	text := subjects(100_000, false)
	nowhere := t.TempDir() + "/none"
	train := func(kind fasttext.ModelKind) func() error {
		return func() error {
			opt := fasttext.TrainOptions{Args: smallArgs(), TextMemory: 1, TempDir: nowhere}
			opt.Model = kind
			_, err := fasttext.Train(t.Context(), bytes.NewReader(text), opt)
			return err
		}
	}
	for name, do := range map[string]func() error{
		"supervised": train(fasttext.Supervised),
		"cbow":       train(fasttext.CBOW),
		"recipe": func() error {
			_, _, err := fasttext.TrainRecipe(t.Context(), bytes.NewReader(text), fasttext.RecipeOptions{TextMemory: 1, TempDir: nowhere})
			return err
		},
		"unlabelled": func() error {
			opt := fasttext.RecipeOptions{TextMemory: 1, TempDir: nowhere, Unlabelled: bytes.NewReader(text)}
			_, _, err := fasttext.TrainRecipe(t.Context(), strings.NewReader(topics(2, 20, 1)), opt)
			return err
		},
		"autotune": func() error {
			opt := fasttext.AutotuneOptions{Args: smallArgs(), Trials: 1, TextMemory: 1, TempDir: nowhere}
			_, err := fasttext.Autotune(t.Context(), bytes.NewReader(text), bytes.NewReader(text[:1000]), opt)
			return err
		},
		"quantise": func() error {
			opt := fasttext.QuantizeOptions{Cutoff: 50, Retrain: bytes.NewReader(text), TextMemory: 1, TempDir: nowhere}
			_, err := mustTrain(t, subjects(500, false), nil).Quantize(t.Context(), opt)
			return err
		},
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "/none") || !strings.Contains(err.Error(), "temporary file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// endless makes lines until it has made that many words, of a fixed vocabulary.
type endless struct {
	left int
	r    *rand.Rand
	rest []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.left <= 0 {
			return 0, io.EOF
		}
		e.rest = fmt.Appendf(e.rest[:0], "__label__%d", e.r.IntN(4))
		for range 20 {
			e.rest = fmt.Appendf(e.rest, " w%d", e.r.IntN(20_000))
		}
		e.rest = append(e.rest, '\n')
		e.left -= 22
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}
