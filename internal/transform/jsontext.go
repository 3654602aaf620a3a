package transform

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Records are filtered as text, so that numbers, the order of members and
// spelling stay as they were sent. These functions walk text that json.Valid
// has accepted.

// skipSpace returns the place of the first byte from i that is not white space.
func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r') {
		i++
	}
	return i
}

// valueEnd returns the end of the value that begins at i.
func valueEnd(text []byte, i int) int {
	depth := 0
	for i < len(text) {
		switch c := text[i]; c {
		case '"':
			i = stringEnd(text, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			i++
			continue
		default: // a number or a word
			for i < len(text) && strings.IndexByte(",:]} \t\n\r", text[i]) < 0 {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

// stringEnd returns the end of the string whose quote is at i.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return i
}

// A member is one name and value of an object.
type member struct {
	name  string
	quote []byte // the name as it is written
	value []byte
}

// members returns the members of an object, nil if text is something else.
func members(text []byte) []member {
	i := skipSpace(text, 0)
	if i == len(text) || text[i] != '{' {
		return nil
	}
	list := []member{}
	for i = skipSpace(text, i+1); i < len(text) && text[i] == '"'; {
		end := stringEnd(text, i)
		m := member{quote: text[i:end]}
		if bytes.IndexByte(m.quote, '\\') < 0 {
			m.name = string(m.quote[1 : len(m.quote)-1])
		} else {
			_ = json.Unmarshal(m.quote, &m.name) // valid by the promise above
		}
		i = skipSpace(text, skipSpace(text, end)+1) // the colon
		end = valueEnd(text, i)
		m.value = text[i:end]
		list = append(list, m)
		if i = skipSpace(text, end); i < len(text) && text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
	return list
}

// elements returns the elements of an array; ok is false if text is something else.
func elements(text []byte) (list [][]byte, ok bool) {
	i := skipSpace(text, 0)
	if i == len(text) || text[i] != '[' {
		return nil, false
	}
	for i = skipSpace(text, i+1); i < len(text) && text[i] != ']'; {
		end := valueEnd(text, i)
		list = append(list, text[i:end])
		if i = skipSpace(text, end); i < len(text) && text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
	return list, true
}

// appendObject writes an object of the members.
func appendObject(dst []byte, list []member) []byte {
	dst = append(dst, '{')
	for i, m := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, m.quote...), ':'), m.value...)
	}
	return append(dst, '}')
}

// appendArray writes an array of the elements.
func appendArray(dst []byte, list [][]byte) []byte {
	dst = append(dst, '[')
	for i, value := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, value...)
	}
	return append(dst, ']')
}
