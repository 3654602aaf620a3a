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

	"github.com/heliograph/heliograph/dataset"
)

// A task is a data set and the options to learn it with.
type task struct {
	name    string
	options string
	// train and test are files of __label__ lines.
	train, test string
}

// tasks returns the public tasks from the data folder, or the generated ones.
func (b *bench) tasks() ([]task, error) {
	if b.data == "" {
		return b.generatedTasks()
	}
	tasks := []task{
		{name: "dbpedia14", options: "-dim 10 -lr 0.05 -epoch 10 -wordNgrams 2 -minCount 2"},
		{name: "dbpedia14", options: "-dim 10 -lr 0.5 -epoch 10 -wordNgrams 2"},
		{name: "banking77", options: "-lr 0.5 -epoch 25 -wordNgrams 2"},
		{name: "banking77", options: "-lr 0.5 -epoch 50 -wordNgrams 2 -minn 2 -maxn 5"},
		{name: "imdb", options: "-dim 10 -lr 0.25 -epoch 5 -wordNgrams 2"},
	}
	for i := range tasks {
		t := &tasks[i]
		var err error
		if t.train, err = b.convert(t.name, "train"); err != nil {
			return nil, err
		}
		if t.test, err = b.convert(t.name, "test"); err != nil {
			return nil, err
		}
	}
	return tasks, nil
}

// convert writes a part of a public set as normalised lines, unless that was done before.
func (b *bench) convert(name, part string) (path string, err error) {
	path = filepath.Join(b.dir, name+"."+part)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	in := filepath.Join(b.data, name, part+".csv")
	if _, err := os.Stat(in); err != nil {
		in += ".gz"
	}
	r, err := dataset.Open(in, dataset.ReadOptions{})
	if err != nil {
		return "", err
	}
	defer r.Close()
	lines := dataset.Lines(r, dataset.LineOptions{Normalize: true})
	defer lines.Close()
	return path, writeFile(path, func(w io.Writer) error {
		_, err := io.Copy(w, lines)
		return err
	})
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

// generatedTasks makes two sets with the shape of real ones: articles and short requests.
func (b *bench) generatedTasks() ([]task, error) {
	tasks := []task{
		{name: "articles", options: "-dim 10 -lr 0.25 -epoch 5 -wordNgrams 2"},
		{name: "requests", options: "-lr 0.5 -epoch 15 -wordNgrams 2"},
		{name: "requests", options: "-lr 0.5 -epoch 15 -wordNgrams 2 -minn 2 -maxn 5"},
	}
	for i := range tasks {
		t := &tasks[i]
		for part, path := range map[string]*string{"train": &t.train, "test": &t.test} {
			*path = filepath.Join(b.dir, t.name+"."+part)
			g := generator{labels: 14, words: 120000, rows: 60000, least: 20, most: 100, own: 12, seed: 1}
			if t.name == "requests" {
				g = generator{labels: 77, words: 2500, rows: 10000, least: 5, most: 20, own: 3, seed: 2}
			}
			if part == "test" {
				g.rows /= 10
				g.seed += 100
			}
			if err := writeFile(*path, g.write); err != nil {
				return nil, err
			}
		}
	}
	return tasks, nil
}

// A generator makes up labelled text. Words are as frequent as Zipf's law says; each
// label prefers some of them.
type generator struct {
	labels, words, rows, least, most int
	own                              int // one word in so many is one that the label prefers; 12 if 0
	seed                             uint64
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
