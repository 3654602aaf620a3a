package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// A generator makes up labelled text. Words are as frequent as Zipf's law says; each
// label prefers some of them.
type generator struct {
	labels, words, rows, least, most int
	own                              int // one word in so many is one that the label prefers; 12 if 0
	seed                             uint64
}

// The generated sets have the shape of real ones.
var generated = map[string]generator{
	"articles": {labels: 14, words: 120000, rows: 60000, least: 20, most: 100, own: 12, seed: 1},
	"requests": {labels: 77, words: 2500, rows: 10000, least: 5, most: 20, own: 3, seed: 2},
	"million":  {labels: 14, words: 120000, rows: 1_000_000, least: 10, most: 40, own: 12, seed: 3},
	"thousand": {labels: 1000, words: 30000, rows: 30000, least: 10, most: 40, own: 3, seed: 4},
	"prose":    {labels: 14, words: 60000, rows: 25000, least: 20, most: 100, own: 12, seed: 5},
}

// generate writes a part, train or test, of a generated set, unless that was done before.
func (b *bench) generate(name, part string) (path string, err error) {
	path = filepath.Join(b.dir, name+"."+part)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	g := generated[name]
	if b.quick {
		g.rows /= 5
	}
	if part == "test" {
		g.rows = min(g.rows/10, 20000)
		g.seed += 100
	}
	return path, writeFile(path, g.write)
}

func (g generator) write(w io.Writer) error {
	r := rand.New(rand.NewPCG(g.seed, 1))
	zipf := rand.NewZipf(r, 1.1, 8, uint64(g.words-1))
	var line strings.Builder
	for range g.rows {
		label := r.IntN(g.labels)
		line.Reset()
		fmt.Fprintf(&line, "__label__class%d", label)
		for range g.least + r.IntN(g.most-g.least) {
			word := zipf.Uint64()
			if r.IntN(cmp.Or(g.own, 12)) == 0 {
				// A word of the label's own, now and then of its neighbour.
				word = uint64(50+(label+r.IntN(10)/9)*20+r.IntN(20)) % uint64(g.words)
			}
			line.WriteByte(' ')
			line.WriteString(spell(word))
		}
		line.WriteByte('\n')
		if _, err := io.WriteString(w, line.String()); err != nil {
			return err
		}
	}
	return nil
}

// spell gives each number a word, frequent ones short ones.
func spell(n uint64) string {
	const syllables = "bacodefigohujakelimonupaqeriso"
	var b [24]byte
	i := 0
	for {
		s := n % (uint64(len(syllables)) / 2) * 2
		i += copy(b[i:], syllables[s:s+2])
		if n /= uint64(len(syllables)) / 2; n == 0 {
			return string(b[:i])
		}
	}
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
