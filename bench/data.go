package main

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"

	"github.com/heliograph/heliograph/dataset"
)

// A task is a data set and the options to learn it with.
type task struct {
	name    string
	short   string // for the summary
	options string
	goals   goals
	// train and test are files of __label__ lines.
	train, test string
}

func (t task) String() string { return t.name + " `" + t.options + "`" }

// What supervised training is held to.
var (
	smallGoals = goals{row: "supervised, dim 10, bigrams", native: 4, original: 7, behind: within(0.003), words: 20e6}
	charsGoals = goals{row: "supervised, character n-grams", native: 6}
	wideGoals  = goals{row: "supervised, dim 100; softmax, hs, ova", native: 3, original: 3}
)

// tasks returns the public tasks from the data folder, or generated ones in their place.
func (b *bench) tasks() ([]task, error) {
	tasks := []task{
		{name: "articles", short: "articles", options: "-dim 10 -lr 0.25 -epoch 5 -wordNgrams 2", goals: smallGoals},
		{name: "requests", short: "requests, bigrams", options: "-lr 0.5 -epoch 15 -wordNgrams 2", goals: wideGoals},
		{name: "requests", short: "requests, characters", options: "-lr 0.5 -epoch 15 -wordNgrams 2 -minn 2 -maxn 5", goals: charsGoals},
	}
	if b.data != "" {
		tasks = []task{
			{name: "imdb", short: "imdb", options: "-dim 10 -lr 0.25 -epoch 5 -wordNgrams 2", goals: smallGoals},
			{name: "dbpedia14", short: "dbpedia14, lr 0.05", options: "-dim 10 -lr 0.05 -epoch 10 -wordNgrams 2 -minCount 2"},
			{name: "dbpedia14", short: "dbpedia14, lr 0.5", options: "-dim 10 -lr 0.5 -epoch 10 -wordNgrams 2"},
			{name: "banking77", short: "banking77, bigrams", options: "-lr 0.5 -epoch 25 -wordNgrams 2", goals: wideGoals},
			{name: "banking77", short: "banking77, characters", options: "-lr 0.5 -epoch 50 -wordNgrams 2 -minn 2 -maxn 5", goals: charsGoals},
		}
	}
	return b.withFiles(tasks)
}

// moreTasks returns what only training is measured with.
func (b *bench) moreTasks() ([]task, error) {
	few := "articles"
	if b.data != "" {
		few = "dbpedia14"
	}
	return b.withFiles([]task{
		{name: "million", short: "1 M documents", options: "-dim 10 -lr 0.1 -epoch 3 -wordNgrams 2", goals: smallGoals},
		{name: few, short: "14 labels, softmax", options: "-dim 100 -epoch 5", goals: wideGoals},
		{name: few, short: "14 labels, hs", options: "-dim 100 -epoch 5 -loss hs", goals: wideGoals},
		{name: few, short: "14 labels, ova", options: "-dim 100 -epoch 5 -loss ova", goals: wideGoals},
		{name: "thousand", short: "1,000 labels, softmax", options: "-dim 100 -lr 0.5 -epoch 2", goals: wideGoals},
		{name: "thousand", short: "1,000 labels, hs", options: "-dim 100 -lr 0.5 -epoch 5 -loss hs", goals: wideGoals},
		{name: "thousand", short: "1,000 labels, ova", options: "-dim 100 -lr 0.5 -epoch 2 -loss ova", goals: wideGoals},
	})
}

func (b *bench) withFiles(tasks []task) ([]task, error) {
	for i := range tasks {
		t := &tasks[i]
		for part, path := range map[string]*string{"train": &t.train, "test": &t.test} {
			write := b.convert
			if _, ok := generated[t.name]; ok {
				write = b.generate
			}
			var err error
			if *path, err = write(t.name, part); err != nil {
				return nil, err
			}
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

// prose returns a text for word vectors: enwiki, or its beginning in a quick run, or a generated one.
func (b *bench) prose() (string, error) {
	if b.data == "" {
		return b.generate("prose", "train")
	}
	path := filepath.Join(b.dir, "enwiki")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	f, err := os.Open(filepath.Join(b.data, "enwiki", "enwiki.txt.gz"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := gzip.NewReader(f)
	if err != nil {
		return "", err
	}
	var part io.Reader = text
	if b.quick {
		part = io.LimitReader(text, 9e6)
	}
	return path, writeFile(path, func(w io.Writer) error {
		_, err := io.Copy(w, part)
		return err
	})
}
