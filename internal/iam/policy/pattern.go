package policy

import (
	"strings"
	"unicode/utf8"
)

// Marks for what is not literal in a compiled pattern. No UTF-8 text has them.
const (
	markStar       = 0xff // any characters
	markOne        = 0xfe // one character
	markStarInPart = 0xfd // any characters but a colon
	markOneInPart  = 0xfc // one character but a colon
	markVariable   = 0xfb // the value of the next variable
)

// pattern is a string of a policy, ready to be matched.
type pattern struct {
	text string     // with marks
	vars []variable // one for each markVariable
	head int        // bytes before the first mark
	form form
}

// form tells the simple patterns from others, since most are simple.
type form uint8

const (
	general form = iota
	exact        // no marks
	prefix       // a star at the end is the only mark
)

// wildcards says what * and ? stand for.
type wildcards uint8

const (
	literal       wildcards = iota // themselves
	text                           // any characters, and one
	resourceARN                    // as in Resource: in the first five parts of an ARN a * before the end of its part stays within it
	conditionARN                   // as in ArnLike: each of the six parts is matched for itself
	arnPartsFixed = 5
)

// compile makes a pattern of s. With variables, ${…} stands for a value.
func compile(s string, w wildcards, variables bool) (pattern, error) {
	var b strings.Builder
	var p pattern
	part := 0
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case variables && strings.HasPrefix(s[i:], "${"):
			v, n, err := parseVariable(s[i:])
			if err != nil {
				return pattern{}, err
			}
			if v.key == "" { // ${*}, ${?}, ${$}
				b.WriteString(v.fallback)
			} else {
				b.WriteByte(markVariable)
				p.vars = append(p.vars, v)
			}
			i += n
			continue
		case w != literal && c == '*':
			within := w == conditionARN || w == resourceARN && i+1 < len(s) && s[i+1] != ':'
			if within && part < arnPartsFixed && s != "*" {
				c = markStarInPart
			} else {
				c = markStar
			}
		case w != literal && c == '?':
			c = markOne
			if w != text && part < arnPartsFixed {
				c = markOneInPart
			}
		case c == ':':
			part++
		}
		b.WriteByte(c)
		i++
	}
	p.text = b.String()
	for p.head < len(p.text) && p.text[p.head] < markVariable {
		p.head++
	}
	switch {
	case p.head == len(p.text):
		p.form = exact
	case p.head == len(p.text)-1 && p.text[p.head] == markStar:
		p.form = prefix
	}
	return p, nil
}

// resolvable reports whether all variables of p have a value in r.
func (p *pattern) resolvable(r *Request) bool {
	for i := range p.vars {
		if _, ok := p.vars[i].value(r); !ok {
			return false
		}
	}
	return true
}

// expand appends p with the values of its variables to dst; false if one has none.
func (p *pattern) expand(dst []byte, r *Request) ([]byte, bool) {
	next := 0
	for i := range len(p.text) {
		if p.text[i] != markVariable {
			dst = append(dst, p.text[i])
			continue
		}
		v, ok := p.vars[next].value(r)
		if !ok {
			return dst, false
		}
		next++
		for j := range len(v) {
			if v[j] >= markVariable { // not UTF-8: it must not be taken for a mark
				return dst, false
			}
		}
		dst = append(dst, v...)
	}
	return dst, true
}

// expandedSize is how long a pattern may get without an allocation.
const expandedSize = 512

// match reports whether s is what p stands for in r.
func (p *pattern) match(s string, r *Request) bool {
	if p.form == exact {
		return p.text == s
	}
	if len(s) < p.head || s[:p.head] != p.text[:p.head] {
		return false
	}
	switch {
	case p.form == prefix:
		return true
	case len(p.vars) == 0:
		return matchBytes(p.text[p.head:], s[p.head:], false)
	}
	var buffer [expandedSize]byte
	expanded, ok := p.expand(buffer[:0], r)
	return ok && matchBytes(expanded, s, false)
}

// matchFold is match without regard to the case of ASCII letters, for patterns
// in lower case without variables.
func (p *pattern) matchFold(s string) bool {
	if len(s) < p.head || p.form == exact && len(s) != p.head {
		return false
	}
	for i := range p.head {
		if lower(s[i]) != p.text[i] {
			return false
		}
	}
	return p.form != general || matchBytes(p.text[p.head:], s[p.head:], true)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// matchBytes goes through s once for each part between stars: a star takes as
// little as it can, and only the last star is ever made to take more; if that
// is one that must not pass a colon, and reaches it, the last star before that
// may. So the time is at most proportional to the product of the lengths.
func matchBytes[P string | []byte](p P, s string, fold bool) bool {
	i, j := 0, 0
	star, starAt := -1, 0 // the last star, and where in s it ends
	part, partAt := -1, 0 // the last star after it that must not pass a colon
	for j < len(s) {
		if i < len(p) {
			c, d := p[i], s[j]
			if fold {
				d = lower(d)
			}
			switch {
			case c == markStar:
				star, starAt, part = i, j, -1
				i++
				continue
			case c == markStarInPart:
				part, partAt = i, j
				i++
				continue
			case c == markOne || c == markOneInPart && d != ':':
				i++
				j += width(s[j:])
				continue
			case c == d && c < markVariable:
				i++
				j++
				continue
			}
		}
		switch {
		case part >= 0 && s[partAt] != ':':
			partAt += width(s[partAt:])
			i, j = part+1, partAt
		case star >= 0:
			starAt += width(s[starAt:])
			i, j, part = star+1, starAt, -1
		default:
			return false
		}
	}
	for i < len(p) && (p[i] == markStar || p[i] == markStarInPart) {
		i++
	}
	return i == len(p)
}

// width is the length of the first character of s in bytes.
func width(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}
