package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"
	"unicode/utf8"
)

const (
	// DefaultLabelPrefix marks a label in a line, as in fastText and BlazingText.
	DefaultLabelPrefix = "__label__"
	// DefaultMaxLine is the longest row in bytes that is read unless told otherwise.
	DefaultMaxLine = 1 << 20
)

// ReadOptions say how a file is to be read. The zero value works for most files.
type ReadOptions struct {
	Format      Format // Auto looks at the file
	LabelPrefix string // of labels in lines; DefaultLabelPrefix if empty

	// TextColumn and LabelColumn name a CSV column or JSON member, or several with
	// commas between: texts are joined by a space, labels add up. If empty, the first
	// known name is taken: text, body, message, content, source, sentence, review, …
	// and label, labels, category, class, intent, tag, topic, target, sentiment.
	TextColumn, LabelColumn string

	// LabelSeparator stands between the labels of one CSV cell or JSON string; " "
	// means any white space. If empty, a column called labels, categories, classes,
	// intents, tags or topics is split at white space, and any other is one label.
	LabelSeparator string

	Header    []string // column names of a CSV file that has no header line
	Delimiter byte     // between CSV cells; 0 takes , tab ; or |, whichever the first line has most of

	// MaxLine is the limit in bytes for a row (a line, or a CSV record of several
	// lines); DefaultMaxLine if 0. A longer one is an error with ErrTooLong.
	MaxLine int

	// Strict makes bytes that aren't UTF-8 an error with ErrEncoding; otherwise they are
	// replaced and Row.Replaced is set.
	Strict bool
}

// Reader reads rows from a stream. It is for one goroutine.
type Reader struct {
	name   string
	opt    ReadOptions
	format Format
	lines  lineReader
	next   func() (Row, error) // io.EOF at the end
	err    error               // why reading ended
	file   io.Closer

	header  []string
	columns columns
	cells   cells
	first   []byte // the first JSON object's line, until it is read as a row
	cache   labelCache
}

// Open opens the file for reading. Compression is told by its content, not its name.
func Open(path string, opt ReadOptions) (*Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		file.Close()
		return nil, &Error{Name: path, Msg: "this is a folder; name a file in it", Err: fs.ErrInvalid}
	}
	r, err := NewReader(file, path, opt)
	if err != nil {
		file.Close()
		return nil, err
	}
	r.file = file
	return r, nil
}

func openError(path string, err error) error {
	msg := err.Error()
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		msg = pathError.Err.Error()
	}
	return &Error{Name: path, Msg: msg, Err: err}
}

// NewReader reads from r; name stands in errors and helps to tell the format. It
// reads the beginning of r at once. Errors: an *Error with ErrEmpty, ErrColumn,
// ErrEncoding, ErrTruncated or ErrMalformed.
func NewReader(r io.Reader, name string, opt ReadOptions) (*Reader, error) {
	if opt.LabelPrefix == "" {
		opt.LabelPrefix = DefaultLabelPrefix
	}
	if opt.MaxLine == 0 {
		opt.MaxLine = DefaultMaxLine
	}
	if opt.MaxLine < 0 {
		return nil, &Error{Name: name, Msg: fmt.Sprintf("the line limit %d is negative", opt.MaxLine), Err: fs.ErrInvalid}
	}
	d := &Reader{name: name, opt: opt}
	buffered := bufio.NewReaderSize(r, bufferSize)
	magic, err := buffered.Peek(2)
	if len(magic) == 0 {
		return nil, d.emptyOr(err)
	}
	if magic[0] == 0x1f && len(magic) == 2 && magic[1] == 0x8b {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, d.streamError(err)
		}
		buffered = bufio.NewReaderSize(unzipped, bufferSize)
	}
	d.lines = lineReader{r: buffered, limit: opt.MaxLine}
	if err := d.start(); err != nil {
		return nil, err
	}
	return d, nil
}

const bufferSize = 64 << 10

// start looks at the beginning of the text and decides how to read it.
func (d *Reader) start() error {
	beginning, err := d.lines.r.Peek(4096)
	if len(beginning) == 0 {
		return d.emptyOr(err)
	}
	if say := foreign(beginning); say != "" {
		return &Error{Name: d.name, Msg: say, Err: ErrEncoding}
	}
	if byteOrderMark := []byte("\ufeff"); bytes.HasPrefix(beginning, byteOrderMark) {
		_, _ = d.lines.r.Discard(len(byteOrderMark))
		beginning = beginning[len(byteOrderMark):]
	}
	d.format = d.opt.Format
	if d.format == Auto {
		d.format = detect(beginning, d.name, d.opt)
	}
	switch d.format {
	case LabelPrefix:
		d.next = d.nextLabelled
		return nil
	case CSV:
		d.next = d.nextCSV
		return d.readHeader()
	case JSONLines:
		d.next = d.nextJSON
		return d.readFirstObject()
	}
	return &Error{Name: d.name, Msg: fmt.Sprintf("unknown format %d", d.format), Err: fs.ErrInvalid}
}

