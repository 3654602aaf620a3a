package fasttext

// A candidate is a label and the logarithm of its probability, plus the small
// constant of logOf.
type candidate struct {
	score float32
	label int32
}

// A topK keeps the k best candidates. It is a binary heap with the worst kept one
// first; where scores are equal, which label stays and in which order they come
// out follow from the moves below, which are those of the original's C++ library.
type topK struct {
	k    int
	heap []candidate
}

// admits reports whether offer would look at that score.
func (t *topK) admits(score float32) bool { return len(t.heap) < t.k || !(score < t.heap[0].score) }

// offer adds a candidate, and drops the worst if there are more than k.
func (t *topK) offer(c candidate) {
	t.heap = append(t.heap, c)
	siftUp(t.heap, len(t.heap)-1, c)
	if len(t.heap) > t.k {
		popWorst(t.heap)
		t.heap = t.heap[:len(t.heap)-1]
	}
}

// sorted returns the candidates, best first.
func (t *topK) sorted() []candidate {
	for n := len(t.heap); n > 1; n-- {
		popWorst(t.heap[:n])
	}
	return t.heap
}

// siftUp moves c from place i towards the front while it is worse than its parent.
func siftUp(h []candidate, i int, c candidate) {
	for i > 0 {
		parent := (i - 1) / 2
		if !(h[parent].score > c.score) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = c
}

// popWorst moves the first of h to its end and restores the heap before it: the
// hole goes down to a leaf by the worse child, and the displaced last one up from there.
func popWorst(h []candidate) {
	n := len(h) - 1
	if n < 1 {
		return
	}
	c := h[n]
	h[n] = h[0]
	hole := 0
	for {
		right := 2*hole + 2
		if right > n {
			break
		}
		child := right
		if right == n || h[right].score > h[right-1].score {
			child = right - 1
		}
		h[hole] = h[child]
		hole = child
	}
	siftUp(h[:n], hole, c)
}
