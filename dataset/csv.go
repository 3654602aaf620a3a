package dataset

import (
	"bytes"
	"io"
	"slices"
	"strings"
)

const delimiters = ",\t;|"

// guessDelimiter returns the delimiter that the header line has most of.
func guessDelimiter(header string, opt ReadOptions) byte {
	if opt.Delimiter != 0 {
		return opt.Delimiter
	}
	best, most := byte(','), 0
	for _, c := range []byte(delimiters) {
		if n := strings.Count(header, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

// splitHeader cuts a header line at the delimiter for a first look at it.
func splitHeader(line string, delimiter byte) []string {
	names := strings.Split(strings.TrimRight(line, "\r"), string(delimiter))
	for i, name := range names {
		names[i] = strings.Trim(strings.TrimSpace(name), `"`)
	}
	return names
}

// cells are the cells of one CSV record, without their quotes, in one buffer.
type cells struct {
	delimiter byte
	bytes     []byte
	ends      []int // where each cell ends in bytes
}

func (c *cells) cell(i int) []byte {
	from := 0
	if i > 0 {
		from = c.ends[i-1]
	}
	return c.bytes[from:c.ends[i]]
}

func (d *Reader) readHeader() error {
	beginning, _ := d.lines.r.Peek(4096)
	first, _, _ := bytes.Cut(bytes.TrimLeft(beginning, "\r\n"), []byte("\n"))
	d.cells.delimiter = guessDelimiter(string(first), d.opt)
	if d.header = slices.Clone(d.opt.Header); len(d.header) == 0 {
		if _, err := d.readRecord(); err == io.EOF {
			return d.emptyOr(err)
		} else if err != nil {
			return err
		}
		for i := range d.cells.ends {
			name := bytes.TrimSpace(d.cells.cell(i))
			d.header = append(d.header, string(bytes.ToValidUTF8(name, []byte("\ufffd"))))
		}
	}
	var err error
	if d.columns, err = chooseColumns(d.header, d.opt); err != nil {
		return d.rowError(d.lines.number, ErrColumn, "%v", err)
	}
	return nil
}

func (d *Reader) nextCSV() (Row, error) {
	line, err := d.readRecord()
	if err != nil {
		return Row{}, err
	}
	if got, want := len(d.cells.ends), len(d.header); got != want {
		return Row{}, d.rowError(line, ErrMalformed, "%d columns, but the header has %d (%s): a cell with the delimiter %q in it needs quotes around it",
			got, want, listNames(d.header), d.cells.delimiter)
	}
	row := Row{Line: line}
	var replaced bool
	for i, column := range d.columns.text {
		text, bad, err := d.text(d.cells.cell(column), line)
		if err != nil {
			return Row{}, err
		}
		replaced = replaced || bad
		if i > 0 {
			text = row.Text + " " + text
		}
		row.Text = text
	}
	row.Labels, row.Replaced, err = d.cellLabels(line)
	row.Replaced = row.Replaced || replaced
	return row, err
}

// cellLabels makes labels of the record's label cells, most often from the cache.
func (d *Reader) cellLabels(line int) (labels []string, replaced bool, err error) {
	if len(d.columns.label) == 1 {
		if labels, ok := d.cache[string(d.cells.cell(d.columns.label[0]))]; ok {
			return labels, false, nil
		}
	}
	var texts []string
	for _, column := range d.columns.label {
		text, bad, err := d.text(d.cells.cell(column), line)
		if err != nil {
			return nil, false, err
		}
		replaced = replaced || bad
		texts = append(texts, text)
	}
	labels = d.columns.labels(texts, d.opt.LabelPrefix)
	if len(texts) == 1 && !replaced {
		d.cache.put(texts[0], labels)
	}
	return labels, replaced, nil
}

// readRecord reads the next record into d.cells and returns the line it begins on.
// Quoting is RFC 4180's; a quote inside an unquoted cell stands for itself.
func (d *Reader) readRecord() (begin int, err error) {
	var line []byte
	for len(line) == 0 {
		if line, err = d.line(); err != nil {
			return 0, err
		}
	}
	begin = d.lines.number
	c := &d.cells
	c.bytes, c.ends = c.bytes[:0], c.ends[:0]
	for {
		if len(line) > 0 && line[0] == '"' {
			if line, err = d.quotedCell(line[1:], begin); err != nil {
				return 0, err
			}
		} else {
			end := bytes.IndexByte(line, c.delimiter)
			if end < 0 {
				end = len(line)
			}
			c.bytes = append(c.bytes, line[:end]...)
			line = line[end:]
		}
		c.ends = append(c.ends, len(c.bytes))
		if len(line) == 0 {
			return begin, nil
		}
		line = line[1:] // the delimiter
	}
}

// quotedCell appends the cell whose opening quote was before line and returns what
// is left of the line behind the closing one, which may be lines further on.
func (d *Reader) quotedCell(line []byte, begin int) (rest []byte, err error) {
	c := &d.cells
	for {
		quote := bytes.IndexByte(line, '"')
		if quote < 0 {
			c.bytes = append(append(c.bytes, line...), '\n')
			if line, err = d.continued(begin); err != nil {
				return nil, err
			}
			continue
		}
		c.bytes = append(c.bytes, line[:quote]...)
		line = line[quote+1:]
		if len(line) == 0 || line[0] == c.delimiter {
			return line, nil
		}
		if line[0] != '"' {
			return nil, d.rowError(d.lines.number, ErrMalformed, "a quote inside a quoted cell: write it twice (\"\"), or the cell's closing quote is followed by more than the delimiter %q", c.delimiter)
		}
		c.bytes = append(c.bytes, '"')
		line = line[1:]
	}
}

// continued reads a further line of the record that began on line begin.
func (d *Reader) continued(begin int) ([]byte, error) {
	if len(d.cells.bytes) > d.opt.MaxLine {
		return nil, &Error{Name: d.name, Line: begin, Err: ErrTooLong, final: true,
			Msg: "the record that begins here is longer than " + size(d.opt.MaxLine) + ": a quote in it is probably not closed"}
	}
	line, err := d.line()
	if err == io.EOF {
		return nil, &Error{Name: d.name, Line: begin, Err: ErrTruncated,
			Msg: "a quote that opens in the record beginning here isn't closed by the end of the file"}
	}
	return line, err
}
