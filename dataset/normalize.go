package dataset

import (
	"unicode"
	"unicode/utf8"
)

// Normalize brings raw text into the form that models are trained on and asked
// with: tokens separated by single spaces.
//
//   - Letters become lower case (Unicode's simple mapping).
//   - HTML line breaks (<br>, <br/>, <br />, </br>, in any case) become a space.
//   - Each punctuation character and symbol (Unicode P and S) becomes a token of
//     its own, "_" and "'" too: "can't" is "can ' t". So no token of a normalised
//     text begins with "__label__", whatever a caller sends. Combining marks,
//     variation selectors and skin tones stay with their symbol, as do symbols
//     joined by U+200D.
//   - Each Han and Hiragana character is a token of its own, since these scripts
//     put no spaces between words.
//   - White space, control characters and U+200B become a space, runs of them one
//     space, none at the ends.
//   - Invisible format characters (Unicode Cf: soft hyphen, byte order mark,
//     direction marks) vanish, except the joiners U+200C and U+200D.
//   - Each byte that isn't UTF-8 becomes U+FFFD, which counts as a letter.
//
// The result is valid UTF-8 on one line. Normalising twice changes nothing.
func Normalize(text string) string {
	return string(AppendNormalized(make([]byte, 0, len(text)+len(text)/8+8), text))
}

// AppendNormalized appends the normalised form of text to dst and nothing else
// (no space before it). It allocates only to grow dst.
func AppendNormalized(dst []byte, text string) []byte {
	n := normalizer{dst: dst, start: len(dst)}
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			n.rune(r)
			i += size
			continue
		}
		switch asciiClass[c] {
		case classWord:
			j := i + 1
			for j < len(text) && text[j] < utf8.RuneSelf && asciiClass[text[j]] == classWord {
				j++
			}
			n.word(text[i:j])
			i = j
		case classSpace:
			n.space()
			i++
		default:
			if c == '<' {
				if length := lineBreak(text[i:]); length > 0 {
					n.space()
					i += length
					continue
				}
			}
			n.apart()
			n.dst = append(n.dst, c)
			i++
		}
	}
	return n.dst
}

// normalizer is the state between two characters.
type normalizer struct {
	dst   []byte
	start int  // where the text begins in dst
	gap   bool // a space is due before the next token
	touch bool // the last character was written and no space followed
	alone bool // that character is a token of its own
	join  bool // and a U+200D follows it
}

func (n *normalizer) space() {
	n.gap = len(n.dst) > n.start
	n.touch, n.alone, n.join = false, false, false
}

// apart prepares for a token of one character.
func (n *normalizer) apart() {
	if len(n.dst) > n.start {
		n.dst = append(n.dst, ' ')
	}
	n.gap, n.touch, n.alone, n.join = true, true, true, false
}

func (n *normalizer) letter() {
	if n.gap {
		n.dst = append(n.dst, ' ')
	}
	n.gap, n.touch, n.alone, n.join = false, true, false, false
}

func (n *normalizer) word(ascii string) {
	n.letter()
	from := len(n.dst)
	n.dst = append(n.dst, ascii...)
	for i, c := range n.dst[from:] {
		if c-'A' < 26 {
			n.dst[from+i] = c + ('a' - 'A')
		}
	}
}

const (
	zeroWidthSpace     = '\u200b'
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

func (n *normalizer) rune(r rune) {
	switch classOf(r) {
	case classWord:
		n.letter()
		r = unicode.ToLower(r)
	case classSpace:
		n.space()
		return
	case classGone:
		return
	case classMark:
		if !n.touch {
			n.letter()
		}
		n.join = n.alone && r == zeroWidthJoiner
	case classApart:
		if !n.join {
			n.apart()
		}
		n.join = false
		r = unicode.ToLower(r)
	}
	n.dst = utf8.AppendRune(n.dst, r)
}

type class uint8

const (
	classWord  class = iota // part of a word
	classSpace              // separates
	classApart              // a token of its own
	classMark               // belongs to the character before it
	classGone               // left out
)

var asciiClass = func() (table [utf8.RuneSelf]class) {
	for c := range rune(utf8.RuneSelf) {
		table[c] = classOf(c)
	}
	return table
}()

func classOf(r rune) class {
	switch {
	case r == utf8.RuneError:
		return classWord
	case unicode.IsLetter(r):
		if r >= 0x2e80 && unicode.In(r, unicode.Han, unicode.Hiragana) {
			return classApart
		}
		return classWord
	case unicode.IsSpace(r), unicode.IsControl(r), r == zeroWidthSpace:
		return classSpace
	case unicode.IsMark(r), r == zeroWidthJoiner, r == zeroWidthNonJoiner, r >= 0x1f3fb && r <= 0x1f3ff:
		return classMark
	case unicode.IsPunct(r), unicode.IsSymbol(r):
		return classApart
	case unicode.Is(unicode.Cf, r):
		return classGone
	case unicode.In(r, unicode.Zl, unicode.Zp, unicode.Zs):
		return classSpace
	case unicode.In(r, unicode.Han, unicode.Hiragana):
		return classApart
	}
	return classWord
}

// lineBreak returns the length of the HTML line break that s begins with, 0 if
// there is none. s begins with '<'.
func lineBreak(s string) int {
	i := 1
	if i < len(s) && s[i] == '/' {
		i++
	}
	if len(s) < i+3 || s[i]|0x20 != 'b' || s[i+1]|0x20 != 'r' {
		return 0
	}
	i += 2
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	if i < len(s) && s[i] == '/' {
		i++
	}
	if i < len(s) && s[i] == '>' {
		return i + 1
	}
	return 0
}
