package fasttext

import (
	"errors"
	"math"
)

// huffmanLoss is hierarchical softmax (Morin and Bengio, 2005) over a Huffman tree
// of the labels. Node i below n is the leaf of label i; node n+j asks a yes-or-no
// question that output row j answers, and the last one is the root.
type huffmanLoss struct {
	leaves int
	left   []int32 // of inner node n+j at j
	right  []int32
	// The questions on the way from each leaf to the root, and their answers.
	pathEnds []int
	path     []int32
	yes      []bool
}

var errCounts = errors.New("label counts are not in falling order, or too high for a Huffman tree")

// newHuffmanLoss builds the tree from counts in falling order, as the original
// does: the two rarest nodes are joined until one is left. A leaf goes first only if it is
// rarer than the next inner node. Only training needs the paths.
func newHuffmanLoss(counts []int64, training bool) (*huffmanLoss, error) {
	// Stands for a node that does not exist yet; the original's own limit.
	const never = int64(1e15)
	n := len(counts)
	if n == 0 {
		return nil, ErrNoLabels
	}
	l := &huffmanLoss{leaves: n, left: make([]int32, n-1), right: make([]int32, n-1)}
	weight := make([]int64, 2*n-1)
	parent := make([]int32, 2*n-1)
	isRight := make([]bool, 2*n-1)
	copy(weight, counts)
	for i := n; i < len(weight); i++ {
		weight[i] = never
	}
	leaf, inner := n-1, n
	for i := n; i < len(weight); i++ {
		var pair [2]int
		for j := range pair {
			if leaf >= 0 && (inner >= len(weight) || weight[leaf] < weight[inner]) {
				pair[j] = leaf
				leaf--
			} else {
				pair[j] = inner
				inner++
			}
			if pair[j] >= i || weight[pair[j]] < 0 {
				return nil, errCounts
			}
		}
		weight[i] = weight[pair[0]] + weight[pair[1]]
		l.left[i-n], l.right[i-n] = int32(pair[0]), int32(pair[1])
		parent[pair[0]], parent[pair[1]] = int32(i), int32(i)
		isRight[pair[1]] = true
	}
	if training {
		l.findPaths(parent, isRight)
	}
	return l, nil
}

// findPaths lists each leaf's way to the root.
func (l *huffmanLoss) findPaths(parent []int32, isRight []bool) {
	root := int32(len(parent) - 1)
	for leaf := range l.leaves {
		for node := int32(leaf); node != root; node = parent[node] {
			l.path = append(l.path, parent[node]-int32(l.leaves))
			l.yes = append(l.yes, isRight[node])
		}
		l.pathEnds = append(l.pathEnds, len(l.path))
	}
}

func (l *huffmanLoss) step(w *worker, out *dense, labels []int32, target int, lr float32) float32 {
	label, start := labels[target], 0
	if label > 0 {
		start = l.pathEnds[label-1]
	}
	var loss float32
	for i := start; i < l.pathEnds[label]; i++ {
		loss += logistic(w, out, l.path[i], l.yes[i], lr)
	}
	return loss
}

// A visit is a node to look at and the score of the way to it.
type visit struct {
	node  int32
	score float32
}

// predict walks the tree from the root, left before right, and leaves out what is
// worse than the threshold or than the k labels found so far.
func (l *huffmanLoss) predict(s *scratch, out matrix, threshold float32) {
	lowest := logOf(threshold)
	stack := append(s.visits[:0], visit{int32(2*l.leaves - 2), 0})
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if v.score < lowest || !s.top.admits(v.score) {
			continue
		}
		if int(v.node) < l.leaves {
			s.top.offer(candidate{v.score, v.node})
			continue
		}
		q := v.node - int32(l.leaves)
		x := out.dot(int(q), s.hidden)
		p := float32(1 / float64(1+float32(math.Exp(float64(-x)))))
		stack = append(stack,
			visit{l.right[q], v.score + logOf(p)},
			visit{l.left[q], v.score + logOf(float32(1-float64(p)))})
	}
	s.visits = stack
}
