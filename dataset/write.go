package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// WriteOptions say how rows are written.
type WriteOptions struct {
	Format      Format // Auto is LabelPrefix
	LabelPrefix string // of labels in lines; DefaultLabelPrefix if empty

	// Several lets CSV rows have several labels: the column is called labels instead
	// of label, and LabelSeparator (" " if empty) stands between them. With " ", white
	// space inside a label becomes "_", as in lines.
	Several        bool
	LabelSeparator string

	Delimiter byte // between CSV cells; 0 is a comma
	Gzip      bool
}

// Writer writes rows. What it writes, a Reader reads back: in JSON Lines always the
// same row; in CSV too, but that "\r\n" in a text becomes "\n" and labels are trimmed; in
// lines, LabelToken and AppendLine say what changes.
type Writer struct {
	opt   WriteOptions
	out   *bufio.Writer
	zip   *gzip.Writer
	csv   *csv.Writer
	line  []byte
	cells [2]string
}

// NewWriter writes to w. Only after Close is everything written.
func NewWriter(w io.Writer, opt WriteOptions) (*Writer, error) {
	if opt.Format < Auto || opt.Format > JSONLines {
		return nil, fmt.Errorf("unknown format %d", opt.Format)
	}
	if opt.LabelPrefix == "" {
		opt.LabelPrefix = DefaultLabelPrefix
	}
	if opt.LabelSeparator == "" {
		opt.LabelSeparator = " "
	}
	d := &Writer{opt: opt}
	if opt.Gzip {
		d.zip = gzip.NewWriter(w)
		w = d.zip
	}
	d.out = bufio.NewWriterSize(w, bufferSize)
	if opt.Format == CSV {
		d.csv = csv.NewWriter(d.out)
		if opt.Delimiter != 0 {
			d.csv.Comma = rune(opt.Delimiter)
		}
		name := "label"
		if opt.Several {
			name = "labels"
		}
		return d, d.csv.Write([]string{name, "text"})
	}
	return d, nil
}

// Write writes one row. An error about the row itself (ErrMalformed) leaves nothing
// of it behind, and the next row can follow.
func (d *Writer) Write(row Row) error {
	switch d.opt.Format {
	case CSV:
		return d.writeCSV(row)
	case JSONLines:
		return d.writeJSON(row)
	}
	d.line = AppendLine(d.line[:0], row, d.opt.LabelPrefix)
	_, err := d.out.Write(d.line)
	return err
}

func (d *Writer) writeCSV(row Row) error {
	labels := row.Labels
	if !d.opt.Several {
		if len(labels) > 1 {
			return rowFault(row, "the row has %d labels (%s), and the CSV column label holds one: write a column of several labels, or JSON Lines", len(labels), listNames(labels))
		}
	} else if strings.TrimSpace(d.opt.LabelSeparator) == "" {
		labels = slices.Clone(labels)
		for i, label := range labels {
			labels[i] = LabelToken(label, "")
		}
	} else if i := slices.IndexFunc(labels, func(label string) bool { return strings.Contains(label, d.opt.LabelSeparator) }); i >= 0 {
		return rowFault(row, "the label %q contains the separator %q: choose another", labels[i], d.opt.LabelSeparator)
	}
	d.cells = [2]string{strings.Join(labels, d.opt.LabelSeparator), row.Text}
	return d.csv.Write(d.cells[:])
}

func rowFault(row Row, format string, args ...any) error {
	return &Error{Name: "row", Line: row.Line, Msg: fmt.Sprintf(format, args...), Err: ErrMalformed}
}

func (d *Writer) writeJSON(row Row) error {
	object := struct {
		Text  string `json:"text"`
		Label any    `json:"label,omitempty"`
	}{Text: row.Text}
	switch len(row.Labels) {
	case 0:
	case 1:
		object.Label = row.Labels[0]
	default:
		object.Label = row.Labels
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		return err
	}
	_, err := d.out.Write(b.Bytes())
	return err
}

// Close writes what is left; it doesn't close the io.Writer below.
func (d *Writer) Close() error {
	var errors []error
	if d.csv != nil {
		d.csv.Flush()
		errors = append(errors, d.csv.Error())
	}
	errors = append(errors, d.out.Flush())
	if d.zip != nil {
		errors = append(errors, d.zip.Close())
	}
	for _, err := range errors {
		if err != nil {
			return err
		}
	}
	return nil
}

// LineOptions say how Lines words a row.
type LineOptions struct {
	LabelPrefix string // DefaultLabelPrefix if empty
	Normalize   bool   // normalise each text
}

// Lines returns the rows of src as a stream of lines (AppendLine), the form that
// training reads. An error of src becomes the stream's error, after the
// rows before it. Close it if it isn't read to the end.
func Lines(src Source, opt LineOptions) io.ReadCloser {
	if opt.LabelPrefix == "" {
		opt.LabelPrefix = DefaultLabelPrefix
	}
	next, stop := iter.Pull2(src.Rows())
	return &lines{opt: opt, next: next, stop: stop}
}

type lines struct {
	opt        LineOptions
	next       func() (Row, error, bool)
	stop       func()
	line, rest []byte
	text       []byte
	err        error
}

var errClosed = errors.New("the lines are closed")

func (l *lines) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(l.rest) == 0 && !l.fill() {
			if n > 0 {
				return n, nil
			}
			return 0, l.err
		}
		m := copy(p[n:], l.rest)
		l.rest = l.rest[m:]
		n += m
	}
	return n, nil
}

// fill words the next row; false at the end.
func (l *lines) fill() bool {
	if l.err != nil {
		return false
	}
	row, err, ok := l.next()
	switch {
	case !ok:
		l.err = io.EOF
		return false
	case err != nil:
		l.err = err
		return false
	}
	if l.opt.Normalize {
		l.text = AppendNormalized(l.text[:0], row.Text)
		row.Text = string(l.text)
	}
	l.line = AppendLine(l.line[:0], row, l.opt.LabelPrefix)
	l.rest = l.line
	return true
}

func (l *lines) Close() error {
	l.stop()
	l.rest = nil
	if l.err == nil {
		l.err = errClosed
	}
	return nil
}
