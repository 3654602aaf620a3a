package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// CheckOptions say what Check finds worth a word. Zero fields take the defaults.
type CheckOptions struct {
	MinPerLabel  int     // a label with fewer training rows is reported; 10
	MaxImbalance float64 // the most frequent label may have so many times the rows of the rarest; 20
	MaxWords     int     // a text with more tokens is reported; 5000
	Examples     int     // lines named in a finding; 5
}

// Severity says how much a finding matters.
type Severity string

const (
	Serious Severity = "error"   // training fails, or its result means nothing
	Warning Severity = "warning" // training works, and suffers
	Note    Severity = "note"    // good to know
)

// Finding is something Check noticed.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // stable, e.g. "duplicate"; see Check
	Part     string   `json:"part"` // "train" or "validation"
	Count    int      `json:"count"`
	Message  string   `json:"message"`
	Lines    []int    `json:"lines,omitempty"` // the first few it is about
}

// Part is what Check counted in one of the two sources.
type Part struct {
	Name     string `json:"name,omitempty"`
	Rows     int    `json:"rows"`
	Labelled int    `json:"labelled"` // rows with at least one label
	Several  int    `json:"several"`  // rows with more than one
	Words    int64  `json:"words"`    // tokens of the normalised texts
	Distinct int    `json:"distinct"` // normalised texts
}

// LabelCount is how many rows have a label.
type LabelCount struct {
	Label      string `json:"label"`
	Train      int    `json:"train"`
	Validation int    `json:"validation"`
}

// Report is what Check found. It is valid JSON by encoding/json, and WriteText
// makes it readable.
type Report struct {
	Train      Part         `json:"train"`
	Validation *Part        `json:"validation,omitempty"`
	Labels     []LabelCount `json:"labels"`   // most frequent first
	Findings   []Finding    `json:"findings"` // worst first
}

// Worst returns the severity of the worst finding, "" if there is none.
func (r *Report) Worst() Severity {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.Findings[0].Severity
}

// Check reads train, and validation unless it is nil, to the end and reports what
// stands in the way of a good model. Texts are compared by 64-bit hashes of their
// normalised form, which bounds memory to some tens of bytes a row. Codes of findings:
//
//	error    no-rows, no-labels, one-label, malformed
//	warning  unlabelled, empty, conflict (one text, different labels), few-rows,
//	         imbalance, invalid-utf8, leak (a validation text that training has),
//	         unknown-label (only validation has it), similar-labels (they differ in
//	         case or white space only)
//	note     duplicate, long, missing-label (validation lacks it), space-in-label
//
// Errors about single rows are counted as malformed; Check fails with the error that
// breaks off a stream.
func Check(train, validation Source, opt CheckOptions) (*Report, error) {
	opt.MinPerLabel = cmp.Or(opt.MinPerLabel, 10)
	opt.MaxImbalance = cmp.Or(opt.MaxImbalance, 20)
	opt.MaxWords = cmp.Or(opt.MaxWords, 5000)
	opt.Examples = cmp.Or(opt.Examples, 5)
	c := checker{opt: opt, counts: map[string]*LabelCount{}, report: Report{Labels: []LabelCount{}, Findings: []Finding{}}}
	if err := c.part(train, &c.report.Train, "train"); err != nil {
		return nil, err
	}
	if validation != nil {
		c.report.Validation = &Part{}
		if err := c.part(validation, c.report.Validation, "validation"); err != nil {
			return nil, err
		}
	}
	c.labels()
	slices.SortStableFunc(c.report.Findings, func(a, b Finding) int {
		return cmp.Compare(severityOrder(a.Severity), severityOrder(b.Severity))
	})
	return &c.report, nil
}

func severityOrder(s Severity) int {
	return slices.Index([]Severity{Serious, Warning, Note}, s)
}

// seen is the first row with a text.
type seen struct {
	line   int
	labels uint64
}

