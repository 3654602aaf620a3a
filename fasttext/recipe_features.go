package fasttext

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"

	"github.com/heliograph/heliograph/fasttext/internal/linear"
)

// A rowShape says which rows a text has, as Args do.
type rowShape struct {
	WordNgrams, Minn, Maxn, Bucket int
}

// exampleRows are the rows of a model that each example of a corpus has. Rows that several examples have are
// features, numbered by falling number of examples; those of one example alone are kept apart.
type exampleRows struct {
	linear.Examples
	shape  rowShape
	dict   *dictionary // with the shape
	rowOf  []int32     // of each feature
	counts []int32     // in how many examples each feature is
	chars  rowSet      // the rows that character n-grams have
	rows   []float32   // how many rows each example has: what the model divides by
	own    [][]ownRow  // of each example
}

// An ownRow is a row that only one example has, and how often.
type ownRow struct{ row, times int32 }

// corpusPiece is how many examples one goroutine takes at a time.
const corpusPiece = 512

// shaped returns the dictionary with a shape.
func (d *dictionary) shaped(s rowShape) *dictionary {
	shaped := *d
	shaped.wordNgrams, shaped.minn, shaped.maxn, shaped.bucket = s.WordNgrams, s.Minn, s.Maxn, s.Bucket
	return &shaped
}

// appendRows appends the rows of an example, given those of each word or nil.
func (c *corpus) appendRows(rows []int32, d *dictionary, subwords [][]int32, i int, hashes *[]uint32) []int32 {
	*hashes = (*hashes)[:0]
	for _, w := range c.wordsOf(i) {
		*hashes = append(*hashes, c.hashes[w])
		if subwords != nil {
			rows = append(rows, subwords[w]...)
		} else if int(w) < d.words {
			rows = append(rows, w)
		}
	}
	if d.wordNgrams > 1 {
		rows = appendWordNgrams(rows, *hashes, d.wordNgrams, uint64(d.bucket), int32(d.words))
	}
	return rows
}

// subwordsOf lists the rows of each word, or returns nil if words have only one.
func (c *corpus) subwordsOf(ctx context.Context, d *dictionary, threads int) [][]int32 {
	if d.maxn == 0 {
		return nil
	}
	lists := make([][]int32, len(c.hashes))
	inParallel(ctx, threads, len(lists), 4096, func(from, to int) {
		var rows []int32
		var tmp []byte
		ends := make([]int, 0, to-from)
		for w := from; w < to; w++ {
			row := int32(w)
			if w >= d.words {
				row = -1
			}
			rows = d.appendWord(rows, c.token(w), row, &tmp)
			ends = append(ends, len(rows))
		}
		start := 0
		for i, end := range ends {
			lists[from+i] = rows[start:end:end]
			start = end
		}
	})
	return lists
}

// countNgrams estimates how many different n-grams of a shape the corpus has; see autoBucket.
func (c *corpus) countNgrams(ctx context.Context, s rowShape, threads int) int {
	const buckets = 1 << countBits
	s.Bucket = buckets
	d := c.dict.shaped(s)
	seen := newRowSet(buckets + d.words)
	if s.Maxn > 0 {
		for _, rows := range c.subwordsOf(ctx, d, threads) {
			for _, r := range rows {
				seen.add(r)
			}
		}
	}
	if s.WordNgrams > 1 {
		inParallel(ctx, threads, c.len(), corpusPiece, func(from, to int) {
			var rows []int32
			var hashes []uint32
			for i := from; i < to; i++ {
				rows = c.appendRows(rows[:0], d, nil, i, &hashes)
				seen.addShared(rows)
			}
		})
	}
	for w := range d.words {
		seen[w/64] &^= 1 << (w % 64)
	}
	empty := 1 - float64(min(seen.count(), buckets-1))/buckets
	return int(min(math.Round(-math.Log(empty)*buckets), mostBuckets))
}

