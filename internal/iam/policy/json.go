package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxDepth bounds how deep a document nests; the grammar needs six levels.
const maxDepth = 10

// node is a JSON value with its place in the source.
type node struct {
	start, end int // offsets of its first byte, and behind its last
	kind       nodeKind
	text       string // of a string, or a number or boolean as written
	list       []node
	members    []member
}

type nodeKind uint8

const (
	stringNode nodeKind = iota
	numberNode
	boolNode
	nullNode
	listNode
	objectNode
)

func (k nodeKind) String() string {
	return [...]string{"a string", "a number", "a boolean", "null", "a list", "an object"}[k]
}

type member struct {
	name  string
	start int
	value node
}

// reader reads JSON strictly: one value and nothing behind it, no name twice in
// an object, and no more levels than maxDepth.
type reader struct {
	src     []byte
	decoder *json.Decoder
}

// readJSON reads src, an object.
func readJSON(src []byte) (*reader, node, error) {
	r := &reader{src: src, decoder: json.NewDecoder(bytes.NewReader(src))}
	r.decoder.UseNumber()
	switch {
	case len(src) > MaxBytes:
		return r, node{}, malformed("The policy has %d bytes; at most %d are allowed.", len(src), MaxBytes)
	case !utf8.Valid(src):
		return r, node{}, malformed("This policy contains invalid Json: it is not UTF-8 text.")
	}
	top, err := r.value(0)
	if err != nil {
		return r, top, err
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return r, top, r.fail(r.next(), "This policy contains invalid Json: there is more behind the policy's closing brace.")
	}
	if top.kind != objectNode {
		return r, top, r.fail(top.start, "Policies must be valid JSON and the first byte must be '{'.")
	}
	return r, top, nil
}

// next is where the next token begins.
func (r *reader) next() int {
	at := int(r.decoder.InputOffset())
	for at < len(r.src) && bytes.IndexByte([]byte(" \t\r\n,:"), r.src[at]) >= 0 {
		at++
	}
	return at
}

func (r *reader) value(depth int) (n node, err error) {
	n.start = r.next()
	token, err := r.token()
	if err != nil {
		return n, err
	}
	if depth == maxDepth {
		return n, r.fail(n.start, "The policy nests deeper than %d levels.", maxDepth)
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			err = r.elements(&n, depth)
		} else {
			err = r.object(&n, depth)
		}
	case string:
		n.kind, n.text = stringNode, t
	case json.Number:
		n.kind, n.text = numberNode, t.String()
	case bool:
		n.kind, n.text = boolNode, fmt.Sprint(t)
	default:
		n.kind = nullNode
	}
	n.end = int(r.decoder.InputOffset())
	return n, err
}

func (r *reader) elements(n *node, depth int) error {
	n.kind = listNode
	for r.decoder.More() {
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.list = append(n.list, v)
	}
	_, err := r.token()
	return err
}

func (r *reader) object(n *node, depth int) error {
	n.kind = objectNode
	seen := map[string]bool{}
	for r.decoder.More() {
		start := r.next()
		token, err := r.token()
		if err != nil {
			return err
		}
		name := token.(string) // the decoder accepts nothing else here
		if seen[name] {
			return r.fail(start, "The policy has the key %q twice in one object.", clip(name))
		}
		seen[name] = true
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{name, start, v})
	}
	_, err := r.token()
	return err
}

func (r *reader) token() (json.Token, error) {
	at := r.next()
	token, err := r.decoder.Token()
	if err == nil {
		return token, nil
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, r.fail(max(int(syntax.Offset)-1, 0), "This policy contains invalid Json: %s.", syntax.Error())
	}
	return nil, r.fail(at, "This policy contains invalid Json: it ends too early.")
}

// position turns an offset into line and column.
func (r *reader) position(offset int) Position {
	before := r.src[:min(offset, len(r.src))]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return Position{Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(before[lineStart:]) + 1}
}

// fail is an error about what stands at an offset.
func (r *reader) fail(offset int, format string, args ...any) error {
	p := r.position(offset)
	return malformed("%s (line %d, column %d)", fmt.Sprintf(format, args...), p.Line, p.Column)
}
