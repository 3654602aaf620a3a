package fasttext

import (
	"context"
	"math"
)

// An exampleStore keeps the examples of a training, coded as numbers:
//
//	units that follow, number of labels, tokens of the line, the labels, the words
//
// Words are numbered by how frequent they are, as the dictionary has them; behind those come
// words that are not in it but are in n-grams. Rows of n-grams are not kept: an expander hashes them
// again each time, which takes far less memory and little time.
type exampleStore struct {
	depot  *depot
	chunks []chunk
	size   int   // examples
	tokens int64 // of the lines of all examples
	limit  int64 // bytes of the depot in memory

	// Examples are dealt out to several chunks at random. In a file they stay where they are, so that a chunk of a
	// text that is sorted by label would have one label only.
	open   [][]uint16
	dealer *rng

	orders chan []uint32 // memory for orders of batches
}

// scatter is how many chunks examples are dealt out to if they do not fit into memory.
const scatter = chunksInMemory / 8

// newExampleStore returns a store in a depot. about is how many bytes its examples will take.
func newExampleStore(d *depot, about int64, seed int) *exampleStore {
	s := &exampleStore{depot: d, limit: math.MaxInt64, open: make([][]uint16, 1), dealer: newRNG(seed, dealerStream),
		orders: make(chan []uint32, batchesInMemory)}
	if about > d.limit {
		s.limit = d.limit / 2 // the rest is for what is read back
		s.open = make([][]uint16, scatter)
	}
	return s
}

// add puts coded examples into the store, one after another; ends says where each ends.
func (s *exampleStore) add(units []uint16, ends []int, tokens int64) error {
	start := 0
	for _, end := range ends {
		i := 0
		if len(s.open) > 1 {
			i = s.dealer.intn(len(s.open))
		}
		if len(s.open[i])+end-start > s.depot.chunk {
			if err := s.flush(i); err != nil {
				return err
			}
		}
		if cap(s.open[i]) == 0 {
			s.open[i] = make([]uint16, 0, s.depot.chunk)
		}
		s.open[i] = append(s.open[i], units[start:end]...)
		start = end
	}
	s.size += len(ends)
	s.tokens += tokens
	return nil
}

// finish ends the adding.
func (s *exampleStore) finish() error {
	for i := range s.open {
		if err := s.flush(i); err != nil {
			return err
		}
	}
	s.open = nil
	return nil
}

func (s *exampleStore) flush(i int) error {
	if len(s.open[i]) == 0 {
		return nil
	}
	c, err := s.depot.put(s.open[i], s.limit)
	if err != nil {
		return err
	}
	s.chunks = append(s.chunks, c)
	if s.open[i] = s.open[i][:0]; cap(s.open[i]) > s.depot.chunk {
		s.open[i] = nil // one long example
	}
	return nil
}

// each calls do for every example, in the order of the chunks, until ctx ends.
func (s *exampleStore) each(ctx context.Context, do func(units []uint16)) error {
	for _, c := range s.chunks {
		units, err := s.depot.load(c)
		if err != nil {
			return err
		}
		for i := 0; i < len(units) && ctx.Err() == nil; {
			n, from := number(units, i)
			i = from + int(n)
			do(units[from:i])
		}
		s.depot.release(c, units)
	}
	return ctx.Err()
}

// appendExample codes an example of a line of so many tokens, known or not.
func appendExample(dst []uint16, labels, words []int32, tokens int) []uint16 {
	n := unitsOf(int32(len(labels))) + unitsOf(int32(tokens))
	for _, list := range [...][]int32{labels, words} {
		n += len(list)
		for _, v := range list {
			if v >= wide {
				n++
			}
		}
	}
	dst = appendNumber(dst, int32(n))
	dst = appendNumber(dst, int32(len(labels)))
	dst = appendNumber(dst, int32(tokens))
	for _, list := range [...][]int32{labels, words} {
		dst = appendNumbers(dst, list)
	}
	return dst
}
