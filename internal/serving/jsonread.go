package serving

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of values that are skipped.
const maxDepth = 200

// jsonReader reads JSON (RFC 8259) from a text known to be UTF-8. Strings that
// hold no escapes are parts of the text, not copies.
type jsonReader struct {
	text string
	at   int
	line int // of JSON Lines, from 1; 0: a whole document
}

func (d *jsonReader) fail(format string, args ...any) error {
	where := fmt.Sprintf("at byte %d", d.at)
	if d.line > 0 {
		where = fmt.Sprintf("in line %d, byte %d", d.line, d.at)
	}
	return refuse(400, "%s: %s: %s.", undecodable, where, fmt.Sprintf(format, args...))
}

// peek returns the next byte that is not white space, 0 at the end.
func (d *jsonReader) peek() byte {
	for d.at < len(d.text) {
		switch c := d.text[d.at]; c {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return c
		}
	}
	return 0
}

// found describes what stands where something else should.
func (d *jsonReader) found() string {
	switch c := d.peek(); {
	case d.at == len(d.text):
		return "the end"
	case c == '{':
		return "an object"
	case c == '[':
		return "a list"
	case c == '"':
		return "a string"
	case c == '-' || c >= '0' && c <= '9':
		return "a number"
	case c == 't' || c == 'f':
		return "true or false"
	case c == 'n':
		return "null"
	default:
		r, _ := utf8.DecodeRuneInString(d.text[d.at:])
		return fmt.Sprintf("%q", r)
	}
}

// document reads an object with nothing behind it.
func (d *jsonReader) document(read func() error) error {
	switch d.peek() {
	case '{':
	case '"':
		// The whole body is a string, which most often means that an object was
		// encoded twice. These are the words in which BlazingText fails then.
		if err := d.skip(0); err != nil {
			return err
		}
		return refuse(500, "TypeError: string indices must be integers. The body is a JSON string and not an object: it was probably encoded twice.")
	default:
		return d.fail("expected an object, found %s", d.found())
	}
	if err := read(); err != nil {
		return err
	}
	if d.peek(); d.at < len(d.text) {
		return d.fail("expected the end, found %s", d.found())
	}
	return nil
}

// object reads an object and calls member for each member, standing before its value.
func (d *jsonReader) object(member func(name string) error) error {
	d.at++ // {
	if d.peek() == '}' {
		d.at++
		return nil
	}
	for {
		if d.peek() != '"' {
			return d.fail("expected the name of a member in quotes, found %s", d.found())
		}
		name, err := d.quoted()
		if err != nil {
			return err
		}
		if d.peek() != ':' {
			return d.fail("expected a colon after %q, found %s", clip(name), d.found())
		}
		d.at++
		if err := member(name); err != nil {
			return err
		}
		switch d.peek() {
		case ',':
			d.at++
		case '}':
			d.at++
			return nil
		default:
			return d.fail("expected a comma or the end of the object, found %s", d.found())
		}
	}
}

// list reads a list and calls item for each item, standing before it.
func (d *jsonReader) list(item func() error) error {
	d.at++ // [
	if d.peek() == ']' {
		d.at++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch d.peek() {
		case ',':
			d.at++
		case ']':
			d.at++
			return nil
		default:
			return d.fail("expected a comma or the end of the list, found %s", d.found())
		}
	}
}

func (d *jsonReader) string(what string) (string, error) {
	if d.peek() != '"' {
		return "", d.fail("%s must be a string, found %s", what, d.found())
	}
	return d.quoted()
}

// count reads a whole number of at least 1; giant ones are cut down.
func (d *jsonReader) count(what string) (int, error) {
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		return 0, d.fail("%s must be a whole number, found %s", what, d.found())
	}
	start := d.at
	if err := d.number(); err != nil {
		return 0, err
	}
	n := 0
	for _, c := range d.text[start:d.at] {
		if c < '0' || c > '9' {
			n = 0
			break
		}
		n = min(n*10+int(c-'0'), math.MaxInt32)
	}
	if n < 1 {
		value := d.text[start:d.at]
		d.at = start
		return 0, d.fail("%s must be a whole number of at least 1, not %s", what, clip(value))
	}
	return n, nil
}

// quoted reads a string, standing at its quote.
func (d *jsonReader) quoted() (string, error) {
	start := d.at + 1
	for i := start; i < len(d.text); i++ {
		switch c := d.text[i]; {
		case c == '"':
			d.at = i + 1
			return d.text[start:i], nil
		case c == '\\':
			return d.escaped(start, i)
		case c < ' ':
			d.at = i
			return "", d.fail("a control character stands in a string; write it as \\u%04x", c)
		}
	}
	d.at = len(d.text)
	return "", d.fail("the string that begins at byte %d has no end", start-1)
}

// escaped is quoted for a string with its first escape at i.
func (d *jsonReader) escaped(start, i int) (string, error) {
	var b strings.Builder
	from := start
	for i < len(d.text) {
		switch c := d.text[i]; {
		case c == '"':
			b.WriteString(d.text[from:i])
			d.at = i + 1
			return b.String(), nil
		case c == '\\':
			b.WriteString(d.text[from:i])
			r, size := unescape(d.text[i:])
			if size == 0 {
				d.at = i
				return "", d.fail("a backslash stands in a string without a known escape behind it")
			}
			b.WriteRune(r)
			i += size
			from = i
		case c < ' ':
			d.at = i
			return "", d.fail("a control character stands in a string; write it as \\u%04x", c)
		default:
			i++
		}
	}
	d.at = len(d.text)
	return "", d.fail("the string that begins at byte %d has no end", start-1)
}

// unescape returns the character that an escape stands for and the escape's
// length, 0 if it is none. Half a surrogate pair is the replacement character.
func unescape(s string) (r rune, size int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'u':
		r, ok := hex4(s)
		if !ok {
			return 0, 0
		}
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		if low, ok := hex4(s[6:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 12
			}
		}
		return utf8.RuneError, 6
	}
	return 0, 0
}

// hex4 reads \uXXXX.
func hex4(s string) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range []byte(s[2:6]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// skip reads any value and forgets it.
func (d *jsonReader) skip(depth int) error {
	if depth > maxDepth {
		return d.fail("more than %d values are nested in each other", maxDepth)
	}
	switch c := d.peek(); {
	case c == '{':
		return d.object(func(string) error { return d.skip(depth + 1) })
	case c == '[':
		return d.list(func() error { return d.skip(depth + 1) })
	case c == '"':
		_, err := d.quoted()
		return err
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	}
	for _, word := range []string{"null", "true", "false"} {
		if strings.HasPrefix(d.text[d.at:], word) {
			d.at += len(word)
			return nil
		}
	}
	return d.fail("expected a value, found %s", d.found())
}

// number reads a number.
func (d *jsonReader) number() error {
	digits := func() bool {
		start := d.at
		for d.at < len(d.text) && d.text[d.at] >= '0' && d.text[d.at] <= '9' {
			d.at++
		}
		return d.at > start
	}
	accept := func(set string) bool {
		if d.at < len(d.text) && strings.IndexByte(set, d.text[d.at]) >= 0 {
			d.at++
			return true
		}
		return false
	}
	accept("-")
	if !accept("0") && !digits() {
		return d.fail("expected a digit")
	}
	if accept(".") && !digits() {
		return d.fail("expected a digit after the point")
	}
	if accept("eE") {
		accept("+-")
		if !digits() {
			return d.fail("expected a digit in the exponent")
		}
	}
	return nil
}
