package training

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

// augmented turns the JSON Lines of an augmented manifest into labelled lines:
// {"source": "some text", "label": 1} into "__label__1 some text".
type augmented struct {
	text   string   // the attribute with the text; one that ends in -ref holds an object's address
	labels []string // those with labels: numbers, words, or arrays of those
	prefix string   // of labels
	role   string
}

// newAugmented reads the roles of attributes from their names: the text is
// source or source-ref, else the first; all others are labels.
func newAugmented(attributes []string, prefix, role string) *augmented {
	a := &augmented{text: attributes[0], prefix: prefix, role: role}
	for _, name := range attributes {
		if name == "source" || name == "source-ref" {
			a.text = name
		}
	}
	for _, name := range attributes {
		if name != a.text {
			a.labels = append(a.labels, name)
		}
	}
	return a
}

// lines reads manifest lines from in and gives labelled lines.
func (a *augmented) lines(r *textReader, in *bufio.Reader) io.Reader {
	return &augmentedReader{augmented: a, r: r, in: in}
}

type augmentedReader struct {
	*augmented
	r    *textReader
	in   *bufio.Reader
	line int
	out  []byte // the labelled line
	rest []byte // of it, not read yet
}

func (a *augmentedReader) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		line, err := a.next()
		if err != nil {
			return 0, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if a.out, err = a.convert(a.out[:0], line, a.fetch); err != nil {
			return 0, jobs.ClientFailure(err, "Line %d of the augmented manifest %s in the channel %s can't be used: %s", a.line, a.r.info(), a.r.channel.name, errs.MessageOf(err))
		}
		a.rest = a.out
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// next reads a line of bounded length.
func (a *augmentedReader) next() ([]byte, error) {
	var line []byte
	for {
		part, err := a.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, jobs.ClientFailure(nil, "Line %d of %s in the channel %s is longer than %s. Put one object on a line, and end lines with a newline.",
				a.line+1, a.r.info(), a.r.channel.name, byteSize(maxLine))
		case errors.Is(err, bufio.ErrBufferFull):
		case err == io.EOF && len(line) > 0, err == nil:
			a.line++
			return line, nil
		default:
			return nil, err
		}
	}
}

// fetch reads the object that a -ref attribute names.
func (a *augmentedReader) fetch(uri string) (string, error) {
	bucket, key, err := jobs.ParseURI(uri)
	if err != nil {
		return "", err
	}
	service := a.r.channel.service
	info, err := service.stat(a.r.ctx, &Spec{RoleArn: a.role}, bucket, key, "the object that "+a.text+" names")
	if err != nil {
		return "", err
	}
	if info.Size > maxLine {
		return "", errs.Invalidf("The object %s is longer than %s.", uri, byteSize(maxLine))
	}
	object, err := service.Blobs.Open(a.r.ctx, bucket, key)
	if err != nil {
		return "", err
	}
	defer object.Close()
	text, err := io.ReadAll(io.LimitReader(object, maxLine))
	return string(text), err
}

// convert appends the labelled line of a manifest line.
func (a *augmented) convert(out, line []byte, fetch func(uri string) (string, error)) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		return out, errs.Invalidf(`it is not a JSON object such as {"source": "some text", "label": 1} (%s).`, err)
	}
	for _, name := range a.labels {
		value, ok := members[name]
		if !ok {
			return out, errs.Invalidf("it has no attribute %q.", name)
		}
		labels, err := labelsOf(name, value)
		if err != nil {
			return out, err
		}
		for _, label := range labels {
			if !strings.HasPrefix(label, a.prefix) {
				out = append(out, a.prefix...)
			}
			out = append(append(out, label...), ' ')
		}
	}
	value, ok := members[a.text]
	if !ok {
		return out, errs.Invalidf("it has no attribute %q.", a.text)
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return out, errs.Invalidf("the attribute %q is not a string.", a.text)
	}
	if strings.HasSuffix(a.text, "-ref") {
		var err error
		if text, err = fetch(text); err != nil {
			return out, err
		}
	}
	// A text is one line, and what it holds is no label.
	for word := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0 }) {
		if !strings.HasPrefix(word, a.prefix) {
			out = append(append(out, word...), ' ')
		}
	}
	return append(out, '\n'), nil
}

// labelsOf reads a label or an array of labels.
func labelsOf(name string, value json.RawMessage) ([]string, error) {
	var all []json.RawMessage
	if json.Unmarshal(value, &all) != nil {
		all = []json.RawMessage{value}
	}
	var labels []string
	for _, v := range all {
		var number json.Number
		var word string
		switch {
		case json.Unmarshal(v, &word) == nil && word != "" && !strings.ContainsAny(word, " \t\n\v\f\r\x00"):
			labels = append(labels, word)
		case len(v) > 0 && v[0] != '"' && json.Unmarshal(v, &number) == nil && number != "":
			labels = append(labels, strings.TrimSuffix(number.String(), ".0"))
		default:
			return nil, errs.Invalidf("the attribute %q is neither a number nor a word without white space, nor an array of those: %s.", name, jobs.Clip(string(v), 50))
		}
	}
	return labels, nil
}
