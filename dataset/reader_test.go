package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestReadRows(t *testing.T) {
	t.Parallel()
	row := func(line int, text string, labels ...string) Row { return Row{Labels: labels, Text: text, Line: line} }
	for _, test := range []struct {
		name, file, in string
		opt            ReadOptions
		format         Format
		want           []Row
	}{
		{"labels in front", "a.txt", "__label__a hello world\n__label__b __label__c two labels\n", ReadOptions{}, LabelPrefix,
			[]Row{row(1, "hello world", "a"), row(2, "two labels", "b", "c")}},
		{"labels anywhere", "a.txt", "hello __label__a world __label__b\n", ReadOptions{}, LabelPrefix,
			[]Row{row(1, "hello world", "a", "b")}},
		{"label twice, no text, no end of line", "a.txt", "\t__label__a  __label__a", ReadOptions{}, LabelPrefix,
			[]Row{row(1, "", "a")}},
		{"prefix inside a word is text", "a.txt", "__label__a x__label__b\n", ReadOptions{}, LabelPrefix,
			[]Row{row(1, "x__label__b", "a")}},
		{"empty label", "a.txt", "__label__ x\n", ReadOptions{}, LabelPrefix, []Row{row(1, "x")}},
		{"blank lines and plain lines", "a.txt", "one\n\n__label__b two\r\n", ReadOptions{}, LabelPrefix,
			[]Row{row(1, "one"), row(2, ""), row(3, "two", "b")}},
		{"own prefix", "a.txt", "#a hello\n__label__b x\n", ReadOptions{LabelPrefix: "#"}, LabelPrefix,
			[]Row{row(1, "hello", "a"), row(2, "__label__b x")}},
		{"byte order mark", "a.txt", "\ufeff__label__a x\n", ReadOptions{}, LabelPrefix, []Row{row(1, "x", "a")}},

		{"csv", "a", "label,text\na,hello\n\"b\",\"x, \"\"y\"\"\nz\"\n\nc,\n", ReadOptions{}, CSV,
			[]Row{row(2, "hello", "a"), row(3, "x, \"y\"\nz", "b"), row(6, "", "c")}},
		{"csv, crlf, no end of line", "a.csv", "text,label\r\n\"a\r\nb\",c\r\nd,e", ReadOptions{}, CSV,
			[]Row{row(2, "a\nb", "c"), row(4, "d", "e")}},
		{"csv, semicolons, capitals, byte order mark", "a.csv", "\ufeffID;Body;Category\n1;a,b;Card Lost\n", ReadOptions{}, CSV,
			[]Row{row(2, "a,b", "Card Lost")}},
		{"tabs", "a.tsv", "text\tlabel\nsay \"hi\"\ta\n", ReadOptions{}, CSV, []Row{row(2, "say \"hi\"", "a")}},
		{"labels are several", "a.csv", "labels,text\njoy  anger,x\n,y\n", ReadOptions{}, CSV,
			[]Row{row(2, "x", "joy", "anger"), row(3, "y")}},
		{"label separator", "a.csv", "label,text\na b; c;,x\n", ReadOptions{LabelSeparator: ";"}, CSV, []Row{row(2, "x", "a b", "c")}},
		{"named columns", "a.csv", "title,text,x,y\nt,b,1,2\n", ReadOptions{TextColumn: "title, text", LabelColumn: "y,x"}, CSV,
			[]Row{row(2, "t b", "2", "1")}},
		{"the other of two columns", "a.csv", "phrase,label\nhello,a\n", ReadOptions{}, CSV, []Row{row(2, "hello", "a")}},
		{"no header", "a.csv", "1,\"Title\",\"Text, here\"\n", ReadOptions{Header: []string{"label", "title", "text"}}, CSV,
			[]Row{row(1, "Text, here", "1")}},
		{"label with prefix in a column", "a.csv", "label,text\n__label__a,x\n", ReadOptions{}, CSV, []Row{row(2, "x", "a")}},
		{"csv with label tokens in the text", "a.csv", "label,text\na,see __label__b\n", ReadOptions{}, CSV, []Row{row(2, "see __label__b", "a")}},
		{"csv without labels", "a.csv", "id,text\n1,x\n", ReadOptions{}, CSV, []Row{row(2, "x")}},

		{"json lines", "a", `{"text":"a\nb","label":"x y"}` + "\n\n" + ` {"label":["p q","r","r",null],"text":"c","n":1}`, ReadOptions{}, JSONLines,
			[]Row{row(1, "a\nb", "x y"), row(3, "c", "p q", "r")}},
		{"augmented manifest", "a.manifest", `{"source":"linux ready","label":1,"m":{}}` + "\n" + `{"source":"x","label":[1,3]}` + "\n", ReadOptions{}, JSONLines,
			[]Row{row(1, "linux ready", "1"), row(2, "x", "1", "3")}},
		{"json, label comes later", "a", `{"text":"a"}` + "\n" + `{"text":"b","category":true}`, ReadOptions{}, JSONLines,
			[]Row{row(1, "a"), row(2, "b", "true")}},
		{"json, labels in a string", "a", `{"text":"a","labels":"x y"}`, ReadOptions{}, JSONLines, []Row{row(1, "a", "x", "y")}},
		{"json, named", "a", `{"text":"a","kind":"x","urgency":null}` + "\n" + `{"text":"b","urgency":"high"}`, ReadOptions{LabelColumn: "urgency"}, JSONLines,
			[]Row{row(1, "a"), row(2, "b", "high")}},

		{"name decides", "a.csv", "text\nhello\n", ReadOptions{}, CSV, []Row{row(2, "hello")}},
		{"format given", "a.csv", "hello, you\n", ReadOptions{Format: LabelPrefix}, LabelPrefix, []Row{row(1, "hello, you")}},
		{"invalid bytes", "a.txt", "__label__\xe9 caf\xe9\n", ReadOptions{}, LabelPrefix, []Row{{Labels: []string{"\ufffd"}, Text: "caf\ufffd", Line: 1, Replaced: true}}},
		{"invalid bytes in csv", "a.csv", "label,text\na,caf\xe9\n", ReadOptions{}, CSV, []Row{{Labels: []string{"a"}, Text: "caf\ufffd", Line: 2, Replaced: true}}},
		{"invalid bytes in json", "a", "{\"text\":\"caf\xe9\",\"label\":\"a\"}", ReadOptions{}, JSONLines, []Row{{Labels: []string{"a"}, Text: "caf\ufffd", Line: 1, Replaced: true}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, in := range []string{test.in, zipped(t, test.in)} {
				r, err := NewReader(strings.NewReader(in), test.file, test.opt)
				if err != nil {
					t.Fatal(err)
				}
				if r.Format() != test.format {
					t.Errorf("format %v, want %v", r.Format(), test.format)
				}
				rows, err := ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(rows, test.want) {
					t.Errorf("rows\n%+v, want\n%+v", rows, test.want)
				}
			}
		})
	}
}

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	gz := zipped(t, strings.Repeat("__label__a hello world\n", 10000))
	damaged := []byte(gz)
	damaged[len(damaged)/2] ^= 0xff
	for _, test := range []struct {
		name, file, in string
		opt            ReadOptions
		kind           error // nil: any
		want           string
		rows           int // read besides the error
	}{
		{"empty", "a.txt", "", ReadOptions{}, ErrEmpty, "a.txt: the file is empty; it needs at least one row", 0},
		{"empty gzip", "a.txt", zipped(t, ""), ReadOptions{}, ErrEmpty, "a.txt: the file is empty; it needs at least one row", 0},
		{"blank csv", "a.csv", "\n\n", ReadOptions{}, ErrEmpty, "a.csv: the file is empty; it needs at least one row", 0},
		{"blank json", "a.jsonl", "\n \n", ReadOptions{}, ErrEmpty, "a.jsonl: the file is empty; it needs at least one row", 0},
		{"long line", "a.txt", "__label__a x\n__label__b " + long + "\n__label__c y\n", ReadOptions{MaxLine: 256}, ErrTooLong,
			"a.txt:2: the line is longer than 256 bytes: split it, or raise the limit if it is meant", 2},
		{"line longer than the buffer", "a.txt", "__label__a x\n" + strings.Repeat(long, 1000) + "\n__label__c y\n", ReadOptions{MaxLine: 128 << 10}, ErrTooLong,
			"a.txt:2: the line is longer than 128 KiB: split it, or raise the limit if it is meant", 2},
		{"ten megabytes", "a.txt", strings.Repeat("x", 10<<20), ReadOptions{}, ErrTooLong,
			"a.txt:1: the line is longer than 1 MiB: split it, or raise the limit if it is meant", 0},
		{"truncated gzip", "a.gz", gz[:len(gz)-20], ReadOptions{}, ErrTruncated, "the gzip data ends too early: the file was cut off; get it again", -1},
		{"truncated gzip header", "a.gz", gz[:5], ReadOptions{}, ErrTruncated, "a.gz:1: the gzip data ends too early: the file was cut off; get it again", 0},
		{"damaged gzip", "a.gz", string(damaged), ReadOptions{}, nil, "the gzip data is damaged", -1},
		{"strict", "a.txt", "__label__a x\n__label__b caf\xe9\n__label__c z\n", ReadOptions{Strict: true}, ErrEncoding,
			"a.txt:2: byte 4 of the row, 0xe9, isn't UTF-8: save the file as UTF-8", 2},
		{"strict json", "a.txt", "{\"text\":\"\xe9\"}", ReadOptions{Strict: true}, ErrEncoding,
			"a.txt:1: byte 10 of the row, 0xe9, isn't UTF-8: save the file as UTF-8", 0},
		{"spreadsheet", "a.csv", "PK\x03\x04abc", ReadOptions{}, ErrEncoding, "a.csv: this is a zip archive or a spreadsheet: extract it, or save the sheet as CSV", 0},
		{"utf-16", "a.csv", "\xff\xfea\x00", ReadOptions{}, ErrEncoding, "a.csv: this is UTF-16: save it as UTF-8", 0},

		{"unknown text column", "a.csv", "label,text\na,b\n", ReadOptions{TextColumn: "body"}, ErrColumn,
			`a.csv:1: there is no text column "body"; the columns are: "label", "text"`, 0},
		{"unknown label column", "a.csv", "label,text\na,b\n", ReadOptions{LabelColumn: "kind"}, ErrColumn,
			`a.csv:1: there is no label column "kind"; the columns are: "label", "text"`, 0},
		{"no header line", "a.csv", "1,hello there\n", ReadOptions{}, ErrColumn,
			`a.csv:1: no column has a name that says it holds the text; say which of these does: "1", "hello there" (a file without a header line needs its columns named)`, 0},
		{"unknown member", "a", `{"label":"a","text":"b"}`, ReadOptions{TextColumn: "body"}, ErrColumn,
			`a:1: there is no text column "body"; the columns are: "label", "text"`, 0},
		{"column count", "a.csv", "label,text\na,b,c\nd,e\n", ReadOptions{}, ErrMalformed,
			`a.csv:2: 3 columns, but the header has 2 ("label", "text"): a cell with the delimiter ',' in it needs quotes around it`, 1},
		{"unclosed quote", "a.csv", "label,text\na,b\nc,\"d\ne,f\n", ReadOptions{}, ErrTruncated,
			"a.csv:3: a quote that opens in the record beginning here isn't closed by the end of the file", 1},
		{"unclosed quote in a long file", "a.csv", "label,text\na,b\nc,\"d\n" + strings.Repeat("e,f\n", 100), ReadOptions{MaxLine: 256}, ErrTooLong,
			"a.csv:3: the record that begins here is longer than 256 bytes: a quote in it is probably not closed", 1},
		{"quote inside a cell", "a.csv", "label,text\na,\"b\" c\nd,e\n", ReadOptions{}, ErrMalformed, "a.csv:2: a quote inside a quoted cell", 1},

		{"json string", "a.jsonl", "{\"text\":\"a\"}\n\"{}\"\n{\"text\":\"b\"}\n", ReadOptions{}, ErrMalformed,
			`a.jsonl:2: this is a string, not a JSON object: write a line as {"text": "…", "label": "…"}`, 2},
		{"json string first", "a.jsonl", "\"x\"\n", ReadOptions{}, ErrMalformed,
			`a.jsonl:1: this is a string, not a JSON object: write a line as {"text": "…", "label": "…"}`, 0},
		{"json array", "a.jsonl", `[{"text":"a"}]`, ReadOptions{}, ErrMalformed, "a.jsonl:1: this is a JSON array; write one object a line (jq -c '.[]' does that)", 0},
		{"json over several lines", "a.json", "{\n\"text\": \"a\"\n}\n", ReadOptions{}, ErrMalformed, "a.json:1: not valid JSON at byte 1: unexpected end of JSON input; an object must stand on one line", 0},
		{"text is a number", "a", `{"text":1}`, ReadOptions{}, ErrMalformed, `a:1: member "text" is a number; the text must be a string`, 0},
		{"text is missing", "a", "{\"text\":\"a\"}\n{\"label\":\"b\"}", ReadOptions{}, ErrMalformed, `a:2: there is no member "text"; this line has: "label"`, 1},
		{"label is an object", "a", `{"text":"a","label":{"x":1}}`, ReadOptions{}, ErrMalformed, `a:1: member "label" holds an object; a label is a string or a number, or an array of them`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rows, err := readAround(test.in, test.file, test.opt)
			if err == nil {
				t.Fatalf("no error, %d rows", rows)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error\n%v, want\n%v", err, test.want)
			}
			if test.kind != nil && !errors.Is(err, test.kind) {
				t.Errorf("%v is not %v", err, test.kind)
			}
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("%T is not an *Error", err)
			}
			if test.rows >= 0 && rows != test.rows {
				t.Errorf("%d rows besides the error, want %d", rows, test.rows)
			}
		})
	}
}

