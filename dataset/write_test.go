package dataset

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestWrittenRowsAreReadBack(t *testing.T) {
	t.Parallel()
	rows := []Row{
		{Labels: []string{"Card Lost"}, Text: `He said "hi, <there> & left"`, Line: 1},
		{Labels: []string{"b"}, Text: "two\nlines", Line: 2},
		{Text: "no label", Line: 3},
		{Labels: []string{"é"}, Text: "", Line: 4},
		{Labels: []string{"x"}, Text: "a __label__y b", Line: 5},
	}
	several := append(rows, Row{Labels: []string{"p", "q r"}, Text: "many", Line: 6})
	underscored := func(rows []Row) []Row {
		rows = append([]Row(nil), rows...)
		for i, row := range rows {
			rows[i].Labels = nil
			for _, label := range row.Labels {
				rows[i].Labels = append(rows[i].Labels, strings.ReplaceAll(label, " ", "_"))
			}
		}
		return rows
	}
	asLines := underscored(several)
	asLines[1].Text = "two lines"
	asLines[4].Text = "a _ _label__y b"

	for _, test := range []struct {
		name string
		opt  WriteOptions
		rows []Row
		read ReadOptions
		want []Row
	}{
		{"json lines", WriteOptions{Format: JSONLines}, several, ReadOptions{}, several},
		{"csv", WriteOptions{Format: CSV}, rows, ReadOptions{}, rows},
		{"tabs", WriteOptions{Format: CSV, Delimiter: '\t'}, rows, ReadOptions{}, rows},
		{"csv, several labels", WriteOptions{Format: CSV, Several: true}, several, ReadOptions{}, underscored(several)},
		{"csv, several labels, separator", WriteOptions{Format: CSV, Several: true, LabelSeparator: "|"}, several, ReadOptions{LabelSeparator: "|"}, several},
		{"lines", WriteOptions{}, several, ReadOptions{}, asLines},
		{"lines, own prefix", WriteOptions{LabelPrefix: "L:"}, asLines, ReadOptions{LabelPrefix: "L:"}, asLines},
	} {
		for _, zip := range []bool{false, true} {
			test.opt.Gzip = zip
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				var b bytes.Buffer
				mustWrite(t, &b, test.opt, test.rows)
				r, err := NewReader(&b, "written", test.read)
				if err != nil {
					t.Fatal(err)
				}
				got, err := ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				for i := range got {
					got[i].Line = i + 1
				}
				if !reflect.DeepEqual(got, test.want) {
					t.Errorf("rows\n%+v, want\n%+v", got, test.want)
				}
			})
		}
	}
}

