package dataset

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// The white space of fastText's tokeniser.
func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r' || c == 0
}

// nextLabelled reads a line whose labels are the tokens that begin with the
// prefix, wherever they stand.
func (d *Reader) nextLabelled() (Row, error) {
	line, err := d.line()
	if err != nil {
		return Row{}, err
	}
	row := Row{Line: d.lines.number}
	front, rest := cutLabels(line, d.opt.LabelPrefix)
	labels := front
	if labelTokenAt(rest, d.opt.LabelPrefix) >= 0 {
		var late []byte
		rest, late = gatherLabels(rest, d.opt.LabelPrefix)
		labels = append(append(slices.Clone(front), ' '), late...)
	}
	if len(labels) > 0 {
		var replaced bool
		if row.Labels, replaced, err = d.lineLabels(labels); err != nil {
			return Row{}, err
		}
		row.Replaced = replaced
	}
	var replaced bool
	row.Text, replaced, err = d.text(rest, row.Line)
	row.Replaced = row.Replaced || replaced
	return row, err
}

// cutLabels parts a line into the labels at its front and the text behind them,
// both trimmed.
func cutLabels(line []byte, prefix string) (labels, text []byte) {
	i := skipSpace(line, 0)
	from, to := i, i
	for bytes.HasPrefix(line[i:], []byte(prefix)) {
		for i < len(line) && !isSpace(line[i]) {
			i++
		}
		to = i
		i = skipSpace(line, i)
	}
	end := len(line)
	for end > i && isSpace(line[end-1]) {
		end--
	}
	return line[from:to], line[i:end]
}

func skipSpace(line []byte, i int) int {
	for i < len(line) && isSpace(line[i]) {
		i++
	}
	return i
}

// labelTokenAt returns where the first token of text that begins with the prefix
// is, -1 if there is none.
func labelTokenAt(text []byte, prefix string) int {
	for at := 0; ; {
		i := bytes.Index(text[at:], []byte(prefix))
		if i < 0 {
			return -1
		}
		at += i
		if at == 0 || isSpace(text[at-1]) {
			return at
		}
		at += len(prefix)
	}
}

// gatherLabels parts a text with labels among its words.
func gatherLabels(line []byte, prefix string) (text, labels []byte) {
	for token := range bytes.FieldsFuncSeq(line, func(r rune) bool { return r < 0x80 && isSpace(byte(r)) }) {
		to := &text
		if bytes.HasPrefix(token, []byte(prefix)) {
			to = &labels
		}
		if len(*to) > 0 {
			*to = append(*to, ' ')
		}
		*to = append(*to, token...)
	}
	return text, labels
}

// lineLabels splits label tokens into labels, and remembers the result: most lines
// have the labels of an earlier one.
func (d *Reader) lineLabels(tokens []byte) (labels []string, replaced bool, err error) {
	if labels, ok := d.cache[string(tokens)]; ok {
		return labels, false, nil
	}
	text, replaced, err := d.text(tokens, d.lines.number)
	if err != nil {
		return nil, false, err
	}
	for token := range strings.FieldsFuncSeq(text, func(r rune) bool { return r < 0x80 && isSpace(byte(r)) }) {
		if label := strings.TrimPrefix(token, d.opt.LabelPrefix); label != "" && !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	if !replaced {
		d.cache.put(text, labels)
	}
	return labels, replaced, nil
}

// labelCache holds label slices by the text they were made of, so that a million
// rows share a few. It stops growing at a size that bounds its memory.
type labelCache map[string][]string

func (c *labelCache) put(text string, labels []string) {
	const most, longest = 1 << 14, 512
	if *c == nil {
		*c = labelCache{}
	}
	if len(*c) < most && len(text) <= longest {
		(*c)[text] = labels
	}
}

// LabelToken returns the token that stands for label in a line: the prefix and the
// label, with "_" for each run of white space in it, since a token has none. So the
// labels "card lost" and "card_lost" become one.
func LabelToken(label, prefix string) string {
	return prefix + strings.Join(strings.FieldsFunc(label, isSpaceRune), "_")
}

func isSpaceRune(r rune) bool { return classOf(r) == classSpace }

// AppendLine appends the row as a line of fastText's form to dst: label tokens, then
// the text, then "\n". Line ends in the text become spaces. A word of the text that
// begins with the prefix gets a space behind its first character, so that it can't
// be read as a label.
func AppendLine(dst []byte, row Row, prefix string) []byte {
	before := len(dst)
	for _, label := range row.Labels {
		if token := LabelToken(label, prefix); len(token) > len(prefix) {
			dst = append(dst, token...)
			dst = append(dst, ' ')
		}
	}
	from := len(dst)
	dst = append(dst, row.Text...)
	for i, c := range dst[from:] {
		if c == '\n' || c == '\r' {
			dst[from+i] = ' '
		}
	}
	if len(row.Text) == 0 && from > before {
		from--
		dst = dst[:from]
	}
	if prefix != "" && labelTokenAt(dst[from:], prefix) >= 0 {
		dst = breakLabelTokens(dst[:from], slices.Clone(dst[from:]), prefix)
	}
	return append(dst, '\n')
}

func breakLabelTokens(dst, text []byte, prefix string) []byte {
	_, first := utf8.DecodeRuneInString(prefix)
	for {
		at := labelTokenAt(text, prefix)
		if at < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:at+first]...)
		dst = append(dst, ' ')
		text = text[at+first:]
	}
}