// readAround reads past errors about single rows and returns the first error.
func readAround(in, name string, opt ReadOptions) (rows int, first error) {
	r, err := NewReader(strings.NewReader(in), name, opt)
	if err != nil {
		return 0, err
	}
	for _, err := range r.Rows() {
		if err == nil {
			rows++
		} else if first == nil {
			first = err
		}
	}
	return rows, first
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.csv")
	if _, err := Open(missing, ReadOptions{}); !errors.Is(err, os.ErrNotExist) || err.Error() != missing+": no such file or directory" {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Open(dir, ReadOptions{}); err == nil || err.Error() != dir+": this is a folder; name a file in it" {
		t.Errorf("folder: %v", err)
	}
}

func TestRowsGoOnAfterABreak(t *testing.T) {
	t.Parallel()
	r, err := NewReader(strings.NewReader("a\nb\nc\n"), "x", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for row := range r.Rows() {
		if row.Text == "a" {
			break
		}
	}
	rows, err := ReadAll(r)
	if err != nil || len(rows) != 2 || rows[0].Text != "b" || rows[1].Line != 3 {
		t.Errorf("rest %v, %v", rows, err)
	}
}

func TestABrokenStreamIsReportedAgain(t *testing.T) {
	t.Parallel()
	gz := zipped(t, "__label__a x\n")
	r, err := NewReader(strings.NewReader(gz[:len(gz)-4]), "x.gz", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := ReadAll(r); !errors.Is(err, ErrTruncated) {
			t.Errorf("error %v, want %v", err, ErrTruncated)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"__label__a x\nplain\n", "label,text\na,\"b\n\"\"c\"\n", "text;labels\nx;a b\n", `{"source":"x","label":[1,"a"]}`,
		"{\"text\":\"a\",\"label\":{}}\n", "\x1f\x8b\x08", zipped(f, "label,text\na,b\n"), "\ufefftext\n\"", "a,b\n1,2", "[1]", "\"x\"",
	} {
		for format := range len(formatNames) {
			f.Add([]byte(seed), format, "", "")
		}
	}
	f.Add([]byte("a,b\n1,2\n"), int(CSV), "b", "a")
	f.Fuzz(func(t *testing.T, in []byte, format int, text, label string) {
		opt := ReadOptions{Format: Format(format), TextColumn: text, LabelColumn: label, MaxLine: 1 << 12}
		r, err := NewReader(bytes.NewReader(in), "fuzz", opt)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		last, rows := 0, 0
		for row, err := range r.Rows() {
			if err != nil {
				continue
			}
			if rows++; row.Line <= last && rows > 1 {
				t.Fatalf("line %d after %d", row.Line, last)
			}
			last = row.Line
			checkWritten(t, row)
		}
	})
}

// checkWritten checks that a row survives being written as a line and read again.
func checkWritten(t *testing.T, row Row) {
	t.Helper()
	if !utf8.ValidString(row.Text) {
		t.Fatalf("text %q isn't UTF-8", row.Text)
	}
	once := rewrite(t, row)
	twice := rewrite(t, once)
	if !reflect.DeepEqual(once, twice) {
		t.Fatalf("%+v became %+v and then %+v", row, once, twice)
	}
	if len(once.Labels) > len(row.Labels) {
		t.Fatalf("labels %q became %q", row.Labels, once.Labels)
	}
}

func rewrite(t *testing.T, row Row) Row {
	t.Helper()
	line := AppendLine(nil, row, DefaultLabelPrefix)
	r, err := NewReader(bytes.NewReader(line), "written", ReadOptions{Format: LabelPrefix})
	if err != nil {
		t.Fatal(fmt.Errorf("%q: %w", line, err))
	}
	rows, err := ReadAll(r)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%q: %d rows, %v", line, len(rows), err)
	}
	return rows[0]
}

func BenchmarkReadLabelled(b *testing.B) {
	data := []byte(strings.Repeat("__label__Artist "+strings.Repeat("a word of the text , ", 14)+"\n", 10000))
	benchmarkRead(b, data)
}

func BenchmarkReadCSV(b *testing.B) {
	data := []byte("label,text\n" + strings.Repeat("Artist,\""+strings.Repeat("a word of the text, ", 14)+"\"\n", 10000))
	benchmarkRead(b, data)
}

func BenchmarkReadJSONLines(b *testing.B) {
	data := []byte(strings.Repeat(`{"label":"Artist","text":"`+strings.Repeat("a word of the text, ", 14)+"\"}\n", 10000))
	benchmarkRead(b, data)
}

func benchmarkRead(b *testing.B, data []byte) {
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(data), "bench", ReadOptions{})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range r.Rows() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
