package fasttext

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// What training reads of a text must be what prediction reads, line by line, wherever tokens and lines end.
func TestReadBlock(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 9))
	pieces := []string{" ", "\n", "\t", "\x00", "\v\f", "\r\n", "  ", "\n\n", "</s>", " </s> ", "a", "word", "überweisung", "\x01\x1f", "\xff\x80", "</s", "</s>x"}
	texts := []string{"", "\n", "a", " a", "a\n", "</s>", "a </s> b", strings.Repeat("x", 5000), strings.Repeat("y ", 64*100)}
	for range 200 {
		var b strings.Builder
		for range r.IntN(3000) {
			switch r.IntN(4) {
			case 0:
				fmt.Fprintf(&b, "%d ", r.IntN(500))
			case 1:
				b.WriteString(strings.Repeat("z", r.IntN(40)))
			default:
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
		}
		texts = append(texts, b.String())
	}
	for _, text := range texts {
		var want [][]string
		line := []string{}
		for start, i := 0, 0; i <= len(text); i++ {
			if i < len(text) && !kernel.Space[text[i]] {
				continue
			}
			token := text[start:i]
			start = i + 1
			if token != "" {
				line = append(line, token)
			}
			if token == eos {
				want, line = append(want, line), []string{}
			}
			if i < len(text) && text[i] == '\n' {
				want, line = append(want, append(line, eos)), []string{}
			}
		}
		if len(line) > 0 {
			want = append(want, line)
		}

		lex, b := newLexicon(), textBlock{}
		b.read(lex, block{text: []byte(text)})
		tokens := b.tokens
		var got [][]string
		for _, n := range b.lines {
			line := []string{}
			for _, id := range tokens[:n] {
				line = append(line, string(lex.token(id)))
			}
			got, tokens = append(got, line), tokens[n:]
		}
		if len(tokens) > 0 || !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("%q\nis %q, and %d tokens\nwant %q", text, got, len(tokens), want)
		}
		counts := map[string]int64{}
		for _, line := range want {
			for _, token := range line {
				counts[token]++
			}
		}
		if len(counts) != len(lex.entries) {
			t.Fatalf("%d different tokens, want %d", len(lex.entries), len(counts))
		}
		for id, e := range lex.entries {
			if token := string(lex.token(int32(id))); e.count != counts[token] || e.hash != hashWord(token) {
				t.Fatalf("%q %d times, hash %x; want %d and %x", token, e.count, e.hash, counts[token], hashWord(token))
			}
		}
	}
}

// Places in a block are numbers of 32 bits, so a line of more bytes is refused before it is read on.
func TestLongestLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		words bool
		ok    bool
	}{
		{strings.Repeat("word ", 20) + "\n", false, false},
		{strings.Repeat("word ", 5) + "\n" + strings.Repeat("line\n", 20), false, true},
		{strings.Repeat("word ", 20) + "\n", true, true},
		{strings.Repeat("w", 100) + "\n", true, false},
	} {
		br := blockReader{r: strings.NewReader(c.text), size: 16, whole: true, words: c.words, most: 64}
		var got strings.Builder
		var err error
		for err == nil {
			var b block
			if b, err = br.next(); len(b.text) > 64 {
				t.Errorf("%q: a block of %d bytes", c.text, len(b.text))
			}
			got.Write(b.text)
		}
		if c.ok && (err != io.EOF || got.String() != c.text) {
			t.Errorf("%q was read as %q, %v", c.text, got.String(), err)
		}
		if !c.ok && (err == io.EOF || !strings.Contains(err.Error(), "more than 64 bytes")) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

// However much a batch may span, all tokens get their hashes.
func TestHashTokensInBatches(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	var text []byte
	var ends []int
	for range 300 {
		for range r.IntN(30) {
			text = append(text, byte(1+r.IntN(255)))
		}
		ends = append(ends, len(text))
	}
	for _, most := range []int{1, 10, 100, math.MaxInt32} {
		got := make([]uint32, len(ends))
		hashTokens(got, text, ends, 0, 100, most)
		hashTokens(got, text, ends, 100, len(ends), most)
		start := 0
		for i, end := range ends {
			if want := hashWord(text[start:end]); got[i] != want {
				t.Fatalf("with %d bytes a batch, token %d: %x, want %x", most, i, got[i], want)
			}
			start = end
		}
	}
}