type checker struct {
	opt      CheckOptions
	report   Report
	counts   map[string]*LabelCount
	training map[uint64]seen
	buffer   []byte
}

// tally collects the rows of one kind of finding.
type tally struct {
	count   int
	lines   []int
	example string // the first row's, for the message
}

func (c *checker) note(t *tally, line int, example string) {
	if t.count == 0 {
		t.example = example
	}
	t.count++
	if len(t.lines) < c.opt.Examples && line > 0 {
		t.lines = append(t.lines, line)
	}
}

func (c *checker) find(severity Severity, code, part string, t tally, format string, args ...any) {
	if t.count > 0 {
		c.report.Findings = append(c.report.Findings, Finding{severity, code, part, t.count, fmt.Sprintf(format, args...), t.lines})
	}
}

// part reads one source and reports what can be said of its rows.
func (c *checker) part(src Source, part *Part, name string) error {
	if named, ok := src.(interface{ Name() string }); ok {
		part.Name = named.Name()
	}
	texts := map[uint64]seen{}
	var malformed, unlabelled, empty, duplicate, conflict, invalid, long, leak, space tally
	for row, err := range src.Rows() {
		if err != nil {
			fault, ok := errors.AsType[*Error](err)
			if !ok || !recoverable(err) {
				return err
			}
			c.note(&malformed, fault.Line, fault.Msg)
			continue
		}
		part.Rows++
		c.count(row, part, &unlabelled, &space)
		if row.Replaced {
			c.note(&invalid, row.Line, "")
		}
		c.buffer = AppendNormalized(c.buffer[:0], row.Text)
		if len(c.buffer) == 0 {
			c.note(&empty, row.Line, "")
			continue
		}
		words := 1 + countByte(c.buffer, ' ')
		part.Words += int64(words)
		if words > c.opt.MaxWords {
			c.note(&long, row.Line, "")
		}
		hash := hashBytes(c.buffer)
		now := seen{row.Line, c.hashLabels(row.Labels)}
		if first, ok := texts[hash]; !ok {
			texts[hash] = now
		} else if first.labels == now.labels {
			c.note(&duplicate, row.Line, repeats(now, first))
		} else {
			c.note(&conflict, row.Line, repeats(now, first))
		}
		if first, ok := c.training[hash]; ok {
			c.note(&leak, row.Line, repeats(now, first))
		}
	}
	part.Distinct = len(texts)
	if name == "train" {
		c.training = texts
	}
	if part.Rows == 0 {
		c.find(Serious, "no-rows", name, tally{count: 1}, "there are no rows")
	} else if part.Labelled == 0 {
		c.find(Serious, "no-labels", name, tally{count: part.Rows}, "no row has a label: name the column that holds it, or begin lines with %s and the label", DefaultLabelPrefix)
		unlabelled = tally{}
	}
	c.find(Serious, "malformed", name, malformed, "%s can't be read; the first: %s", rowsOf(malformed), malformed.example)
	c.find(Warning, "unlabelled", name, unlabelled, "%s without a label: they teach nothing and count nowhere", rowsOf(unlabelled))
	c.find(Warning, "empty", name, empty, "%s without text", rowsOf(empty))
	c.find(Warning, "conflict", name, conflict, "%s an earlier text but not its labels%s", repeat(conflict), conflict.example)
	c.find(Warning, "leak", name, leak, "%s a text of the training data%s: the accuracy will look better than it is", repeat(leak), leak.example)
	c.find(Warning, "invalid-utf8", name, invalid, "%s bytes that aren't UTF-8, replaced by U+FFFD: save the file as UTF-8", hold(invalid))
	c.find(Note, "duplicate", name, duplicate, "%s an earlier row%s", repeat(duplicate), duplicate.example)
	c.find(Note, "long", name, long, "%s more than %d words", hold(long), c.opt.MaxWords)
	c.find(Note, "space-in-label", name, space, "%s a label with white space, such as %s; in a model's file it is written with _", hold(space), space.example)
	return nil
}

