package monitor

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// mathParser reads an expression: numbers, identifiers, calls, lists and the
// operators + - * / ^ with their usual precedence.
type mathParser struct {
	text  string
	at    int
	depth int
}

// maxMathDepth bounds parentheses within parentheses.
const maxMathDepth = 100

func (p *mathParser) parse() (*node, error) {
	n, err := p.sum()
	if err == nil && p.peek() != 0 {
		err = p.unexpected()
	}
	return n, err
}

func (p *mathParser) peek() byte {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *mathParser) unexpected() error {
	if p.peek() == 0 {
		return refuse("", "it ends where a value is expected")
	}
	return refuse("", "unexpected '%s' at byte %d; numbers, Ids, + - * / ^ ( ) and the functions %s can be used", clip(p.text[p.at:min(p.at+1, len(p.text))]), p.at+1,
		strings.Join(slices.Sorted(maps.Keys(functions)), ", "))
}

func (p *mathParser) sum() (*node, error)     { return p.binary("+-", p.product) }
func (p *mathParser) product() (*node, error) { return p.binary("*/", p.power) }

func (p *mathParser) binary(ops string, operand func() (*node, error)) (*node, error) {
	left, err := operand()
	for err == nil {
		op := p.peek()
		if op == 0 || strings.IndexByte(ops, op) < 0 {
			return left, nil
		}
		p.at++
		var right *node
		if right, err = operand(); err == nil {
			left = &node{op: op, parts: []*node{left, right}}
		}
	}
	return nil, err
}

func (p *mathParser) power() (*node, error) {
	if p.depth++; p.depth > maxMathDepth {
		return nil, refuse("", "it is nested too deeply")
	}
	defer func() { p.depth-- }()
	if p.peek() == '-' {
		p.at++
		n, err := p.power()
		if err != nil {
			return nil, err
		}
		return &node{op: '*', parts: []*node{{op: 'n', number: -1}, n}}, nil
	}
	base, err := p.primary()
	if err != nil || p.peek() != '^' {
		return base, err
	}
	p.at++
	exponent, err := p.power()
	if err != nil {
		return nil, err
	}
	return &node{op: '^', parts: []*node{base, exponent}}, nil
}

func (p *mathParser) primary() (*node, error) {
	c := p.peek()
	switch {
	case c == '(':
		p.at++
		n, err := p.sum()
		if err == nil && p.peek() != ')' {
			return nil, p.unexpected()
		}
		p.at++
		return n, err
	case c == '[':
		p.at++
		parts, err := p.list(']')
		return &node{op: '[', parts: parts}, err
	case c >= '0' && c <= '9' || c == '.':
		end := p.at
		for end < len(p.text) && (strings.IndexByte("0123456789.", p.text[end]) >= 0) {
			end++
		}
		number, err := strconv.ParseFloat(p.text[p.at:end], 64)
		if err != nil {
			return nil, p.unexpected()
		}
		p.at = end
		return &node{op: 'n', number: number}, nil
	case isLetter(c):
		end := p.at
		for end < len(p.text) && (isLetter(p.text[end]) || p.text[end] >= '0' && p.text[end] <= '9') {
			end++
		}
		name := p.text[p.at:end]
		p.at = end
		if p.peek() != '(' {
			return &node{op: 'i', name: name}, nil
		}
		p.at++
		parts, err := p.list(')')
		if err != nil {
			return nil, err
		}
		if n, ok := functions[strings.ToUpper(name)]; !ok {
			return nil, refuse("", "the function %s is not offered here; these are: %s", clip(name), strings.Join(slices.Sorted(maps.Keys(functions)), ", "))
		} else if n != len(parts) {
			return nil, refuse("", "the function %s takes %d arguments", name, n)
		}
		return &node{op: 'f', name: strings.ToUpper(name), parts: parts}, nil
	}
	return nil, p.unexpected()
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// list reads values up to a bracket that ends them.
func (p *mathParser) list(end byte) (parts []*node, err error) {
	if p.peek() == end {
		p.at++
		return nil, nil
	}
	for {
		n, err := p.sum()
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
		switch p.peek() {
		case ',':
			p.at++
		case end:
			p.at++
			return parts, nil
		default:
			return nil, p.unexpected()
		}
	}
}