func (d *Reader) emptyOr(err error) error {
	if err == nil || err == io.EOF {
		return &Error{Name: d.name, Msg: "the file is empty; it needs at least one row", Err: ErrEmpty}
	}
	return d.streamError(err)
}

// Name returns the name given to Open or NewReader.
func (d *Reader) Name() string { return d.name }

// Format returns the format that is read, never Auto.
func (d *Reader) Format() Format { return d.format }

// Columns returns the names of a CSV file's columns or of the first JSON object's
// members; nil for lines.
func (d *Reader) Columns() []string { return d.header }

// LabelColumns returns the names of the columns that labels are taken from.
func (d *Reader) LabelColumns() []string {
	names := make([]string, len(d.columns.label))
	for i, c := range d.columns.label {
		names[i] = d.header[c]
	}
	return names
}

// Close closes the file that Open opened; it leaves NewReader's r alone.
func (d *Reader) Close() error {
	if d.file == nil {
		return nil
	}
	file := d.file
	d.file = nil
	return file.Close()
}

// Rows yields the rows that haven't been read yet. Lines without anything in them
// are rows without text in a file of lines, and left out in CSV and JSON Lines. An
// error about one row (ErrMalformed, ErrTooLong, ErrEncoding) is yielded in its place
// and the next row follows; after any other error the rows end.
func (d *Reader) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if d.err != nil {
			if d.err != io.EOF {
				yield(Row{}, d.err)
			}
			return
		}
		for {
			row, err := d.next()
			if err != nil && !recoverable(err) {
				d.err = err
				if err != io.EOF {
					yield(Row{}, err)
				}
				return
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

func recoverable(err error) bool {
	if fault, ok := errors.AsType[*Error](err); ok && fault.final {
		return false
	}
	return errors.Is(err, ErrMalformed) || errors.Is(err, ErrTooLong) || errors.Is(err, ErrEncoding)
}

func (d *Reader) rowError(line int, kind error, format string, args ...any) error {
	return &Error{Name: d.name, Line: line, Msg: fmt.Sprintf(format, args...), Err: kind}
}

// streamError words an error of the stream below.
func (d *Reader) streamError(err error) error {
	line := d.lines.number + 1
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Name: d.name, Line: line, Msg: "the gzip data ends too early: the file was cut off; get it again", Err: ErrTruncated}
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), strings.HasPrefix(err.Error(), "flate:"):
		return &Error{Name: d.name, Line: line, Msg: "the gzip data is damaged (" + err.Error() + "); get the file again", Err: err}
	}
	return &Error{Name: d.name, Line: line, Msg: "reading failed: " + err.Error(), Err: err}
}

// line returns the next line, or an *Error, or io.EOF.
func (d *Reader) line() ([]byte, error) {
	line, err := d.lines.next()
	switch err {
	case nil, io.EOF:
		return line, err
	case ErrTooLong:
		return nil, d.rowError(d.lines.number, ErrTooLong, "the line is longer than %s: split it, or raise the limit if it is meant", size(d.opt.MaxLine))
	}
	return nil, d.streamError(err)
}

// text makes valid UTF-8 of a row's bytes.
func (d *Reader) text(b []byte, line int) (text string, replaced bool, err error) {
	if utf8.Valid(b) {
		return string(b), false, nil
	}
	if d.opt.Strict {
		return "", false, d.notUTF8(b, line)
	}
	return string(replaceInvalid(b)), true, nil
}

func (d *Reader) notUTF8(b []byte, line int) error {
	at := 0
	for at < len(b) {
		r, n := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return d.rowError(line, ErrEncoding, "byte %d of the row, 0x%02x, isn't UTF-8: save the file as UTF-8", at+1, b[at])
}

// replaceInvalid puts a U+FFFD in the place of each byte that isn't UTF-8.
func replaceInvalid(b []byte) []byte {
	valid := make([]byte, 0, len(b)+16)
	for _, r := range string(b) {
		valid = utf8.AppendRune(valid, r)
	}
	return valid
}

func size(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// lineReader cuts a stream into lines of limited length.
type lineReader struct {
	r      *bufio.Reader
	limit  int
	number int // of the line returned last
	long   []byte
}

// next returns the next line without its end ("\n" or "\r\n"), valid until the next
// call; io.EOF after the last. A line over the limit is read to its end and
// reported as ErrTooLong.
func (l *lineReader) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		line, err = l.nextLong(line)
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(line) == 0 {
		return nil, io.EOF
	}
	l.number++
	line = trimEnd(line)
	if len(line) > l.limit {
		return nil, ErrTooLong
	}
	return line, nil
}

// nextLong puts together a line that is longer than the buffer.
func (l *lineReader) nextLong(begin []byte) ([]byte, error) {
	l.long = append(l.long[:0], begin...)
	for {
		more, err := l.r.ReadSlice('\n')
		if len(l.long) <= l.limit+2 { // else it is too long already, and dropped
			l.long = append(l.long, more...)
		}
		if err != bufio.ErrBufferFull {
			return l.long, err
		}
	}
}

func trimEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
	}
	return line
}
