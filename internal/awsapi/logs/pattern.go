package logs

import "strings"

// pattern is a filter pattern of plain terms and quoted phrases: all of the
// terms must be in a message, none of those after a minus, and, if there are no
// other terms, at least one of those after a question mark. As in CloudWatch,
// question marks mean nothing beside other terms. The zero pattern matches everything.
type pattern struct{ all, any, none []string }

const maxPattern = 1024

func parsePattern(text string) (p pattern, err error) {
	if len(text) > maxPattern {
		return p, invalid("1 validation error detected: Value at 'filterPattern' failed to satisfy constraint: Member must have length less than or equal to %d", maxPattern)
	}
	rest := strings.TrimLeft(text, " \t\n\r")
	if rest != "" && strings.ContainsRune("{[%", rune(rest[0])) {
		return p, invalid("Invalid filter pattern: JSON, space-delimited and regular expression patterns are not offered. Use plain terms, \"quoted phrases\", ?a ?b for either and -x for not.")
	}
	for rest != "" {
		into := &p.all
		switch rest[0] {
		case '?':
			into, rest = &p.any, rest[1:]
		case '-':
			into, rest = &p.none, rest[1:]
		}
		var term string
		if term, rest, err = cutTerm(rest); err != nil {
			return p, err
		}
		*into = append(*into, term)
		rest = strings.TrimLeft(rest, " \t\n\r")
	}
	return p, nil
}

// cutTerm splits off a word, or a phrase in quotes, in which \" is a quote.
func cutTerm(s string) (term, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, " \t\n\r")
		if end < 0 {
			end = len(s)
		}
		term, rest = s[:end], s[end:]
	} else {
		var phrase strings.Builder
		i := 1
		for ; i < len(s) && s[i] != '"'; i++ {
			if s[i] == '\\' && i+1 < len(s) {
				i++
			}
			phrase.WriteByte(s[i])
		}
		if i == len(s) {
			return "", "", invalid("Invalid filter pattern: a quote is never closed.")
		}
		term, rest = phrase.String(), s[i+1:]
	}
	if term == "" {
		return "", "", invalid("Invalid filter pattern: a term is empty.")
	}
	return term, rest, nil
}

func (p pattern) match(message string) bool {
	for _, term := range p.none {
		if strings.Contains(message, term) {
			return false
		}
	}
	for _, term := range p.all {
		if !strings.Contains(message, term) {
			return false
		}
	}
	if len(p.all) > 0 || len(p.any) == 0 {
		return true
	}
	for _, term := range p.any {
		if strings.Contains(message, term) {
			return true
		}
	}
	return false
}
