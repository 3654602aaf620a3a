package dataset

import (
	"fmt"
	"slices"
	"strings"
)

// The column names that are recognised, in this order, when none is given.
// Upper and lower case don't matter.
var (
	textNames  = []string{"text", "body", "message", "content", "source", "sentence", "review", "comment", "description", "utterance", "question", "query", "request"}
	labelNames = []string{"label", "labels", "category", "categories", "class", "classes", "intent", "intents", "tag", "tags", "topic", "topics", "target", "sentiment"}
)

// columns says where in a row text and labels are.
type columns struct {
	text, label []int // indexes into the header; label is empty if there is none
	separator   string
	split       bool // the label cell holds several labels
}

// chooseColumns finds the columns that opt names, or guesses them by name. Of two
// columns, the one beside the label holds the text. The text column must be
// found; the label column only if it is named.
func chooseColumns(header []string, opt ReadOptions) (columns, error) {
	var c columns
	var err error
	if opt.TextColumn != "" {
		if c.text, err = namedColumns(header, opt.TextColumn, "text"); err != nil {
			return c, err
		}
	}
	if opt.LabelColumn != "" {
		if c.label, err = namedColumns(header, opt.LabelColumn, "label"); err != nil {
			return c, err
		}
	}
	if c.text == nil {
		c.text = guessColumn(header, textNames, c.label)
	}
	if c.label == nil {
		c.label = guessColumn(header, labelNames, c.text)
	}
	if len(header) == 2 && c.text == nil && len(c.label) == 1 {
		c.text = []int{1 - c.label[0]}
	}
	if c.text == nil {
		return c, fmt.Errorf("no column has a name that says it holds the text; say which of these does: %s (a file without a header line needs its columns named)", listNames(header))
	}
	c.separator = opt.LabelSeparator
	c.split = c.separator != "" || len(c.label) == 1 && isPlural(header[c.label[0]])
	return c, nil
}

func isPlural(name string) bool {
	name = strings.ToLower(name)
	return name != "class" && strings.HasSuffix(name, "s") && slices.Contains(labelNames, name)
}

// namedColumns finds one column by its whole name, or several by a list with commas.
func namedColumns(header []string, want, role string) ([]int, error) {
	if i := slices.Index(header, want); i >= 0 {
		return []int{i}, nil
	}
	var found []int
	for name := range strings.SplitSeq(want, ",") {
		name = strings.TrimSpace(name)
		i := slices.Index(header, name)
		if i < 0 {
			i = slices.IndexFunc(header, func(h string) bool { return strings.EqualFold(h, name) })
		}
		if i < 0 {
			return nil, fmt.Errorf("there is no %s column %q; the columns are: %s", role, name, listNames(header))
		}
		found = append(found, i)
	}
	return found, nil
}

func guessColumn(header, names []string, taken []int) []int {
	for _, name := range names {
		for i, h := range header {
			if strings.EqualFold(strings.TrimSpace(h), name) && !slices.Contains(taken, i) {
				return []int{i}
			}
		}
	}
	return nil
}

// listNames quotes names for an error message, the first few of many and each cut
// to a readable length.
func listNames(names []string) string {
	const most, longest = 12, 40
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == most {
			fmt.Fprintf(&b, "and %d more", len(names)-most)
			break
		}
		b.WriteString(quote(name, longest))
	}
	return b.String()
}

// quote returns s in quotes, cut to at most n characters.
func quote(s string, n int) string {
	seen := 0
	for i := range s {
		if seen == n {
			return fmt.Sprintf("%q", s[:i]+"…")
		}
		seen++
	}
	return fmt.Sprintf("%q", s)
}

// labels makes the labels of a row from the cells that hold them. Cells come
// trimmed or not; a label prefix in front of a label is taken off.
func (c columns) labels(cells []string, prefix string) []string {
	var labels []string
	add := func(label string) {
		label = strings.TrimSpace(label)
		label = strings.TrimPrefix(label, prefix)
		if label != "" && !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	for _, cell := range cells {
		switch {
		case !c.split:
			add(cell)
		case strings.TrimSpace(c.separator) == "":
			for label := range strings.FieldsSeq(cell) {
				add(label)
			}
		default:
			for label := range strings.SplitSeq(cell, c.separator) {
				add(label)
			}
		}
	}
	return labels
}
