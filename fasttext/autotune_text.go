package fasttext

import "slices"

// behind appends the text t, which is read but not learned from, to the text that is: its
// tokens are added to all without being counted, so that they become neither words nor
// labels, and its blocks name their lexicons behind those of first. ids are what
// mergeLexicons returned for first.
func (t *text) behind(first *text, all *lexicon, ids [][]int32) (both *text, bothIDs [][]int32) {
	both = &text{blocks: first.blocks, tokens: first.tokens, lexicons: slices.Clone(first.lexicons)}
	bothIDs = slices.Clone(ids)
	for _, l := range t.lexicons {
		uncounted := *l
		uncounted.entries = slices.Clone(l.entries)
		for i := range uncounted.entries {
			uncounted.entries[i].count, uncounted.entries[i].first = 0, afterText
		}
		both.lexicons = append(both.lexicons, l)
		bothIDs = append(bothIDs, all.merge(&uncounted))
	}
	for i := range t.blocks {
		t.blocks[i].reader += len(first.lexicons)
	}
	return both, bothIDs
}

// again returns a text that shares everything with t but the list of its blocks, which
// prepareText empties.
func (t *text) again() *text {
	return &text{lexicons: t.lexicons, blocks: slices.Clone(t.blocks), tokens: t.tokens}
}
