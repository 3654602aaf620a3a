package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

// score holds predictions against labels. Other than fasttext.Metrics, it adds up
// over the models of a cross-validation, and a label that the model doesn't know is one
// it missed, not one that doesn't count.
type score struct {
	k         int // 0 for the labels that reach the calibration's thresholds
	threshold float32
	prefix    string // of the models' labels

	calibration *fasttext.Calibration // nil unless its thresholds count

	measured   int // rows with a label
	unlabelled int
	top        int // rows whose most probable label is one of theirs
	labels     map[string]*labelTally
	confused   map[pair]int // label and what was answered instead, once a row and label

	reliability fasttext.Reliability // of the most probable labels
}

type labelTally struct {
	rows, predicted, correct int
}

type pair struct{ label, predicted string }

func newScore(k int) *score {
	return &score{k: k, prefix: dataset.DefaultLabelPrefix, labels: map[string]*labelTally{}, confused: map[pair]int{}}
}

// add counts what the model says of the rows. Labels are compared as tokens, the form
// in which a model has them.
func (s *score) add(ctx context.Context, m *fasttext.Model, source dataset.Source, normalize bool) error {
	var predictions []fasttext.Prediction
	for row, err := range source.Rows() {
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		if len(row.Labels) == 0 {
			s.unlabelled++
			continue
		}
		text := row.Text
		if normalize {
			text = dataset.Normalize(text)
		}
		predictions = m.Predict(predictions[:0], text, s.k, s.threshold)
		if s.calibration != nil {
			predictions = slices.DeleteFunc(predictions, func(p fasttext.Prediction) bool { return !s.calibration.Reaches(p) })
		}
		s.count(row.Labels, predictions)
	}
	return nil
}

func (s *score) count(want []string, predictions []fasttext.Prediction) {
	s.measured++
	labels := make([]string, len(want))
	for i, label := range want {
		labels[i] = dataset.LabelToken(label, "")
		s.tally(labels[i]).rows++
	}
	answered := make([]string, len(predictions))
	for i, prediction := range predictions {
		answered[i] = labelName(prediction.Label, s.prefix)
		tally := s.tally(answered[i])
		tally.predicted++
		if slices.Contains(labels, answered[i]) {
			tally.correct++
		}
	}
	first := ""
	if len(answered) > 0 {
		first = answered[0]
	}
	if slices.Contains(labels, first) && len(answered) > 0 {
		s.top++
	}
	if len(predictions) > 0 {
		s.reliability.Add(predictions[0].Prob, slices.Contains(labels, first))
	}
	for _, label := range labels {
		switch {
		case slices.Contains(answered, label):
			s.confused[pair{label, label}]++
		case !slices.Contains(labels, first) || len(answered) == 0:
			s.confused[pair{label, first}]++
		}
	}
}

// labelName is a model's label without the prefix: the one given, or else the usual one,
// which our own models have whatever the file they learned from had.
func labelName(label, prefix string) string {
	if name, ok := strings.CutPrefix(label, prefix); ok {
		return name
	}
	return strings.TrimPrefix(label, dataset.DefaultLabelPrefix)
}

func (s *score) tally(label string) *labelTally {
	t := s.labels[label]
	if t == nil {
		t = &labelTally{}
		s.labels[label] = t
	}
	return t
}

// merge adds the counts of another score.
func (s *score) merge(other *score) {
	s.measured += other.measured
	s.unlabelled += other.unlabelled
	s.top += other.top
	s.reliability.Merge(&other.reliability)
	for label, t := range other.labels {
		sum := s.tally(label)
		sum.rows += t.rows
		sum.predicted += t.predicted
		sum.correct += t.correct
	}
	for p, n := range other.confused {
		s.confused[p] += n
	}
}

// accuracy is the share of rows whose most probable label is one of theirs.
func (s *score) accuracy() float64 { return ratio(s.top, s.measured) }

