package fasttext

import (
	"errors"
	"fmt"
	"slices"
)

// A predecessor is the model that a training goes on from.
type predecessor struct{ *Model }

// adopt returns the options a with those that must be the model's own.
func (p predecessor) adopt(a Args) (Args, error) {
	if p.Model == nil {
		return a, nil
	}
	d := p.dict
	switch {
	case !p.Supervised() || a.Model != Supervised:
		return a, fmt.Errorf("training cannot go on from word vectors: %w", ErrNotSupervised)
	case p.quantised || p.qout || d.prunedSize >= 0:
		return a, errors.New("training cannot go on from a quantised model: give it the model as it was before")
	}
	for id := range d.size() {
		label := slices.Equal(d.token(id)[:min(len(a.Label), len(d.token(id)))], []byte(a.Label))
		switch {
		case id >= d.words && !label:
			return a, fmt.Errorf("the label %s of the model to go on from does not begin with -label, which is %s", d.token(id), a.Label)
		case id < d.words && label:
			return a, fmt.Errorf("the word %s of the model to go on from begins as -label says that labels do", d.token(id))
		}
	}
	m := p.args
	a.Dim, a.WordNgrams, a.Minn, a.Maxn, a.Bucket, a.Loss = m.Dim, m.WordNgrams, m.Minn, m.Maxn, m.Bucket, m.Loss
	return a, nil
}

// addTo counts the model's words and labels too, in its training text as in this one, and
// drops those that are rare and new.
func (p predecessor) addTo(all *lexicon, d *dictionary, a Args) {
	if p.Model == nil {
		all.drop(d, a)
		return
	}
	type known struct {
		id    int32
		count int64
	}
	var kept []known
	for id := range p.dict.size() {
		k := all.add(p.dict.token(id), p.dict.hashes[id], max(p.dict.counts[id], 1), afterText/2+int64(id))
		kept = append(kept, known{id: k})
	}
	for i := range kept {
		kept[i].count = all.entries[kept[i].id].count
	}
	all.drop(d, a)
	for _, k := range kept {
		all.entries[k.id].count = k.count
	}
	d.tokens += p.dict.tokens
}

// addRows adds the rows of the model's n-grams that are not 0, as they are numbered
// behind the words of d.
func (p predecessor) addRows(used rowSet, d *dictionary) {
	if p.Model == nil {
		return
	}
	in := p.in.(*dense)
	for r := in.nextUsed(p.dict.words); r < in.rows; r = in.nextUsed(r + 1) {
		if slices.ContainsFunc(in.row(r), func(v float32) bool { return v != 0 }) {
			used.add(int32(d.words + r - p.dict.words))
		}
	}
}

// copyTo sets the rows of the trainer that the model has, too. The output rows of
// hierarchical softmax belong to the forks of a tree, which new counts give another form:
// those start anew.
func (p predecessor) copyTo(t *trainer) {
	if p.Model == nil {
		return
	}
	d, now := p.dict, t.model.dict
	in, out := p.in.(*dense), p.out.(*dense)
	for id := range d.words {
		copy(t.in.row(int(now.find(d.token(id), d.hashes[id]))), in.row(id))
	}
	for r := d.words; r < in.rows; r++ {
		if to := now.words + r - d.words; t.in.used == nil || t.in.used.has(to) {
			copy(t.in.row(to), in.row(r))
		}
	}
	if p.args.Loss == HierarchicalSoftmax {
		return
	}
	for i := range d.labels() {
		id := d.words + i
		copy(t.out.row(int(now.find(d.token(id), d.hashes[id]))-now.words), out.row(i))
	}
}
