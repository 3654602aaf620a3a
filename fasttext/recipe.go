package fasttext

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"
)

// RecipeOptions are the options of TrainRecipe. The zero value of a field is its default.
type RecipeOptions struct {
	Label   string // what a label starts with; __label__
	Threads int    // workers; one for each processor. The model does not depend on it
	Seed    int    // of the order of examples and of what is held out
	// MaxBytes bounds the size of the model's file; 180 MB for up to 150 labels, more for more, 380 MB from
	// 1,000 on. The most frequent words get up to half of it, and n-grams share rows in the rest; there are always
	// some.
	MaxBytes int64

	// Unlabelled is text of the same kind without labels, a text a line, at most 1 GB. It helps where labels are few: vectors of its words
	// are learned, and words that stand in it alone are known to the model.
	Unlabelled io.Reader
	// PretrainedVectors is a .vec file of any dimension, for the same purpose. With it, Unlabelled is not read.
	PretrainedVectors string

	// TextMemory and TempDir are those of TrainOptions, for the time that the text is read.
	TextMemory int64
	TempDir    string

	// OnRead is called while the text is read, with the number of tokens so far. OnProgress is called a few times for
	// each stage. Neither is called twice at a time.
	OnRead     func(words int64)
	OnProgress func(RecipeProgress)
}

// A RecipeReport says what TrainRecipe chose and how well that does on examples that it held out.
type RecipeReport struct {
	Examples      int  `json:"examples"`
	Words         int  `json:"words"`
	Labels        int  `json:"labels"`
	SeveralLabels bool `json:"several_labels"` // examples have several: labels are judged one by one

	WordNgrams int            `json:"word_ngrams"`
	Minn       int            `json:"minn"`
	Maxn       int            `json:"maxn"`
	Bucket     int            `json:"bucket"`
	Dim        int            `json:"dim"`
	Loss       string         `json:"loss"`
	Members    []RecipeMember `json:"members"`
	Sharpness  float64        `json:"sharpness"` // what the sum of the members' scores is multiplied by

	// What follows was measured on HeldOut examples, with models that did not learn from them, and is 0 if there were none. It is
	// what choices were made by, so it may be a little high.
	HeldOut          int     `json:"held_out"`
	Accuracy         float64 `json:"accuracy"` // share of examples whose best label is one of theirs
	MacroF1          float64 `json:"macro_f1"`
	CalibrationError float64 `json:"expected_calibration_error"`
	// Of several labels, the probability from which to give a label for the highest F1, and that F1, over all labels together.
	Threshold float64 `json:"threshold,omitempty"`
	F1        float64 `json:"f1,omitempty"`

	Tried []RecipeTrial `json:"tried"`

	Bytes   int64         `json:"bytes"` // of the model's file
	Seconds RecipeSeconds `json:"seconds"`
}

// A RecipeTrial is something that was compared, and how it did on held-out examples.
type RecipeTrial struct {
	WordNgrams int       `json:"word_ngrams"`
	Minn       int       `json:"minn"`
	Maxn       int       `json:"maxn"`
	Solver     string    `json:"solver"`
	Weighting  Weighting `json:"weighting"`
	C          float64   `json:"c"`
	Accuracy   float64   `json:"accuracy"`
}

// RecipeSeconds is how long the stages took.
type RecipeSeconds struct {
	Read   float64 `json:"read"`
	Choose float64 `json:"choose"`
	Learn  float64 `json:"learn"`
	Total  float64 `json:"total"`
}

func (o *RecipeOptions) setDefaults() {
	if o.Label == "" {
		o.Label = SupervisedDefaults().Label
	}
	if o.Threads == 0 {
		o.Threads = maxWorkers()
	}
}

func (o *RecipeOptions) validate() error {
	switch {
	case o.Threads < 1 || o.Threads > 10000:
		return fmt.Errorf("-thread is %d: want 1 to 10000", o.Threads)
	case o.MaxBytes < 0:
		return fmt.Errorf("the largest size of the model is %d bytes: want 0 or more", o.MaxBytes)
	case o.Seed < math.MinInt32 || o.Seed > math.MaxInt32:
		return fmt.Errorf("-seed is %d: want a 32-bit number", o.Seed)
	}
	return nil
}

