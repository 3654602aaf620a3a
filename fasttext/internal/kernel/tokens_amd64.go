//go:build amd64 && !purego

package kernel

func (l level) spaces(masks []uint64, text []byte) {
	switch l {
	case avx512:
		spaces512(&masks[0], &text[0], len(text))
	case avx2:
		whole := len(text) / 64
		if whole > 0 {
			spaces256(&masks[0], &text[0], whole)
		}
		plainSpaces(masks[whole:], text[64*whole:])
	default:
		plainSpaces(masks, text)
	}
}

// hashTokens hashes the beginnings of some tokens, from the first one on, and returns how many.
func (l level) hashTokens(t *Tokens, text []byte, n int) int {
	if l != avx512 {
		return 0
	}
	n = t.whole(text, n)
	for _, at := range t.At[:n] {
		if at < 0 || int(at) > len(text)-hashedAtOnce {
			panic("kernel: token out of range")
		}
	}
	if n > 0 {
		hashTokens512(t, &text[0], n)
	}
	return n
}

// spaces256 takes n blocks of 64 bytes.
//
//go:noescape
func spaces256(masks *uint64, text *byte, n int)

//go:noescape
func spaces512(masks *uint64, text *byte, n int)

// hashTokens512 takes n tokens, a multiple of 16, none of which starts less than 16 bytes before the end of the text.
//
//go:noescape
func hashTokens512(t *Tokens, text *byte, n int)
