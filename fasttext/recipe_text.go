package fasttext

import (
	"context"
	"io"
	"math"
	"slices"

	"github.com/heliograph/heliograph/fasttext/internal/linear"
)

// A corpus is labelled text for the recipe: the words of each example, by their numbers in the
// dictionary, and its labels.
type corpus struct {
	dict     *dictionary
	vectors  *vectors // that were given or learned, or nil
	minCount int      // words seen less often have no row of their own
	hashes   []uint32 // of each word: those of the dictionary, and then the others
	others   [][]byte // the others
	words    []int32
	starts   []int // of each example in words, and the end
	labels   linear.Labels
}

func (c *corpus) len() int { return len(c.starts) - 1 }

func (c *corpus) wordsOf(i int) []int32 { return c.words[c.starts[i]:c.starts[i+1]] }

// readCorpus reads a text. Lines without labels are left out. The words of the vectors, which may be nil, get rows too.
func readCorpus(ctx context.Context, r io.Reader, more *vectors, opt *RecipeOptions) (*corpus, error) {
	depot := newDepot(opt.TempDir, opt.TextMemory)
	defer depot.close()
	txt, err := readText(ctx, r, min(opt.Threads, maxWorkers()), depot, opt.OnRead)
	if err != nil {
		return nil, err
	}
	a := SupervisedDefaults()
	a.Label = opt.Label
	d := newDictionary(a)
	d.tokens = txt.tokens
	all, ids := txt.mergeLexicons()
	labels := 0
	for id := range all.entries {
		if d.isLabel(all.token(int32(id))) {
			labels++
		}
	}
	// Words get up to half of the rows.
	most := int(opt.maxBytes(labels) / 8 / int64(max(labels, 1)))
	a.MinCount = all.leastCount(d, most)
	all.drop(d, a)
	if more != nil {
		more.limit(most)
		more.addTo(all)
		d.tokens += int64(len(more.words))
	}
	meanings := all.dictionary(d)
	d.index()
	switch {
	case d.words == 0:
		return nil, ErrEmpty
	case d.labels() == 0:
		return nil, ErrNoLabels
	}
	c := &corpus{
		dict: d, vectors: more, minCount: a.MinCount, hashes: slices.Clone(d.hashes[:d.words]),
		starts: []int{0}, labels: linear.Labels{Starts: []int{0}, Count: d.labels()},
	}
	for id, w := range meanings {
		if w == unknownWord {
			meanings[id] = int32(len(c.hashes))
			c.hashes = append(c.hashes, all.entries[id].hash)
			c.others = append(c.others, all.token(int32(id)))
		}
	}
	c.words = make([]int32, 0, txt.tokens)
	var b textBlock
	for i := range txt.blocks {
		if err := txt.load(i, &b); err != nil {
			return nil, err
		}
		c.addBlock(&b, ids[b.reader], meanings)
		txt.drop(i)
	}
	if c.len() == 0 {
		return nil, ErrNoLabels
	}
	return c, ctx.Err()
}

func (c *corpus) addBlock(b *textBlock, ids, meanings []int32) {
	tokens := b.tokens
	for _, n := range b.lines {
		line := tokens[:n]
		tokens = tokens[n:]
		from, fromLabel := len(c.words), len(c.labels.Labels)
		for _, t := range line {
			switch w := meanings[ids[t]]; {
			case w >= 0:
				c.words = append(c.words, w)
			case w <= firstLabel:
				if l := firstLabel - w; !slices.Contains(c.labels.Labels[fromLabel:], l) {
					c.labels.Labels = append(c.labels.Labels, l)
				}
			}
		}
		if len(c.words) == from || len(c.labels.Labels) == fromLabel {
			c.words, c.labels.Labels = c.words[:from], c.labels.Labels[:fromLabel]
			continue
		}
		c.starts = append(c.starts, len(c.words))
		c.labels.Starts = append(c.labels.Starts, len(c.labels.Labels))
	}
}

// leastCount returns how often words must stand in the text for no more than most of them to be left.
func (l *lexicon) leastCount(d *dictionary, most int) int {
	var counts []int64
	for id, e := range l.entries {
		if !d.isLabel(l.token(int32(id))) {
			counts = append(counts, e.count)
		}
	}
	if len(counts) <= most {
		return 1
	}
	slices.Sort(counts)
	return int(min(counts[len(counts)-1-max(most, 0)]+1, math.MaxInt32))
}

// token returns a word by its number.
func (c *corpus) token(w int) []byte {
	if w < c.dict.words {
		return c.dict.token(w)
	}
	return c.others[w-c.dict.words]
}
