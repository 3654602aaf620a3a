package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"
)

// readFirstObject reads the first line and chooses the columns by its members.
func (d *Reader) readFirstObject() error {
	line, err := d.objectLine()
	if err == io.EOF {
		return d.emptyOr(err)
	} else if err != nil {
		return err
	}
	if line[0] == '[' {
		return d.rowError(d.lines.number, ErrMalformed, "this is a JSON array; write one object a line (jq -c '.[]' does that)")
	}
	if _, err := d.object(line); err != nil {
		return err
	}
	if d.header, err = memberNames(line); err != nil {
		return d.jsonError(err)
	}
	if d.columns, err = chooseColumns(d.header, d.opt); err != nil {
		return d.rowError(d.lines.number, ErrColumn, "%v", err)
	}
	d.first = slices.Clone(line)
	return nil
}

// objectLine returns the next line with something on it.
func (d *Reader) objectLine() ([]byte, error) {
	for {
		line, err := d.line()
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

func (d *Reader) nextJSON() (Row, error) {
	line := d.first
	d.first = nil
	if line == nil {
		var err error
		if line, err = d.objectLine(); err != nil {
			return Row{}, err
		}
	}
	row := Row{Line: d.lines.number}
	if !utf8.Valid(line) {
		if d.opt.Strict {
			return Row{}, d.notUTF8(line, row.Line)
		}
		line, row.Replaced = replaceInvalid(line), true
	}
	members, err := d.object(line)
	if err != nil {
		return Row{}, err
	}
	for i, column := range d.columns.text {
		text, err := d.textMember(members, d.header[column])
		if err != nil {
			return Row{}, err
		}
		if i > 0 {
			text = row.Text + " " + text
		}
		row.Text = text
	}
	row.Labels, err = d.memberLabels(members)
	return row, err
}

// object reads a line's members without looking into them.
func (d *Reader) object(line []byte) (map[string]json.RawMessage, error) {
	if line[0] != '{' {
		return nil, d.rowError(d.lines.number, ErrMalformed, `this is %s, not a JSON object: write a line as {"text": "…", "label": "…"}`, kindOf(line))
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		return nil, d.jsonError(err)
	}
	return members, nil
}

func (d *Reader) jsonError(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return d.rowError(d.lines.number, ErrMalformed, "not valid JSON at byte %d: %v; an object must stand on one line", syntax.Offset, err)
	}
	return d.rowError(d.lines.number, ErrMalformed, "not valid JSON: %v", err)
}

// kindOf names the kind of a JSON value by its first byte.
func kindOf(value []byte) string {
	switch c := value[0]; {
	case c == '"':
		return "a string"
	case c == '[':
		return "an array"
	case c == '{':
		return "an object"
	case c == '-' || c >= '0' && c <= '9':
		return "a number"
	case string(value) == "true" || string(value) == "false":
		return "a truth value"
	case string(value) == "null":
		return "null"
	}
	return "not JSON"
}

func (d *Reader) textMember(members map[string]json.RawMessage, name string) (string, error) {
	value, ok := members[name]
	if !ok {
		return "", d.rowError(d.lines.number, ErrMalformed, "there is no member %q; this line has: %s", name, listNames(slices.Sorted(maps.Keys(members))))
	}
	if value[0] != '"' {
		return "", d.rowError(d.lines.number, ErrMalformed, "member %q is %s; the text must be a string", name, kindOf(value))
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return "", d.jsonError(err)
	}
	return text, nil
}

// memberLabels reads labels that are strings, numbers or truth values, or arrays of
// them. A missing member or null is no label.
func (d *Reader) memberLabels(members map[string]json.RawMessage) ([]string, error) {
	if len(d.columns.label) == 0 && d.opt.LabelColumn == "" {
		d.findLabelMember(members)
	}
	var labels []string
	for _, column := range d.columns.label {
		name := d.header[column]
		value, ok := members[name]
		if !ok {
			continue
		}
		several := d.columns
		values := []json.RawMessage{value}
		if value[0] == '[' {
			several.split = false
			if err := json.Unmarshal(value, &values); err != nil {
				return nil, d.jsonError(err)
			}
		}
		for _, value := range values {
			text, err := d.labelText(value, name)
			if err != nil {
				return nil, err
			}
			for _, label := range several.labels([]string{text}, d.opt.LabelPrefix) {
				if !slices.Contains(labels, label) {
					labels = append(labels, label)
				}
			}
		}
	}
	return labels, nil
}

func (d *Reader) labelText(value json.RawMessage, name string) (string, error) {
	switch kind := kindOf(value); kind {
	case "null":
		return "", nil
	case "a number", "a truth value":
		return string(value), nil
	case "a string":
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return "", d.jsonError(err)
		}
		return text, nil
	default:
		return "", d.rowError(d.lines.number, ErrMalformed, "member %q holds %s; a label is a string or a number, or an array of them", name, kind)
	}
}

// findLabelMember looks for a label in a line, after lines that had none.
func (d *Reader) findLabelMember(members map[string]json.RawMessage) {
	for _, name := range labelNames {
		if _, ok := members[name]; !ok || slices.Contains(d.header, name) {
			continue
		}
		d.header = append(d.header, name)
		d.columns.label = []int{len(d.header) - 1}
		d.columns.split = d.opt.LabelSeparator != "" || isPlural(name)
		return
	}
}

// memberNames lists an object's members in their order.
func memberNames(object []byte) ([]string, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	var names []string
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		names = append(names, fmt.Sprint(name))
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
	}
	return names, nil
}
