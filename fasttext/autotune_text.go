package fasttext

import "slices"

// behind adds the tokens of t, which is read but not learned from, to all without counting them, so that they become
// neither words nor labels. Its lexicons come behind those that ids are of, which
// are what mergeLexicons returned for the text to learn from.
func (t *text) behind(all *lexicon, ids [][]int32) (moved *text, both [][]int32) {
	moved = &text{blocks: slices.Clone(t.blocks), tokens: t.tokens, depot: t.depot, shared: t.shared}
	for i := range moved.blocks {
		moved.blocks[i].reader += len(ids)
	}
	for _, l := range t.lexicons {
		uncounted := *l
		uncounted.entries, uncounted.places = slices.Clone(l.entries), slices.Clone(l.places)
		for i := range uncounted.entries {
			uncounted.entries[i].count, uncounted.places[i].first = 0, afterText
		}
		ids = append(ids, all.merge(&uncounted))
	}
	return moved, ids
}
