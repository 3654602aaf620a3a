package fasttext

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// A Neighbour is a word of the vocabulary and the cosine of the angle between its vector and
// the one asked for.
type Neighbour struct {
	Word       string
	Similarity float32
}

// ErrNeighbours means that less than one neighbour was asked for.
var ErrNeighbours = errors.New("no neighbours were asked for: k must be at least 1")

// NearestNeighbours appends the k words of the vocabulary whose vectors point most nearly where that
// of word does, nearest first, without word itself. Word may be unknown, if the model
// has character n-grams. The first call makes a copy of all word vectors, scaled to length 1.
func (m *Model) NearestNeighbours(dst []Neighbour, word string, k int) ([]Neighbour, error) {
	query := m.WordVector(nil, word)
	return m.nearest(dst, query, k, word)
}

// Analogies appends the k words nearest to the vectors of a - b + c, each scaled to length 1: with
// a = king, b = man and c = woman, the words that are to woman as king is to man.
func (m *Model) Analogies(dst []Neighbour, a, b, c string, k int) ([]Neighbour, error) {
	query, v := make([]float32, m.args.Dim), []float32(nil)
	for i, word := range []string{a, b, c} {
		v = m.WordVector(v[:0], word)
		sign := 1.0
		if i == 1 {
			sign = -1
		}
		kernel.Axpy(query, float32(sign/(float64(length(v))+1e-8)), v)
	}
	return m.nearest(dst, query, k, a, b, c)
}

// nearest appends the words nearest to query, but for those that are banned.
func (m *Model) nearest(dst []Neighbour, query []float32, k int, banned ...string) ([]Neighbour, error) {
	if k < 1 {
		return dst, ErrNeighbours
	}
	held := m.borrow()
	if held == nil {
		return dst, ErrClosed
	}
	defer m.giveBack(held)
	norm := length(query)
	if norm < 1e-8 {
		norm = 1
	}
	scores := m.units().similarities(query)
	top := topK{k: min(k, m.dict.words)}
	for i, s := range scores {
		s /= norm
		if top.admits(s) && !slices.Contains(banned, string(m.dict.token(i))) {
			top.offer(candidate{s, int32(i)})
		}
	}
	for _, c := range top.sorted() {
		dst = append(dst, Neighbour{string(m.dict.token(int(c.label))), c.score})
	}
	return dst, nil
}

func length(v []float32) float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return float32(math.Sqrt(sum))
}

// unitVectors are the vectors of all words, scaled to length 1 (or 0).
type unitVectors struct {
	words, dim, stride int
	data               []float32
}

// units returns the unit vectors, made by the first call. The caller has borrowed.
func (m *Model) units() *unitVectors {
	if u := m.unitVectors.Load(); u != nil {
		return u
	}
	u := &unitVectors{words: m.dict.words, dim: m.args.Dim, stride: (m.args.Dim + 15) &^ 15}
	u.data = make([]float32, u.words*u.stride)
	inParallel(context.Background(), maxWorkers(), u.words, 1024, func(from, to int) {
		s := m.pool.Get().(*scratch)
		defer m.pool.Put(s)
		for i := from; i < to; i++ {
			v := m.wordVector(s, m.dict.token(i))
			if n := length(v); n > 0 {
				kernel.Axpy(u.row(i), 1/n, v)
			}
		}
	})
	m.unitVectors.CompareAndSwap(nil, u) // two callers make the same ones
	return u
}

func (u *unitVectors) row(i int) []float32 { return u.data[i*u.stride:][:u.dim] }

// similarities returns the inner products of all words' vectors with query.
func (u *unitVectors) similarities(query []float32) []float32 {
	out := make([]float32, u.words)
	inParallel(context.Background(), maxWorkers(), u.words, 1<<13, func(from, to int) {
		u.scan(from, to, query, u.dim, 1, func(word int, scores []float32) { out[word] = scores[0] })
	})
	return out
}

// scan hands the inner products of the vectors from from to to with n queries, at most
// kernel.FanSize, which start stride values apart, to each.
func (u *unitVectors) scan(from, to int, queries []float32, stride, n int, each func(word int, scores []float32)) {
	const piece = 32
	fan := kernel.NewFan(u.dim)
	fan.Aim(queries, stride, []int32{0, 1, 2, 3, 4, 5}[:n])
	var scores [piece * kernel.ScoreStride]float32
	for ; from < to; from += piece {
		words := min(piece, to-from)
		fan.Scores(scores[:], u.data[from*u.stride:], u.stride, words)
		for i := range words {
			each(from+i, scores[i*kernel.ScoreStride:][:n])
		}
	}
}

// NgramVector is a character n-gram of a word, or the word itself, and its row.
type NgramVector struct {
	Ngram  string
	Vector []float32
}

// NgramVectors returns what the vector of a word is the mean of: its own row, if the word is in the
// vocabulary, and those of its character n-grams, with < and > for the word's start and end.
// In a pruned model, an n-gram that kept no row has zeros; a closed one gives none.
func (m *Model) NgramVectors(word string) []NgramVector {
	held := m.borrow()
	if held == nil {
		return nil
	}
	defer m.giveBack(held)
	var all []NgramVector
	d, token := m.dict, []byte(word)
	if id := d.find(token, hashWord(token)); id >= 0 && int(id) < d.words {
		all = append(all, NgramVector{word, m.inputRow(id)})
	}
	if d.maxn <= 0 || word == eos {
		return all
	}
	for _, g := range subwordTexts(word, d.minn, d.maxn) {
		// Alone, its place in a word does not matter: it is hashed as it stands.
		bucket := int32(hashWord(g) % uint32(d.bucket))
		v := make([]float32, m.args.Dim)
		if rows := d.toRows([]int32{bucket}, 0); len(rows) == 1 {
			v = m.inputRow(rows[0])
		}
		all = append(all, NgramVector{g, v})
	}
	return all
}

func (m *Model) inputRow(row int32) []float32 {
	v := make([]float32, m.args.Dim)
	m.in.sum(v, []int32{row})
	return v
}

// subwordTexts returns the n-grams that appendSubwords hashes, in its order.
func subwordTexts(word string, minn, maxn int) (all []string) {
	w := "<" + word + ">"
	for i := range len(w) {
		if w[i]&0xC0 == 0x80 {
			continue
		}
		for j, n := i, 1; j < len(w) && n <= maxn; n++ {
			for j++; j < len(w) && w[j]&0xC0 == 0x80; j++ {
			}
			if n >= minn && (n > 1 || i > 0 && j < len(w)) {
				all = append(all, w[i:j])
			}
		}
	}
	return all
}
