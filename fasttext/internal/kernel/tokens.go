package kernel

import (
	"encoding/binary"
	"math/bits"
)

// Hashes of tokens are 32-bit FNV-1a, except that each byte is extended by its sign first.
const (
	FNVOffset = 2166136261
	FNVPrime  = 16777619
)

// HashByte makes one step of a token's hash. The sign is extended since the original hashed C chars, and its models were made on machines
// where they are signed.
func HashByte(h uint32, b byte) uint32 { return (h ^ uint32(int32(int8(b)))) * FNVPrime }

// Space marks the bytes that separate tokens. A newline also ends the line.
var Space = [256]bool{' ': true, '\n': true, '\r': true, '\t': true, '\v': true, '\f': true, 0: true}

// Spaces sets bit i%64 of masks[i/64] if byte i of the text separates tokens, and to 0 if not or if it is beyond the text. The masks must have room for
// the text.
func Spaces(masks []uint64, text []byte) {
	if len(text) > 0 {
		best.spaces(masks[:(len(text)+63)/64], text)
	}
}

func plainSpaces(masks []uint64, text []byte) {
	const ones = 0x0101010101010101
	clear(masks)
	i := 0
	for ; i+8 <= len(text); i += 8 {
		// The top bit of a byte stays 0 if the byte is at most 32.
		x := binary.LittleEndian.Uint64(text[i:])
		low := ^(x&(0x7F*ones) + (0x7F-' ')*ones | x) & (0x80 * ones)
		for ; low != 0; low &= low - 1 {
			if at := i + bits.TrailingZeros64(low)/8; Space[text[at]] {
				masks[at/64] |= 1 << (at % 64)
			}
		}
	}
	for ; i < len(text); i++ {
		if Space[text[i]] {
			masks[i/64] |= 1 << (i % 64)
		}
	}
}

// BatchTokens is how many tokens are in a batch.
const BatchTokens = 64

// Tokens is a batch of tokens of a text, in its order.
type Tokens struct {
	At, Len [BatchTokens]int32
	Hash    [BatchTokens]uint32
}

// HashAll sets the hashes of the first n tokens.
func (t *Tokens) HashAll(text []byte, n int) {
	done := best.hashTokens(t, text, n)
	for i := range n {
		from := 0
		if i < done {
			if t.Len[i] <= hashedAtOnce {
				continue
			}
			from = hashedAtOnce
		} else {
			t.Hash[i] = FNVOffset
		}
		h := t.Hash[i]
		for _, b := range text[t.At[i]:][from:t.Len[i]] {
			h = HashByte(h, b)
		}
		t.Hash[i] = h
	}
}

// hashedAtOnce is how many bytes of a token the assembly takes.
const hashedAtOnce = 16

// whole returns how many of the first n tokens, as far as those in groups of 16 go, start that many bytes before the end of the text, or sooner.
func (t *Tokens) whole(text []byte, n int) int {
	n &^= 15
	for n > 0 && int(t.At[n-1])+hashedAtOnce > len(text) {
		n -= 16
	}
	return n
}
