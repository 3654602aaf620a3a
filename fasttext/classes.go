package fasttext

// Rows that occur in the same words, equally often in each, get the same gradients all
// through training: an n-gram that only one word has and the word's own row do, for
// example. Only the sum of such a class of rows matters, and it moves by the gradient
// times their number, so training keeps one row for each class and gives every member its share
// in the end. That is the same arithmetic on a fraction of the rows, and on a
// matrix that is small and without gaps.
type classes struct {
	sums    *dense  // a row for each class
	members []int32 // rows of the input matrix, class by class
	ends    []int32 // of each class in members
	words   []classedWord
	ofRow   []int32 // the class of each row, or -1; nil if there are no word n-grams
}

// A classedWord is what a word with its character n-grams adds to an example.
type classedWord struct {
	classes []int32
	sizes   []float32 // how many rows each class has
	rows    int32     // how many rows there are in all
}

// newClasses finds the classes among the rows of subwords, which lists those of each
// word, and ngrams, which are those of word n-grams. Nothing is gained for the latter: each is a class alone.
func newClasses(t *trainer, subwords [][]int32, ngrams rowSet) *classes {
	c := &classes{words: make([]classedWord, len(subwords))}
	class := c.number(t, subwords, ngrams)
	sizes := make([]float32, len(c.ends))
	for i := range sizes {
		sizes[i] = float32(c.ends[i] - c.start(i))
	}
	seen := make([]int32, len(c.ends))
	var all []int32
	for w, rows := range subwords {
		from := len(all)
		for _, r := range rows {
			// A class of three comes once for every third row.
			k := class[r]
			if seen[k] == 0 {
				all = append(all, k)
				seen[k] = int32(sizes[k])
			}
			seen[k]--
		}
		c.words[w] = classedWord{classes: all[from:len(all):len(all)], rows: int32(len(rows))}
	}
	allSizes := make([]float32, 0, len(all))
	for w := range c.words {
		from := len(allSizes)
		for _, k := range c.words[w].classes {
			allSizes = append(allSizes, sizes[k])
		}
		c.words[w].sizes = allSizes[from:len(allSizes):len(allSizes)]
	}
	if ngrams != nil {
		c.ofRow = class
	}
	c.sums = newHeapDense(len(c.ends), t.in.cols)
	return c
}

// number puts the rows into classes, numbered as the words name them, and returns the class of each row.
//
// The signature of a row is the sum of a random number for each word that it stands
// in. That two rows share one by chance is as likely as 2 in 10 million for two million rows.
func (c *classes) number(t *trainer, subwords [][]int32, ngrams rowSet) []int32 {
	signatures := make([]uint64, t.in.rows)
	const ofWords, ofRows = -1, -2
	for w, rows := range subwords {
		s := newRNG(w, ofWords).uint64()
		for _, r := range rows {
			signatures[r] += s
		}
	}
	if ngrams == nil {
		ngrams = newRowSet(t.in.rows)
	}
	for r := ngrams.next(0, t.in.rows); r < t.in.rows; r = ngrams.next(r+1, t.in.rows) {
		signatures[r] += newRNG(r, ofRows).uint64()
	}

	class := make([]int32, t.in.rows)
	for r := range class {
		class[r] = -1
	}
	numbers := make(map[uint64]int32)
	var sizes []int32
	count := func(r int32) {
		if class[r] >= 0 {
			return
		}
		k, known := numbers[signatures[r]]
		if !known {
			k = int32(len(sizes))
			numbers[signatures[r]] = k
			sizes = append(sizes, 0)
		}
		class[r] = k
		sizes[k]++
	}
	for _, rows := range subwords {
		for _, r := range rows {
			count(r)
		}
	}
	for r := ngrams.next(0, t.in.rows); r < t.in.rows; r = ngrams.next(r+1, t.in.rows) {
		count(int32(r))
	}

	places := make([]int32, len(sizes))
	total := int32(0)
	for k, n := range sizes {
		places[k] = total
		total += n
	}
	c.members = make([]int32, total)
	for r, k := range class {
		if k >= 0 {
			c.members[places[k]] = int32(r)
			places[k]++
		}
	}
	c.ends = places
	return class
}

func (c *classes) start(class int) int32 {
	if class == 0 {
		return 0
	}
	return c.ends[class-1]
}

// gather sets each class to the sum of its members in m.
func (c *classes) gather(m *dense) {
	for k, end := range c.ends {
		m.sum(c.sums.row(k), c.members[c.start(k):end])
	}
}

// spread gives the members, in m, what their class has changed by since they were gathered or
// spread.
func (c *classes) spread(m *dense) {
	change := make([]float32, m.cols)
	for k, end := range c.ends {
		members, sum := c.members[c.start(k):end], c.sums.row(k)
		if len(members) == 1 {
			copy(m.row(int(members[0])), sum)
			continue
		}
		m.sum(change, members)
		share := 1 / float32(len(members))
		for j, was := range change {
			change[j] = (sum[j] - was) * share
		}
		for _, r := range members {
			row := m.row(int(r))
			for j, v := range change {
				row[j] += v
			}
		}
	}
}