func mustWrite(t *testing.T, out io.Writer, opt WriteOptions, rows []Row) {
	t.Helper()
	w, err := NewWriter(out, opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCSVHoldsOneLabelUnlessTold(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w, err := NewWriter(&b, WriteOptions{Format: CSV})
	if err != nil {
		t.Fatal(err)
	}
	err = w.Write(Row{Labels: []string{"a", "b"}, Text: "x", Line: 7})
	if want := `row:7: the row has 2 labels ("a", "b"), and the CSV column label holds one: write a column of several labels, or JSON Lines`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %v", err, want)
	}
	if w, err = NewWriter(&b, WriteOptions{Format: CSV, Several: true, LabelSeparator: ";"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(Row{Labels: []string{"a;b"}}); !errors.Is(err, ErrMalformed) {
		t.Errorf("separator in a label: %v", err)
	}
}

func TestWritersReportTheirStream(t *testing.T) {
	t.Parallel()
	for _, opt := range []WriteOptions{{}, {Format: CSV}, {Format: JSONLines}, {Gzip: true}} {
		w, err := NewWriter(brokenWriter{}, opt)
		if err != nil {
			t.Fatal(err)
		}
		err = w.Write(Row{Text: "x"})
		if err = errors.Join(err, w.Close()); !errors.Is(err, os.ErrPermission) {
			t.Errorf("%+v: %v", opt, err)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrPermission }

func TestLines(t *testing.T) {
	t.Parallel()
	rows := Slice{{Labels: []string{"a b"}, Text: "Hello,\nWorld!"}, {Text: "__label__x Y"}, {Labels: []string{"c", "d"}}}
	for _, test := range []struct {
		opt  LineOptions
		want string
	}{
		{LineOptions{}, "__label__a_b Hello, World!\n_ _label__x Y\n__label__c __label__d\n"},
		{LineOptions{Normalize: true, LabelPrefix: "#"}, "#a_b hello , world !\n_ _ label _ _ x y\n#c #d\n"},
	} {
		if err := iotest.TestReader(Lines(rows, test.opt), []byte(test.want)); err != nil {
			t.Error(err)
		}
	}
}

func TestLinesPassErrorsOn(t *testing.T) {
	t.Parallel()
	r, err := NewReader(strings.NewReader("label,text\na,b\nc,d,e\n"), "x.csv", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	lines := Lines(r, LineOptions{})
	got, err := io.ReadAll(lines)
	if string(got) != "__label__a b\n" || !errors.Is(err, ErrMalformed) {
		t.Errorf("read %q, %v", got, err)
	}
	if err := lines.Close(); err != nil {
		t.Error(err)
	}
	open := Lines(Slice{{Text: "x"}}, LineOptions{})
	if err := open.Close(); err != nil {
		t.Error(err)
	}
	if _, err := open.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("reading closed lines: %v", err)
	}
}

func TestFormatNames(t *testing.T) {
	t.Parallel()
	for i, name := range FormatNames() {
		if f, err := ParseFormat(name); err != nil || f != Format(i) || f.String() != name {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	if _, err := ParseFormat("xml"); err == nil || err.Error() != `unknown format "xml": use one of auto, label, csv, jsonl` {
		t.Error(err)
	}
	for name, want := range map[string]Format{"a.csv": CSV, "b.TSV.gz": CSV, "c.jsonl": JSONLines, "train.txt": Auto, "": Auto} {
		if got := FormatOf(name); got != want {
			t.Errorf("FormatOf(%q) = %v, want %v", name, got, want)
		}
	}
}

// What is written in CSV and JSON Lines is read back as it was, whatever is in it.
func FuzzWriter(f *testing.F) {
	f.Add("hello, \"world\"\r\nbye", "a b", "c", false)
	f.Add("\ufeff", "\"", ";", true)
	f.Add("\r", "=1+1", "x", true)
	f.Fuzz(func(t *testing.T, text, first, second string, zip bool) {
		row := Row{Text: strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\r\n", "\n")}
		for _, label := range []string{first, second} {
			label = strings.TrimSpace(strings.ToValidUTF8(label, "?"))
			if label != "" && !strings.HasPrefix(label, DefaultLabelPrefix) && !strings.ContainsAny(label, "\r\n") && (len(row.Labels) == 0 || row.Labels[0] != label) {
				row.Labels = append(row.Labels, label)
			}
		}
		for _, format := range []Format{JSONLines, CSV} {
			var b bytes.Buffer
			w, err := NewWriter(&b, WriteOptions{Format: format, Several: true, LabelSeparator: "\x01", Gzip: zip})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(row); err != nil {
				continue // the separator is in a label
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			opt := ReadOptions{Format: format}
			if format == CSV {
				opt.LabelSeparator = "\x01"
			}
			r, err := NewReader(&b, "fuzz", opt)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := ReadAll(r)
			if err != nil || len(rows) != 1 {
				t.Fatalf("%v: %d rows, %v", format, len(rows), err)
			}
			row.Line = rows[0].Line
			if !reflect.DeepEqual(rows[0], row) {
				t.Fatalf("%v: wrote %+v, read %+v", format, row, rows[0])
			}
		}
	})
}
