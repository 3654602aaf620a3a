package fasttext

import (
	"context"
	"math"
	"sync/atomic"
)

// AutoBucket, as Args.Bucket of a classifier, stands for as many rows as the text has different
// n-grams. The model then has that number, and its file is an ordinary one. N-grams share rows
// more often than in a larger table: docs/formats.md says what that costs.
const AutoBucket = -1

const (
	countBits   = 26 // of a hash, to tell n-grams apart
	mostBuckets = 1 << 30
)

// autoBucket returns how many rows AutoBucket stands for. It counts by a bitmap of hashes,
// correcting for those that fell together (Whang et al., "A linear-time probabilistic counting
// algorithm", 1990), to about a thousandth up to some hundred million n-grams.
func autoBucket(ctx context.Context, d *dictionary, t *text, all *lexicon, ids [][]int32, meanings []int32, workers int) (int, error) {
	seen := newRowSet(1 << countBits)
	if d.maxn > 0 {
		inParallel(ctx, workers, len(all.entries), 4096, func(from, to int) {
			var rows []int32
			var tmp []byte
			for id := from; id < to; id++ {
				if meanings[id] >= unknownWord && string(all.token(int32(id))) != eos {
					rows = appendSubwords(rows[:0], all.token(int32(id)), d.minn, d.maxn, 1<<countBits, &tmp)
					seen.addShared(rows)
				}
			}
		})
	}
	if d.wordNgrams > 1 {
		err := t.each(ctx, workers, func(b *textBlock) {
			var rows []int32
			var hashes []uint32
			tokens, ids := b.tokens, ids[b.reader]
			for _, n := range b.lines {
				line := tokens[:n]
				tokens = tokens[n:]
				hashes = hashes[:0]
				labelled := false
				for _, token := range line {
					if m := meanings[ids[token]]; m >= unknownWord {
						hashes = append(hashes, all.entries[ids[token]].hash)
					} else if m <= firstLabel {
						labelled = true
					}
				}
				if labelled {
					rows = appendWordNgrams(rows[:0], hashes, d.wordNgrams, 1<<countBits, 0)
					seen.addShared(rows)
				}
			}
		})
		if err != nil {
			return 0, err
		}
	}
	empty := 1 - float64(min(seen.count(), 1<<countBits-1))/(1<<countBits)
	ngrams := -math.Log(empty) * (1 << countBits)
	return int(min(max(math.Round(ngrams), 1), mostBuckets)), nil
}

// addShared adds rows to a set that others add to at the same time.
func (s rowSet) addShared(rows []int32) {
	for _, r := range rows {
		word, bit := &s[uint32(r)/64], uint64(1)<<(uint32(r)%64)
		if atomic.LoadUint64(word)&bit == 0 {
			atomic.OrUint64(word, bit)
		}
	}
}