// rowsOf finds the rows of a shape. What it returns is of use only if ctx has not ended.
func (c *corpus) rowsOf(ctx context.Context, s rowShape, threads int) *exampleRows {
	d := c.dict.shaped(s)
	total := d.words + d.bucket
	subwords := c.subwordsOf(ctx, d, threads)
	x := &exampleRows{shape: s, dict: d, rows: make([]float32, c.len()), own: make([][]ownRow, c.len())}
	x.chars = newRowSet(total)
	for w, rows := range subwords {
		for _, r := range rows {
			if int(r) != w {
				x.chars.add(r)
			}
		}
	}

	// First, in how many examples is each row?
	pieces := make([][]int32, (c.len()+corpusPiece-1)/corpusPiece)
	counts := make([]int32, total)
	var mu sync.Mutex // guards counts
	var workers sync.WaitGroup
	take := piecesOf(c.len())
	for range threads {
		workers.Go(func() {
			last, found := make([]int32, total), make([]int32, total)
			var hashes []uint32
			for from, to := take(); from < to && ctx.Err() == nil; from, to = take() {
				var rows []int32
				for i := from; i < to; i++ {
					start := len(rows)
					rows = c.appendRows(rows, d, subwords, i, &hashes)
					x.rows[i] = float32(len(rows) - start)
					for _, r := range rows[start:] {
						if last[r] != int32(i)+1 {
							last[r] = int32(i) + 1
							found[r]++
						}
					}
				}
				pieces[from/corpusPiece] = rows
			}
			mu.Lock()
			defer mu.Unlock()
			for r, n := range found {
				counts[r] += n
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return x
	}

	// Then, the features that each example has.
	number := x.number(counts)
	x.Starts = make([]int, c.len()+1)
	take = piecesOf(c.len())
	for range threads {
		workers.Go(func() {
			var own []int32
			for from, to := take(); from < to && ctx.Err() == nil; from, to = take() {
				piece := pieces[from/corpusPiece]
				features, rest := piece[:0], piece
				for i := from; i < to; i++ {
					line := rest[:int(x.rows[i])]
					rest = rest[len(line):]
					start := len(features)
					own = own[:0]
					for _, r := range line {
						if k := number[r]; k >= 0 {
							features = append(features, k)
						} else {
							own = append(own, r)
						}
					}
					x.Starts[i+1] = len(features) - start
					x.own[i] = timesOf(own)
				}
				pieces[from/corpusPiece] = features
			}
		})
	}
	workers.Wait()
	for i := range c.len() {
		x.Starts[i+1] += x.Starts[i]
	}
	x.Features = slices.Concat(pieces...)
	return x
}

// number numbers the rows that several examples have, and returns the number of each row, or -1.
func (x *exampleRows) number(counts []int32) []int32 {
	number := make([]int32, len(counts))
	for r, n := range counts {
		number[r] = -1
		if n > 1 {
			x.rowOf = append(x.rowOf, int32(r))
		}
	}
	slices.SortFunc(x.rowOf, func(a, b int32) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	x.Count = len(x.rowOf)
	x.counts = make([]int32, x.Count)
	for k, r := range x.rowOf {
		number[r], x.counts[k] = int32(k), counts[r]
	}
	return number
}

// timesOf counts equal rows. It orders them.
func timesOf(rows []int32) []ownRow {
	if len(rows) == 0 {
		return nil
	}
	slices.Sort(rows)
	own := make([]ownRow, 0, len(rows))
	for i, r := range rows {
		if i > 0 && r == rows[i-1] {
			own[len(own)-1].times++
			continue
		}
		own = append(own, ownRow{r, 1})
	}
	return own
}

// piecesOf hands out runs of n examples to whoever asks.
func piecesOf(n int) (take func() (from, to int)) {
	var mu sync.Mutex
	next := 0
	return func() (from, to int) {
		mu.Lock()
		defer mu.Unlock()
		from = next
		next = min(n, from+corpusPiece)
		return from, next
	}
}
