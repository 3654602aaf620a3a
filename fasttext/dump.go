package fasttext

import (
	"errors"
	"fmt"
	"io"
	"runtime"
)

var errDumpQuantised = errors.New("a quantised matrix cannot be printed")

// DumpDictionary writes every token with its count and whether it is a word or a label,
// a line each, after a line with their number.
func (m *Model) DumpDictionary(w io.Writer) error {
	d := m.dict
	if _, err := fmt.Fprintf(w, "%d\n", d.size()); err != nil {
		return err
	}
	for id := range d.size() {
		kind := "word"
		if id >= d.words {
			kind = "label"
		}
		if _, err := fmt.Fprintf(w, "%s %d %s\n", d.token(id), d.counts[id], kind); err != nil {
			return err
		}
	}
	return nil
}

// DumpInput writes the input matrix: a line with its rows and columns, and then a line for
// each row, with six digits.
func (m *Model) DumpInput(w io.Writer) error { return m.dump(w, m.in) }

// DumpOutput writes the output matrix in the same form.
func (m *Model) DumpOutput(w io.Writer) error { return m.dump(w, m.out) }

func (m *Model) dump(w io.Writer, rows matrix) error {
	d, ok := rows.(*dense)
	if !ok {
		return errDumpQuantised
	}
	held := m.borrow()
	if held == nil {
		return ErrClosed
	}
	defer m.giveBack(held)
	if _, err := fmt.Fprintf(w, "%d %d\n", d.rows, d.cols); err != nil {
		return err
	}
	var line []byte
	for i := range d.rows {
		line = line[:0]
		for j, x := range d.row(i) {
			if j > 0 {
				line = append(line, ' ')
			}
			line = AppendFloat(line, float64(x), 6)
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	runtime.KeepAlive(d)
	return nil
}
