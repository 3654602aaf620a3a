package fasttext_test

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

// plane returns a model of words in a plane, whose vectors are given as a .vec file.
func plane(t testing.TB) *fasttext.Model {
	t.Helper()
	path := t.TempDir() + "/plane.vec"
	const text = "8 2\n</s> 1 -1\nking 1 1\nman 1 0\nwoman 0 1\nqueen -0.1 2\nstone -1 -1\nsand -1 -0.9\nKING 0 0\n"
	if err := fasttext.WriteFile(path, func(w io.Writer) error { _, err := w.Write([]byte(text)); return err }); err != nil {
		t.Fatal(err)
	}
	a := fasttext.UnsupervisedDefaults(fasttext.Skipgram)
	a.Dim, a.MinCount, a.Epoch, a.Thread, a.Maxn, a.PretrainedVectors = 2, 1, 0, 1, 0, path
	m, err := fasttext.Train(context.Background(), strings.NewReader("king man woman queen stone sand KING\n"), fasttext.TrainOptions{Args: a})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNeighbours(t *testing.T) {
	t.Parallel()
	m := plane(t)
	found, err := m.NearestNeighbours(nil, "stone", 2)
	if err != nil || len(found) != 2 || found[0].Word != "sand" || math.Abs(float64(found[0].Similarity)-0.9986) > 1e-4 {
		t.Errorf("stone: %v, %v", found, err)
	}
	// king - man + woman = (0.707 - 1 + 0, 0.707 - 0 + 1) points up and a little to the left.
	found, err = m.Analogies(nil, "king", "man", "woman", 1)
	if err != nil || len(found) != 1 || found[0].Word != "queen" {
		t.Errorf("king - man + woman: %v, %v", found, err)
	}
	if found, err = m.NearestNeighbours(nil, "unknown", 100); err != nil || len(found) != m.Words() {
		t.Errorf("all: %d of %d, %v", len(found), m.Words(), err)
	}
	if _, err = m.NearestNeighbours(nil, "king", 0); !errors.Is(err, fasttext.ErrNeighbours) {
		t.Errorf("no neighbours: %v", err)
	}
}

func TestEvaluateAnalogies(t *testing.T) {
	t.Parallel()
	m := plane(t)
	score, err := m.EvaluateAnalogies(context.Background(), strings.NewReader(
		"# a comment\n: family\nman king woman queen\nman king woman stone\nMan King Woman Queen\n\n: none\nman king woman princess\n"), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []fasttext.AnalogySection{{Name: "family", Questions: 3, Correct: 2}, {Name: "none", Skipped: 1}}
	if len(score.Sections) != 2 || score.Sections[0] != want[0] || score.Sections[1] != want[1] {
		t.Errorf("%+v", score.Sections)
	}
	if all := score.Total(); all.Questions != 3 || all.Skipped != 1 || all.Accuracy() != 2.0/3 {
		t.Errorf("%+v", all)
	}
	if score, err = m.EvaluateAnalogies(context.Background(), strings.NewReader("man king woman queen"), 2); err != nil || score.Total().Skipped != 1 {
		t.Errorf("among two words: %+v, %v", score, err)
	}
	for text, says := range map[string]string{
		"\n: a\nman king woman":             "line 3: 3 words: want four",
		"a b c " + strings.Repeat("d", 1e5): "token too long",
	} {
		if _, err := m.EvaluateAnalogies(context.Background(), strings.NewReader(text), 0); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want an error that says %q", err, says)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.EvaluateAnalogies(ctx, strings.NewReader("man king woman queen"), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestEvaluateSimilarity(t *testing.T) {
	t.Parallel()
	m := plane(t)
	const pairs = "word1\tword2\tmean\n# comment\nstone\tsand\t9\nking, man, 7.5\nking;woman;7.5\nman woman 3 extra\nking stone 1\nQueen Woman 8\nking nobody 5\n"
	score, err := m.EvaluateSimilarity(strings.NewReader(pairs))
	if err != nil || score.Pairs != 6 || score.Skipped != 1 || math.Abs(score.Spearman-1) > 0.1 {
		t.Errorf("%+v, %v", score, err)
	}
	backwards := "stone sand 1\nking man 2\nman woman 3\nking stone 4\n"
	if score, err = m.EvaluateSimilarity(strings.NewReader(backwards)); err != nil || math.Abs(score.Spearman+1) > 1e-9 {
		t.Errorf("%+v, %v", score, err)
	}
	if score, err = m.EvaluateSimilarity(strings.NewReader("")); err != nil || !math.IsNaN(score.Spearman) {
		t.Errorf("empty: %+v, %v", score, err)
	}
	for text, says := range map[string]string{
		"king man":                   "line 1: want two words and a number",
		"king man 1\nking man x":     `line 2: "x" is not a number`,
		"king man 1\nking man NaN":   "not a number",
		"a b c\nstone sand infinity": "not a number",
	} {
		if _, err := m.EvaluateSimilarity(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want an error that says %q", text, err, says)
		}
	}
}

func TestNgramVectors(t *testing.T) {
	t.Parallel()
	a := vectorArgs(fasttext.Skipgram)
	a.Minn, a.Maxn = 3, 4
	m := mustTrainVectors(t, string(mustRead(t, "testdata/requests.txt")), a)
	for word, ngrams := range map[string]string{
		"card":      "card <ca <car car card ard ard> rd>",
		"ü画":        "<ü画 <ü画> ü画>",
		"</s>":      "</s>",
		"unheardof": "<un <unh unh unhe nhe nhea hea hear ear eard ard ardo rdo rdof dof dof> of>",
	} {
		sum := make([]float32, a.Dim)
		var names []string
		all := m.NgramVectors(word)
		for _, g := range all {
			names = append(names, g.Ngram)
			for i, x := range g.Vector {
				sum[i] += x / float32(len(all))
			}
		}
		if got := strings.Join(names, " "); got != ngrams {
			t.Errorf("%s: got %s, want %s", word, got, ngrams)
		}
		for i, x := range m.WordVector(nil, word) {
			if math.Abs(float64(x-sum[i])) > 1e-5 {
				t.Fatalf("%s: the mean is %v, the word's vector %v", word, sum, m.WordVector(nil, word))
			}
		}
	}
}

func FuzzEvaluate(f *testing.F) {
	m := plane(f)
	f.Add(": family\nman king woman queen\n")
	f.Add("king man 1\n# c\nking;woman,2 x\n")
	f.Add("word1 word2 score\nking man 1e999\n")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := m.EvaluateAnalogies(context.Background(), strings.NewReader(text), 3); err == nil {
			if all := s.Total(); all.Correct > all.Questions {
				t.Errorf("%+v", all)
			}
		}
		if s, err := m.EvaluateSimilarity(strings.NewReader(text)); err == nil && math.Abs(s.Spearman) > 1.000001 {
			t.Errorf("%+v", s)
		}
	})
}
