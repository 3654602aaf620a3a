package fasttext

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// AnalogyScore is how many questions of the form "a is to b as c is to what?" word vectors
// answer right.
type AnalogyScore struct {
	Sections []AnalogySection // in the order of the file
}

// An AnalogySection is a part of a file of analogies, with the name of the line ": name" before it.
type AnalogySection struct {
	Name      string
	Questions int // those whose four words are in the vocabulary
	Skipped   int // the others, which count for nothing
	Correct   int
}

// Accuracy returns the share of the questions that were answered right; NaN if there are none.
func (s AnalogySection) Accuracy() float64 { return float64(s.Correct) / float64(s.Questions) }

// Total returns all sections together.
func (s *AnalogyScore) Total() (all AnalogySection) {
	for _, section := range s.Sections {
		all.Questions += section.Questions
		all.Skipped += section.Skipped
		all.Correct += section.Correct
	}
	return all
}

// longestQuestion bounds a line of an evaluation file, in bytes.
const longestQuestion = 1 << 16

// EvaluateAnalogies answers the questions of a file in the form of questions-words.txt (Mikolov
// et al., "Efficient Estimation of Word Representations in Vector Space", 2013): four words a line, of which the
// last is the right answer, and lines ": name" that start a section. The answer is the word
// nearest to b - a + c, vectors scaled to length 1, that is none of the three. Words
// are looked for, and answers taken, among the most frequent vocabulary words (all of them if it is 0), as they
// stand and else in lower case.
func (m *Model) EvaluateAnalogies(ctx context.Context, r io.Reader, vocabulary int) (*AnalogyScore, error) {
	if vocabulary < 1 || vocabulary > m.dict.words {
		vocabulary = m.dict.words
	}
	held := m.borrow()
	if held == nil {
		return nil, ErrClosed
	}
	defer m.giveBack(held)
	score := &AnalogyScore{}
	var questions []analogy
	err := evaluationLines(r, func(line int, text string) error {
		if name, ok := strings.CutPrefix(text, ":"); ok {
			score.Sections = append(score.Sections, AnalogySection{Name: strings.TrimSpace(name)})
			return nil
		}
		fields := strings.Fields(text)
		if len(fields) != 4 {
			return fmt.Errorf("line %d: %d words: want four, or a colon and the name of a section", line, len(fields))
		}
		if len(score.Sections) == 0 {
			score.Sections = append(score.Sections, AnalogySection{})
		}
		q := analogy{section: len(score.Sections) - 1}
		for i, word := range fields {
			if q.words[i] = m.known(word, vocabulary); q.words[i] < 0 {
				score.Sections[q.section].Skipped++
				return nil
			}
		}
		score.Sections[q.section].Questions++
		questions = append(questions, q)
		return nil
	})
	if err != nil {
		return nil, err
	}
	units := m.units()
	right := make([]bool, len(questions))
	inParallel(context.Background(), maxWorkers(), len(questions), kernel.FanSize, func(from, to int) {
		if ctx.Err() == nil {
			units.answer(right[from:to], questions[from:to], vocabulary)
		}
	})
	for i, q := range questions {
		if right[i] {
			score.Sections[q.section].Correct++
		}
	}
	return score, ctx.Err()
}

// An analogy is a question: words[0] is to words[1] as words[2] is to words[3].
type analogy struct {
	section int
	words   [4]int32
}

// known returns the number of a word that is among the most frequent ones, or -1.
func (m *Model) known(word string, vocabulary int) int32 {
	for _, w := range []string{word, strings.ToLower(word)} {
		if id := m.dict.find([]byte(w), hashWord(w)); id >= 0 && int(id) < vocabulary {
			return id
		}
	}
	return -1
}