// TrainRecipe learns a classifier that is more accurate than the original's algorithm makes one, in the original's
// form: one example a line, labels being the tokens that start with Label. The text is read once, to its end.
// docs/training.md describes the recipe.
//
// What it learns is linear: weighted rows of words, word n-grams and character n-grams, found by large
// margins. It chooses n-grams, weights and costs by examples that it holds out, and calibrates probabilities on
// them: they need no Calibration. Files of the model are ordinary ones, with the number of labels as dimension,
// and any reader gives the same probabilities. The same text, options and seed give the same model with any number of
// threads, on processors of one kind.
//
// If more than one in a hundred examples has several labels, the model's loss is OneVsAll, and Softmax otherwise.
//
// Errors are those of r and of ctx, and of the options; ErrEmpty and ErrNoLabels.
func TrainRecipe(ctx context.Context, r io.Reader, opt RecipeOptions) (*Model, *RecipeReport, error) {
	opt.setDefaults()
	if err := opt.validate(); err != nil {
		return nil, nil, err
	}
	start := time.Now()
	progress := newRecipeProgress(opt.OnProgress)
	r, v, err := opt.vectors(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	c, err := readCorpus(ctx, r, v, &opt)
	if err != nil {
		return nil, nil, err
	}
	report := &RecipeReport{Examples: c.len(), Words: c.dict.words, Labels: c.labels.Count, SeveralLabels: c.several()}
	report.Seconds.Read = time.Since(start).Seconds()

	progress.stage("choose")
	p, chosen, divisions, err := c.choose(ctx, &opt, report, progress)
	if err != nil {
		return nil, nil, err
	}
	var scores [][]float32
	if len(divisions) > 0 {
		scores = sumOf(chosen)
	}
	scoring := p.fitScoring(scores, divisions)
	p.judge(report, scores, divisions, scoring)
	members := make([]RecipeMember, len(chosen))
	for n, t := range chosen {
		members[n] = t.RecipeMember
	}
	report.Members, report.Sharpness = members, scoring.sharpness
	report.Seconds.Choose = time.Since(start).Seconds() - report.Seconds.Read

	progress.stage("learn")
	in, err := p.learn(ctx, members)
	if err != nil {
		return nil, nil, err
	}
	m, err := p.model(in, scoring)
	if err != nil {
		return nil, nil, err
	}
	progress.done()
	a := m.Args()
	report.WordNgrams, report.Minn, report.Maxn, report.Bucket = a.WordNgrams, a.Minn, a.Maxn, a.Bucket
	report.Dim, report.Loss, report.Bytes = a.Dim, a.Loss.String(), m.fileBytes()
	report.Seconds.Total = time.Since(start).Seconds()
	report.Seconds.Learn = report.Seconds.Total - report.Seconds.Choose - report.Seconds.Read
	return m, report, nil
}

// model makes the model whose input matrix is in, scaled. The output matrix is the identity, or, of two labels that exclude
// each other, one label's score is the other's turned round.
func (p *problem) model(in *dense, s scoring) (*Model, error) {
	for i := range in.rows {
		row := in.row(i)
		for j := range row {
			row[j] *= float32(s.sharpness)
			if s.biases != nil {
				// The mean of rows that all have it has it too.
				row[j] += float32(s.biases[j])
			}
		}
	}
	if !in.finite(p.threads) {
		return nil, ErrDiverged
	}
	labels := p.corpus.labels.Count
	out := newHeapDense(labels, p.columns)
	for j := range p.columns {
		out.row(j)[j] = 1
	}
	if p.opposite() {
		out.row(1)[0] = -1
	}
	a := SupervisedDefaults()
	a.Dim, a.Label, a.MinCount = p.columns, p.rows.dict.label, p.corpus.minCount
	a.WordNgrams, a.Minn, a.Maxn, a.Bucket = p.rows.shape.WordNgrams, p.rows.shape.Minn, p.rows.shape.Maxn, p.rows.shape.Bucket
	if p.several {
		a.Loss = OneVsAll
	}
	m := &Model{args: a, dict: p.rows.dict, in: in, out: out}
	return m, m.finish(false)
}

// fileBytes returns the size of the model's file.
func (m *Model) fileBytes() int64 {
	rows, cols := m.in.size()
	outRows, outCols := m.out.size()
	const head, matrixHead, token = 2*4 + 12*4 + 8 + 3*4 + 2*8, 1 + 2*8, 1 + 8 + 1
	return head + int64(len(m.dict.text)) + token*int64(m.dict.size()) +
		2*matrixHead + 4*int64(rows)*int64(cols) + 4*int64(outRows)*int64(outCols)
}
