package dataset

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Format is the shape of a file of rows.
type Format int

const (
	Auto        Format = iota // look at the file's beginning
	LabelPrefix               // a row a line, labels are the tokens with the label prefix; also plain lines
	CSV                       // RFC 4180 with a header line; the delimiter is , or tab or ; or |
	JSONLines                 // a JSON object a line
)

var formatNames = [...]string{Auto: "auto", LabelPrefix: "label", CSV: "csv", JSONLines: "jsonl"}

// FormatNames lists the names that ParseFormat takes.
func FormatNames() []string { return slices.Clone(formatNames[:]) }

func (f Format) String() string {
	if f >= 0 && int(f) < len(formatNames) {
		return formatNames[f]
	}
	return fmt.Sprintf("format %d", int(f))
}

// ParseFormat is the reverse of Format.String; "" is Auto.
func ParseFormat(name string) (Format, error) {
	if name == "" {
		return Auto, nil
	}
	if i := slices.Index(formatNames[:], strings.ToLower(name)); i >= 0 {
		return Format(i), nil
	}
	return Auto, fmt.Errorf("unknown format %q: use one of %s", name, strings.Join(formatNames[:], ", "))
}

// FormatOf returns the format that a file's name tells: by the ending .csv,
// .tsv, .jsonl, .ndjson, .json or .manifest, a further .gz left aside, and Auto for any
// other name. Readers look into the file first; writers have only the name.
func FormatOf(name string) Format {
	switch path.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz")) {
	case ".csv", ".tsv":
		return CSV
	case ".jsonl", ".ndjson", ".json", ".manifest":
		return JSONLines
	}
	return Auto
}

// detect tells the format from the file's beginning (up to a few kilobytes, after
// decompression) and, where that leaves room for doubt, from its name.
func detect(beginning []byte, name string, opt ReadOptions) Format {
	text := bytes.TrimLeft(beginning, " \t\r\n")
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		return JSONLines
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	if len(opt.Header) > 0 {
		return CSV
	}
	header := splitHeader(string(first), guessDelimiter(string(first), opt))
	if _, err := chooseColumns(header, opt); err == nil && len(header) > 1 {
		return CSV
	}
	if labelTokenAt(text, opt.LabelPrefix) >= 0 {
		return LabelPrefix
	}
	if format := FormatOf(name); format != Auto {
		return format
	}
	if opt.TextColumn != "" {
		return CSV
	}
	return LabelPrefix
}

// foreign names the kind of a file that isn't text, by its first bytes.
func foreign(beginning []byte) string {
	for _, kind := range []struct{ magic, say string }{
		{"PK\x03\x04", "this is a zip archive or a spreadsheet: extract it, or save the sheet as CSV"},
		{"BZh", "this is bzip2: decompress it first, or use gzip"},
		{"\xfd7zXZ\x00", "this is xz: decompress it first, or use gzip"},
		{"\x28\xb5\x2f\xfd", "this is zstd: decompress it first, or use gzip"},
		{"PAR1", "this is Parquet: save it as CSV or JSON Lines"},
		{"\xba\x16\x4f\x2f", "this is a fastText model, not labelled text"},
		{"\xff\xfe", "this is UTF-16: save it as UTF-8"},
		{"\xfe\xff", "this is UTF-16: save it as UTF-8"},
	} {
		if bytes.HasPrefix(beginning, []byte(kind.magic)) {
			return kind.say
		}
	}
	return ""
}
