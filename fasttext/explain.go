package fasttext

import (
	"math"
	"strings"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// An Explanation says what each part of a text did for the scores of labels. A score is
// linear in the parts, so they are exact: a label's Base and its contributions
// add up to its Score (up to the rounding of float32).
type Explanation struct {
	// Labels are the most probable ones, best first.
	Labels []ExplainedLabel
	// Features are what the model has a row for, in order of the text: each word followed by its
	// character n-grams, </s> for the text's end, and then the word n-grams.
	Features []Feature
	// Tokens are the words, and </s>. Each has the contributions of its own row and
	// character n-grams and an equal share of those of each word n-gram it is part of.
	Tokens []ExplainedToken
}

// ExplainedLabel is a label with its score.
type ExplainedLabel struct {
	Label string
	Prob  float32 // as Predict has it
	// Score is what the loss makes the probability from: the logit, or for hierarchical
	// softmax the logarithm of the probability.
	Score float64
	// Base is the score of a text without features: 0, or for hierarchical softmax that of
	// choosing at random on the way to the label.
	Base float64
}

// FeatureKind tells the features of a text apart.
type FeatureKind string

const (
	WordFeature      FeatureKind = "word"
	SubwordFeature   FeatureKind = "subword"     // a character n-gram; < and > are the word's ends
	WordNgramFeature FeatureKind = "word n-gram" // neighbouring words
	LineEndFeature   FeatureKind = "line end"    // </s>
)

// A Feature is a part of the text that has a row in the model. N-grams share rows with
// others of the same hash, so a contribution may be owed to another n-gram in training.
type Feature struct {
	Kind FeatureKind
	Text string
	// Start and End are the bytes of the text it stands in. A </s> that is only thought
	// stands behind the text.
	Start, End int
	// Contributions holds what it adds to the score of each of Explanation.Labels.
	Contributions []float64

	first, last int // tokens it belongs to
}

// ExplainedToken is a word, or </s>, with all that it did.
type ExplainedToken struct {
	Text       string
	Start, End int
	// Known tells whether the word itself has a row.
	Known         bool
	Contributions []float64 // to the score of each of Explanation.Labels
}

// Explain predicts the k most probable labels of a text as Predict does, and tells why. k
// below 1 asks for all of them. A text without features, and one for a closed model or one of word
// vectors, has no labels.
//
// The rows of a text are averaged, so each adds its inner product with the label's
// row, divided by their number. For hierarchical softmax, each question on the way to
// the label shares out its part of the log-probability in proportion to
// these products: the integrated gradients of Sundararajan et al., "Axiomatic
// Attribution for Deep Networks" (2017), in closed form.
func (m *Model) Explain(text string, k int) *Explanation {
	e := &Explanation{}
	if m.loss == nil {
		return e
	}
	s := m.borrow()
	if s == nil {
		return e
	}
	defer m.giveBack(s)
	rows := e.read(m.dict, text)
	s.line.all(m.dict, viewBytes(text))
	for _, c := range m.rank(s, k, 0) {
		label := ExplainedLabel{Label: m.labels[c.label], Prob: m.prob(s, c)}
		label.Base, label.Score = m.contribute(e.Features, rows, s.hidden, c.label)
		e.Labels = append(e.Labels, label)
	}
	e.share()
	return e
}

// read finds the features of a text, and their rows. It mirrors lineReader.all, which
// need not know where things stood.
func (e *Explanation) read(d *dictionary, text string) (rows []int32) {
	var hashes []uint32
	add := func(f Feature, row int32) {
		e.Features = append(e.Features, f)
		rows = append(rows, row)
	}
	for i := 0; i < len(text); {
		if kernel.Space[text[i]] {
			i++
			continue
		}
		start := i
		for i < len(text) && !kernel.Space[text[i]] {
			i++
		}
		word := text[start:i]
		if word == eos {
			break
		}
		h := hashWord(word)
		id := d.find([]byte(word), h)
		if int(id) >= d.words || id < 0 && d.isLabel([]byte(word)) {
			continue
		}
		token := len(e.Tokens)
		e.Tokens = append(e.Tokens, ExplainedToken{Text: word, Start: start, End: i, Known: id >= 0})
		hashes = append(hashes, h)
		if id >= 0 {
			add(Feature{Kind: WordFeature, Text: word, Start: start, End: i, first: token, last: token}, id)
		}
		d.eachSubword(word, func(from, to int, row int32) {
			add(Feature{Kind: SubwordFeature, Text: ("<" + word + ">")[from:to], Start: start + max(from-1, 0),
				End: start + min(to-1, len(word)), first: token, last: token}, row)
		})
	}
	token := len(e.Tokens)
	end := ExplainedToken{Text: eos, Start: len(text), End: len(text), Known: d.eosID >= 0}
	e.Tokens = append(e.Tokens, end)
	hashes = append(hashes, eosHash)
	if d.eosID >= 0 {
		add(Feature{Kind: LineEndFeature, Text: eos, Start: len(text), End: len(text), first: token, last: token}, d.eosID)
	}
	if d.wordNgrams <= 1 {
		return rows
	}
	for first := range hashes {
		window := hashes[first:min(first+d.wordNgrams, len(hashes))]
		buckets := appendWordNgrams(nil, window, d.wordNgrams, uint64(d.bucket), 0)
		for i, b := range buckets[:len(window)-1] { // the others begin later
			if row := d.toRows([]int32{b}, 0); len(row) > 0 {
				f := Feature{Kind: WordNgramFeature, first: first, last: first + 1 + i}
				f.Text, f.Start, f.End = e.words(f.first, f.last), e.Tokens[f.first].Start, e.Tokens[f.last].End
				add(f, row[0])
			}
		}
	}
	return rows
}

// words is the text of an n-gram.
func (e *Explanation) words(first, last int) string {
	var b strings.Builder
	for i := first; i <= last; i++ {
		if i > first {
			b.WriteByte(' ')
		}
		b.WriteString(e.Tokens[i].Text)
	}
	return b.String()
}

// eachSubword calls found for each character n-gram of <word> that has a row.
func (d *dictionary) eachSubword(word string, found func(from, to int, row int32)) {
	if d.maxn <= 0 {
		return
	}
	w := "<" + word + ">"
	for i := range len(w) {
		if w[i]&0xC0 == 0x80 {
			continue
		}
		for j, n := i, 1; j < len(w) && n <= d.maxn; n++ {
			j++
			for j < len(w) && w[j]&0xC0 == 0x80 {
				j++
			}
			if n < d.minn || n == 1 && (i == 0 || j == len(w)) {
				continue
			}
			if row := d.toRows([]int32{int32(hashWord(w[i:j]) % uint32(d.bucket))}, 0); len(row) > 0 {
				found(i, j, row[0])
			}
		}
	}
}

// contribute appends to each feature what it did for a label, and returns what they add up to.
func (m *Model) contribute(features []Feature, rows []int32, hidden []float32, label int32) (base, score float64) {
	// The output rows whose products with the text make the score, and by how much.
	outputs, weights := []int{int(label)}, []float64{1}
	if l, ok := m.loss.(*huffmanLoss); ok {
		outputs, weights = outputs[:0], weights[:0]
		for _, q := range l.wayTo(label) {
			x := float64(m.out.dot(q.row, hidden))
			outputs = append(outputs, q.row)
			weights = append(weights, logSigmoidSlope(x, q.yes))
			base -= math.Ln2
		}
	}
	score = base
	row, sum := make([]float32, m.args.Dim), make([]float64, m.args.Dim)
	for i, o := range outputs {
		weight := weights[i] / float64(len(rows))
		if m.sharpness != 0 {
			weight *= float64(m.sharpness)
		}
		m.out.sum(row, []int32{int32(o)})
		for j, x := range row {
			sum[j] += weight * float64(x)
		}
	}
	for i := range features {
		m.in.sum(row, rows[i:i+1])
		var c float64
		for j, x := range row {
			c += float64(x) * sum[j]
		}
		features[i].Contributions = append(features[i].Contributions, c)
		score += c
	}
	return base, score
}

// logSigmoidSlope returns how much the logarithm of the chance of an answer rises from x 0,
// over x.
func logSigmoidSlope(x float64, yes bool) float64 {
	sign := 1.0
	if !yes {
		sign = -1
	}
	if math.Abs(x) < 1e-6 {
		return sign / 2
	}
	return (math.Ln2 + logSigmoid(sign*x)) / x
}

// logSigmoid returns log(1/(1+exp(-x))).
func logSigmoid(x float64) float64 {
	if x < 0 {
		return x - math.Log1p(math.Exp(x))
	}
	return -math.Log1p(math.Exp(-x))
}

// A question is an output row of a Huffman tree, and the answer on the way to a label.
type question struct {
	row int
	yes bool
}

// wayTo returns the questions from a label to the root.
func (l *huffmanLoss) wayTo(label int32) (way []question) {
	parents := make(map[int32]question, 2*len(l.left))
	for i := range l.left {
		parents[l.left[i]] = question{i, false}
		parents[l.right[i]] = question{i, true}
	}
	for node := label; ; {
		q, ok := parents[node]
		if !ok {
			return way
		}
		way = append(way, q)
		node = int32(q.row + l.leaves)
	}
}

// share adds the features up by token.
func (e *Explanation) share() {
	for i := range e.Tokens {
		e.Tokens[i].Contributions = make([]float64, len(e.Labels))
	}
	for _, f := range e.Features {
		for i, c := range f.Contributions {
			for t := f.first; t <= f.last; t++ {
				e.Tokens[t].Contributions[i] += c / float64(f.last-f.first+1)
			}
		}
	}
}
