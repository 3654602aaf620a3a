package fasttext

import (
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// A text is what training has read: every token once looked up, as a number.
type text struct {
	lexicons []*lexicon // one per reader
	blocks   []textBlock
	tokens   int64
}

// A textBlock is a part of the text, as numbers of one reader's lexicon.
type textBlock struct {
	reader int
	tokens []int32
	lines  []int32 // tokens of each line
}

// readText reads a text with n readers. onRead is told now and then how many
// tokens have been read; it may be nil.
func readText(ctx context.Context, r io.Reader, n int, onRead func(int64)) (*text, error) {
	type job struct {
		block
		index int
	}
	t := &text{}
	var (
		mu      sync.Mutex // guards t.blocks
		tokens  atomic.Int64
		readers sync.WaitGroup
		jobs    = make(chan job, n)
	)
	for i := range n {
		lex := newLexicon()
		t.lexicons = append(t.lexicons, lex)
		readers.Go(func() {
			var b textBlock
			for j := range jobs {
				b.read(lex, j.block)
				tokens.Add(int64(len(b.tokens)))
				done := textBlock{i, slices.Clone(b.tokens), slices.Clone(b.lines)}
				mu.Lock()
				for len(t.blocks) <= j.index {
					t.blocks = append(t.blocks, textBlock{})
				}
				t.blocks[j.index] = done
				mu.Unlock()
			}
		})
	}
	br := blockReader{r: r}
	var err error
	for i := 0; err == nil; i++ {
		var b block
		if b, err = br.next(); err == nil {
			jobs <- job{b, i}
			err = ctx.Err()
		}
		if onRead != nil {
			onRead(tokens.Load())
		}
	}
	close(jobs)
	readers.Wait()
	t.tokens = tokens.Load()
	if err != io.EOF {
		return nil, err
	}
	return t, nil
}

// read splits a block into tokens. Lines are those of lineReader.next.
func (t *textBlock) read(lex *lexicon, b block) {
	t.tokens, t.lines = t.tokens[:0], t.lines[:0]
	text, line := b.text, 0
	for i := 0; i < len(text); {
		c := text[i]
		if space[c] {
			if c == '\n' {
				t.tokens = append(t.tokens, lex.add([]byte(eos), eosHash, 1, b.start+int64(i)))
				t.lines = append(t.lines, int32(len(t.tokens)-line))
				line = len(t.tokens)
			}
			i++
			continue
		}
		start, h := i, uint32(fnvOffset)
		for ; i < len(text) && !space[text[i]]; i++ {
			h = fnvStep(h, text[i])
		}
		token := text[start:i]
		t.tokens = append(t.tokens, lex.add(token, h, 1, b.start+int64(start)))
		if h == eosHash && string(token) == eos {
			t.lines = append(t.lines, int32(len(t.tokens)-line))
			line = len(t.tokens)
		}
	}
	if line < len(t.tokens) {
		t.lines = append(t.lines, int32(len(t.tokens)-line))
	}
}