// answer answers as many questions as fit into a fan, in one pass over the words.
func (u *unitVectors) answer(right []bool, questions []analogy, vocabulary int) {
	queries := make([]float32, len(questions)*u.stride)
	for i, q := range questions {
		query := queries[i*u.stride:][:u.dim]
		for j, sign := range []float32{-1, 1, 1} {
			kernel.Axpy(query, sign, u.row(int(q.words[j])))
		}
	}
	best := make([]candidate, len(questions))
	for i := range best {
		best[i] = candidate{float32(math.Inf(-1)), -1}
	}
	u.scan(0, vocabulary, queries, u.stride, len(questions), func(word int, scores []float32) {
		for i, s := range scores {
			if s > best[i].score && !slices.Contains(questions[i].words[:3], int32(word)) {
				best[i] = candidate{s, int32(word)}
			}
		}
	})
	for i, q := range questions {
		right[i] = best[i].label == q.words[3]
	}
}

// SimilarityScore is how well the similarities of word vectors agree with people's.
type SimilarityScore struct {
	Pairs    int     // those whose words have vectors
	Skipped  int     // the others
	Spearman float64 // rank correlation, from -1 to 1; NaN if there are less than two different pairs
}

// EvaluateSimilarity compares the cosine of word pairs with the scores that a file gives them: lines of two
// words and a number, with tabs, spaces, commas or semicolons between them, as the published data sets have; more
// fields may follow. Empty lines and those that start with # are comments, and the first line may name the columns. Words are
// looked for as they stand and else in lower case; where the model has character n-grams, unknown
// ones have vectors too.
func (m *Model) EvaluateSimilarity(r io.Reader) (SimilarityScore, error) {
	var score SimilarityScore
	held := m.borrow()
	if held == nil {
		return score, ErrClosed
	}
	defer m.giveBack(held)
	var ours, theirs []float64
	first := true
	err := evaluationLines(r, func(line int, text string) error {
		head := first
		first = false
		fields := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \t,;", c) })
		if len(fields) < 3 {
			return fmt.Errorf("line %d: want two words and a number", line)
		}
		want, err := strconv.ParseFloat(fields[2], 64)
		switch {
		case err == nil && !math.IsNaN(want) && !math.IsInf(want, 0):
		case head:
			return nil
		default:
			return fmt.Errorf("line %d: %q is not a number", line, fields[2])
		}
		a, b := m.anyCase(fields[0]), m.anyCase(fields[1])
		lengths := float64(length(a)) * float64(length(b))
		if lengths == 0 {
			score.Skipped++
			return nil
		}
		score.Pairs++
		ours, theirs = append(ours, float64(kernel.Dot(a, b))/lengths), append(theirs, want)
		return nil
	})
	score.Spearman = correlation(ranks(ours), ranks(theirs))
	return score, err
}

// anyCase returns the vector of a word as it stands, or of its lower case if only that is known.
func (m *Model) anyCase(word string) []float32 {
	if id := m.known(word, m.dict.words); id >= 0 {
		word = string(m.dict.token(int(id)))
	}
	return m.WordVector(nil, word)
}

// evaluationLines hands each line that is neither empty nor a comment to each.
func evaluationLines(r io.Reader, each func(line int, text string) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestQuestion)
	n := 0
	for lines.Scan() {
		n++
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		if err := each(n, text); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("after line %d: %w", n, err)
	}
	return nil
}

// ranks returns the rank of each value, the mean of their ranks for equal ones.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	ranks := make([]float64, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = float64(from+to-1) / 2
		}
		from = to
	}
	return ranks
}

// correlation returns Pearson's r.
func correlation(x, y []float64) float64 {
	var meanX, meanY, xx, yy, xy float64
	for i := range x {
		meanX += x[i] / float64(len(x))
		meanY += y[i] / float64(len(y))
	}
	for i := range x {
		dx, dy := x[i]-meanX, y[i]-meanY
		xx, yy, xy = xx+dx*dx, yy+dy*dy, xy+dx*dy
	}
	return xy / math.Sqrt(xx*yy)
}