func repeats(now, first seen) string {
	if now.line == 0 || first.line == 0 {
		return ""
	}
	return fmt.Sprintf(" (line %d repeats line %d)", now.line, first.line)
}

func rowsOf(t tally) string { return counted(t.count, "row", "rows") }
func repeat(t tally) string { return counted(t.count, "row repeats", "rows repeat") }
func hold(t tally) string   { return counted(t.count, "row has", "rows have") }

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func countByte(b []byte, c byte) (n int) {
	for _, x := range b {
		if x == c {
			n++
		}
	}
	return n
}

// count adds the row's labels to the counts.
func (c *checker) count(row Row, part *Part, unlabelled, space *tally) {
	if len(row.Labels) == 0 {
		c.note(unlabelled, row.Line, "")
		return
	}
	part.Labelled++
	if len(row.Labels) > 1 {
		part.Several++
	}
	spaced := ""
	for _, label := range row.Labels {
		count := c.counts[label]
		if count == nil {
			count = &LabelCount{Label: label}
			c.counts[label] = count
		}
		if part == &c.report.Train {
			count.Train++
		} else {
			count.Validation++
		}
		if strings.ContainsFunc(label, isSpaceRune) {
			spaced = label
		}
	}
	if spaced != "" {
		c.note(space, row.Line, quote(spaced, 40))
	}
}

func (c *checker) hashLabels(labels []string) uint64 {
	var sum uint64
	for _, label := range labels {
		sum += mix(hashBytes([]byte(label)))
	}
	return sum
}

// labels reports what can be said of the labels' counts.
func (c *checker) labels() {
	for _, count := range c.counts {
		c.report.Labels = append(c.report.Labels, *count)
	}
	slices.SortFunc(c.report.Labels, func(a, b LabelCount) int {
		return cmp.Or(b.Train-a.Train, b.Validation-a.Validation, strings.Compare(a.Label, b.Label))
	})
	var few, unknown, missing []string
	similar := map[string][]string{}
	trained := 0
	least, most := LabelCount{}, LabelCount{}
	for _, count := range c.report.Labels {
		if count.Train == 0 {
			unknown = append(unknown, count.Label)
			continue
		}
		if trained == 0 {
			most = count
		}
		trained++
		least = count
		if count.Train < c.opt.MinPerLabel {
			few = append(few, count.Label)
		}
		if c.report.Validation != nil && count.Validation == 0 {
			missing = append(missing, count.Label)
		}
		folded := LabelToken(strings.ToLower(count.Label), "")
		similar[folded] = append(similar[folded], count.Label)
	}
	list := func(severity Severity, code, part string, labels []string, format string, args ...any) {
		c.find(severity, code, part, tally{count: len(labels)}, format, append([]any{counted(len(labels), "label", "labels"), listNames(labels)}, args...)...)
	}
	if trained == 1 {
		c.find(Serious, "one-label", "train", tally{count: 1}, "all labelled rows have the label %s: a model could only ever answer that", quote(most.Label, 40))
	}
	list(Warning, "few-rows", "train", few, "%[1]s with fewer than %[3]d rows, too few to learn from: %[2]s", c.opt.MinPerLabel)
	if trained > 1 && float64(most.Train) > c.opt.MaxImbalance*float64(least.Train) {
		c.find(Warning, "imbalance", "train", tally{count: 1}, "%s has %d rows, %s only %d: a model will prefer the frequent labels",
			quote(most.Label, 40), most.Train, quote(least.Label, 40), least.Train)
	}
	var alike []string
	for _, labels := range similar {
		if len(labels) > 1 {
			alike = append(alike, labels...)
		}
	}
	slices.Sort(alike)
	list(Warning, "similar-labels", "train", alike, "%[1]s that differ from another in case or white space only: %[2]s")
	list(Warning, "unknown-label", "validation", unknown, "%[1]s that no training row has: %[2]s")
	list(Note, "missing-label", "validation", missing, "%[1]s without a validation row: %[2]s")
}