func ratio(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// scoreReport is a score for people and machines.
type scoreReport struct {
	Rows       int     `json:"rows"`
	Unlabelled int     `json:"rows_without_label"`
	Accuracy   float64 `json:"accuracy"`
	K          int     `json:"k"`         // 0 for those that reach the calibration's thresholds
	Precision  float64 `json:"precision"` // at k, over all labels
	Recall     float64 `json:"recall"`
	F1         float64 `json:"f1"`
	MacroF1    float64 `json:"macro_f1"` // mean over labels
	// Mean distance between the probability of the best label and the share of right ones.
	CalibrationError float64       `json:"expected_calibration_error"`
	Labels           []labelReport `json:"labels"` // most rows first
	Confusions       []confusion   `json:"confusions"`

	matrix map[pair]int
}

type labelReport struct {
	Label     string  `json:"label"`
	Rows      int     `json:"rows"`
	Predicted int     `json:"predicted"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// confusion is how often one label was taken for another; an empty one is no answer.
type confusion struct {
	Label     string `json:"label"`
	Predicted string `json:"predicted"`
	Rows      int    `json:"rows"`
}

func (s *score) report() *scoreReport {
	r := &scoreReport{Rows: s.measured, Unlabelled: s.unlabelled, Accuracy: s.accuracy(), K: s.k, matrix: s.confused,
		CalibrationError: s.reliability.CalibrationError()}
	var total labelTally
	for _, name := range slices.Sorted(maps.Keys(s.labels)) {
		t := s.labels[name]
		total.rows += t.rows
		total.predicted += t.predicted
		total.correct += t.correct
		label := labelReport{Label: name, Rows: t.rows, Predicted: t.predicted}
		label.Precision, label.Recall, label.F1 = t.figures()
		r.MacroF1 += label.F1 / float64(len(s.labels))
		r.Labels = append(r.Labels, label)
	}
	r.Precision, r.Recall, r.F1 = total.figures()
	slices.SortStableFunc(r.Labels, func(a, b labelReport) int { return b.Rows - a.Rows })
	for p, n := range s.confused {
		if p.label != p.predicted {
			r.Confusions = append(r.Confusions, confusion{p.label, p.predicted, n})
		}
	}
	slices.SortFunc(r.Confusions, func(a, b confusion) int {
		return cmp.Or(b.Rows-a.Rows, strings.Compare(a.Label, b.Label), strings.Compare(a.Predicted, b.Predicted))
	})
	return r
}

func (t *labelTally) figures() (precision, recall, f1 float64) {
	precision, recall = ratio(t.correct, t.predicted), ratio(t.correct, t.rows)
	if t.correct > 0 {
		f1 = 2 * precision * recall / (precision + recall)
	}
	return precision, recall, f1
}

const (
	mostLabels     = 40 // in a table for people
	mostConfusions = 10
)

// WriteText writes the figures, the table of labels and the worst confusions.
func (r *scoreReport) WriteText(w io.Writer) error {
	var b strings.Builder
	at := fmt.Sprintf("@%d", r.K)
	if r.K == 0 {
		at = "" // as many as reach their thresholds
	}
	fmt.Fprintf(&b, "accuracy %.1f%%  precision%s %.1f%%  recall%s %.1f%%  F1 %.1f%%  macro F1 %.1f%%  (%s",
		100*r.Accuracy, at, 100*r.Precision, at, 100*r.Recall, 100*r.F1, 100*r.MacroF1, counted(r.Rows, "row"))
	if r.Unlabelled > 0 {
		fmt.Fprintf(&b, ", %d more have no label", r.Unlabelled)
	}
	fmt.Fprintf(&b, ")\nexpected calibration error %.1f%%\n\n", 100*r.CalibrationError)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "rows\tprecision\trecall\tF1\t  label")
	for i, label := range r.Labels {
		if i == mostLabels {
			fmt.Fprintf(table, "\t\t\t\t  and %d more\n", len(r.Labels)-mostLabels)
			break
		}
		fmt.Fprintf(table, "%d\t%.1f%%\t%.1f%%\t%.1f%%\t  %s\n", label.Rows, 100*label.Precision, 100*label.Recall, 100*label.F1, label.Label)
	}
	table.Flush()
	if len(r.Confusions) > 0 {
		b.WriteString("\nmost often wrong\n")
		table = tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		for _, c := range r.Confusions[:min(len(r.Confusions), mostConfusions)] {
			fmt.Fprintf(table, "%d\t  %s, taken for %s\n", c.Rows, c.Label, cmp.Or(c.Predicted, "nothing"))
		}
		table.Flush()
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeMatrix writes the confusion matrix: a line for each label, a column for each answer.
func (r *scoreReport) writeMatrix(w io.Writer) error {
	var b strings.Builder
	names := []string{}
	for _, label := range r.Labels {
		names = append(names, label.Label)
	}
	slices.Sort(names)
	b.WriteString("\nlabels down, answers across\n")
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "\t")
	for i := range names {
		fmt.Fprintf(table, "%d\t", i+1)
	}
	fmt.Fprintln(table)
	for i, name := range names {
		fmt.Fprintf(table, "%s %d\t", name, i+1)
		for _, answer := range names {
			fmt.Fprintf(table, "%d\t", r.matrix[pair{name, answer}])
		}
		fmt.Fprintln(table)
	}
	table.Flush()
	_, err := io.WriteString(w, b.String())
	return err
}
