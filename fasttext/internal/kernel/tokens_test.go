package kernel

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

func TestSpaces(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for _, l := range levels() {
		for n := 1; n < 300; n++ {
			text := make([]byte, n)
			want := make([]uint64, (n+63)/64)
			for i := range text {
				text[i] = byte(r.IntN(256))
				if r.IntN(2) == 0 {
					text[i] %= 40
				}
				switch text[i] {
				case 0, '\t', '\n', '\v', '\f', '\r', ' ':
					want[i/64] |= 1 << (i % 64)
				}
			}
			got := make([]uint64, len(want))
			for i := range got {
				got[i] = r.Uint64()
			}
			l.spaces(got, text)
			if !slices.Equal(got, want) {
				t.Fatalf("level %d: spaces of %q: %x, want %x", l, text, got, want)
			}
		}
	}
	Spaces(nil, nil)
}

// tokensOf cuts a text of random tokens at what separates them, n of them.
func tokensOf(r *rand.Rand, n, longest int) (text []byte, tokens Tokens) {
	for i := range n {
		tokens.At[i] = int32(len(text))
		for range r.IntN(longest + 1) {
			b := byte(r.IntN(127))
			if r.IntN(8) == 0 {
				b |= 0x80
			}
			text = append(text, b)
		}
		tokens.Len[i] = int32(len(text)) - tokens.At[i]
		if i+1 < n {
			text = append(text, ' ')
		}
	}
	return text, tokens
}

func TestHashTokens(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	defer func(l level) { best = l }(best)
	for _, best = range levels() {
		for n := range BatchTokens + 1 {
			for _, longest := range []int{0, 1, 4, 5, 12, 20, 100} {
				text, tokens := tokensOf(r, n, longest)
				tokens.HashAll(text, n)
				for i := range n {
					token := text[tokens.At[i]:][:tokens.Len[i]]
					h := uint32(FNVOffset)
					for _, b := range token {
						h = HashByte(h, b)
					}
					if tokens.Hash[i] != h {
						t.Fatalf("level %d: token %d of %d, %q: %x, want %x", best, i, n, token, tokens.Hash[i], h)
					}
				}
			}
		}
	}
	// Of ASCII, it is the ordinary hash.
	want := fnv.New32a()
	want.Write([]byte("card"))
	tokens := Tokens{Len: [BatchTokens]int32{4}}
	if tokens.HashAll([]byte("card"), 1); tokens.Hash[0] != want.Sum32() {
		t.Errorf("hash %x, want %x", tokens.Hash[0], want.Sum32())
	}
}

func TestHashTokensRefuses(t *testing.T) {
	defer func(l level) { best = l }(best)
	for _, best = range levels() {
		for name, change := range map[string]func(*Tokens){
			"before the text": func(t *Tokens) { t.At[3] = -1 },
			"too long":        func(t *Tokens) { t.Len[63] = 1000 },
			"behind the text": func(t *Tokens) { t.At[63] = 1000 },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("level %d: a token that is %s is none", best, name)
					}
				}()
				text, tokens := tokensOf(rand.New(rand.NewPCG(1, 3)), BatchTokens, 5)
				change(&tokens)
				tokens.HashAll(text, BatchTokens)
			}()
		}
	}
}

func BenchmarkTokens(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 3))
	text, tokens := tokensOf(r, BatchTokens, 11)
	text = append(text, make([]byte, hashedAtOnce)...)
	defer func(l level) { best = l }(best)
	for _, best = range levels() {
		b.Run(fmt.Sprintf("spaces/level=%d", best), func(b *testing.B) {
			masks := make([]uint64, len(text)/64+1)
			for b.Loop() {
				Spaces(masks, text)
			}
		})
		b.Run(fmt.Sprintf("hash/level=%d", best), func(b *testing.B) {
			for b.Loop() {
				tokens.HashAll(text, BatchTokens)
			}
		})
	}
}

// Asking for a place that is not there must do nothing.
func TestPrefetchAnywhere(t *testing.T) {
	t.Parallel()
	table := make([]uint64, 3)
	for _, l := range levels() {
		l.prefetchPlaces(unsafe.Pointer(&table[0]), 8, []int32{0, 2, 3, -1, math.MaxInt32})
	}
	Prefetch(table, nil)
	Prefetch(table[:0], []int32{1})
	Prefetch(table, []int32{-5, 1})
}
