package dataset

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Split parts rows into a training and a validation set. About fraction of each
// label's rows go to validation. Rows whose normalised texts are equal stay
// together, so that no text stands on both sides, and a label with at least two
// distinct texts is on both sides; a label with one is in training. (Where rows
// have several labels, that can be impossible for all at once; it is then met as far
// as it goes.) The rows keep their order. The result depends on the rows and the
// seed only: it is the same on every machine.
//
// Algorithm: iterative stratification, Sechidis et al., "On the Stratification of
// Multi-label Data" (2011), in whole numbers, over texts ordered by a hash.
func Split(rows []Row, fraction float64, seed uint64) (train, validation []Row, err error) {
	if !(fraction > 0 && fraction < 1) {
		return nil, nil, fmt.Errorf("the fraction %v isn't between 0 and 1", fraction)
	}
	side := assign(rows, seed, func(n, texts int) []int {
		if texts == 1 {
			return []int{n, 0}
		}
		held := int(math.Round(fraction * float64(n)))
		return []int{n - held, held}
	})
	for i, row := range rows {
		if side[i] == 0 {
			train = append(train, row)
		} else {
			validation = append(validation, row)
		}
	}
	if len(train) == 0 || len(validation) == 0 {
		return nil, nil, fmt.Errorf("%d rows with %d distinct texts are too few to hold %v of them back", len(rows), distinct(rows), fraction)
	}
	return train, validation, nil
}

// Fold is one of the k ways to train on all parts but one and validate on that.
type Fold struct {
	Train, Validation []Row
}

// Folds parts rows into k parts for cross-validation, by the rules of Split: each
// part has about a k-th of each label's rows, equal texts are in the same part, and a
// label with at least k distinct texts is in each.
func Folds(rows []Row, k int, seed uint64) ([]Fold, error) {
	if k < 2 {
		return nil, fmt.Errorf("%d folds are too few: cross-validation needs at least 2", k)
	}
	if n := distinct(rows); n < k {
		return nil, fmt.Errorf("%d distinct texts are too few for %d folds", n, k)
	}
	turn := 0 // whose turn it is to get one more, so that what doesn't divide is spread
	part := assign(rows, seed, func(n, _ int) []int {
		want := make([]int, k)
		for i := range want {
			want[i] = n / k
		}
		for range n % k {
			want[turn%k]++
			turn++
		}
		return want
	})
	folds := make([]Fold, k)
	for i, row := range rows {
		for f := range folds {
			if part[i] == f {
				folds[f].Validation = append(folds[f].Validation, row)
			} else {
				folds[f].Train = append(folds[f].Train, row)
			}
		}
	}
	return folds, nil
}

func distinct(rows []Row) int {
	seen := map[uint64]struct{}{}
	var buffer []byte
	for _, row := range rows {
		seen[hashText(&buffer, row.Text)] = struct{}{}
	}
	return len(seen)
}

// group is the rows of one text.
type group struct {
	order  uint64 // the hash that says when it is its turn
	rows   []int
	labels []int // ids
	part   int   // -1 until assigned
}

// stratum is one label while groups are assigned.
type stratum struct {
	id      int
	groups  []*group
	left    int   // groups not assigned
	want    []int // rows that each part should still get
	has     []int // groups that each part has
	inQueue int   // position in the heap
}

// assign gives each row the number of its part. shares divides n rows with so many
// distinct texts among the parts.
func assign(rows []Row, seed uint64, shares func(n, texts int) []int) []int {
	groups, strata := stratify(rows, seed)
	for _, s := range strata {
		n := 0
		for _, g := range s.groups {
			n += len(g.rows)
		}
		s.want = shares(n, len(s.groups))
		s.has = make([]int, len(s.want))
	}
	total := shares(len(rows), len(groups))
	queue := rarest(slices.Clone(strata))
	heap.Init(&queue)
	for len(queue) > 0 {
		s := queue[0]
		for _, g := range s.groups {
			if g.part < 0 {
				g.part = s.choose(total)
				total[g.part] -= len(g.rows)
				for _, id := range g.labels {
					other := strata[id]
					other.want[g.part] -= len(g.rows)
					other.has[g.part]++
					other.left--
					if other != s && other.inQueue >= 0 {
						heap.Fix(&queue, other.inQueue)
					}
				}
			}
		}
		heap.Remove(&queue, s.inQueue)
	}
	part := make([]int, len(rows))
	for _, g := range groups {
		for _, i := range g.rows {
			part[i] = g.part
		}
	}
	return part
}

// choose picks the part for the stratum's next group: one that has nothing of the
// label yet, if there are only as many groups left as such parts; else the part that
// lacks most of the label, of equals the one that lacks most of all.
func (s *stratum) choose(total []int) int {
	empty := 0
	for _, n := range s.has {
		if n == 0 {
			empty++
		}
	}
	onlyEmpty := s.left <= empty
	best := -1
	for p := range s.want {
		if onlyEmpty && s.has[p] > 0 {
			continue
		}
		if best < 0 || s.want[p] > s.want[best] || s.want[p] == s.want[best] && total[p] > total[best] {
			best = p
		}
	}
	return best
}

// stratify groups rows by text, orders the groups by a hash of text and seed, and
// lists them by label. Rows without labels are a stratum of their own.
func stratify(rows []Row, seed uint64) ([]*group, []*stratum) {
	byText := make(map[uint64]*group, len(rows))
	var groups []*group
	var buffer []byte
	names := map[string][]*group{}
	for i, row := range rows {
		hash := hashText(&buffer, row.Text)
		g := byText[hash]
		if g == nil {
			g = &group{order: mix(hash ^ mix(seed)), part: -1}
			byText[hash] = g
			groups = append(groups, g)
		}
		g.rows = append(g.rows, i)
	}
	slices.SortFunc(groups, func(a, b *group) int { return cmp.Compare(a.order, b.order) })
	for _, g := range groups {
		labels := map[string]bool{}
		for _, i := range g.rows {
			for _, label := range rows[i].Labels {
				labels[label] = true
			}
		}
		if len(labels) == 0 {
			labels[""] = true
		}
		for label := range labels {
			names[label] = append(names[label], g)
		}
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.SortFunc(sorted, strings.Compare)
	strata := make([]*stratum, len(sorted))
	for id, name := range sorted {
		strata[id] = &stratum{id: id, groups: names[name], left: len(names[name]), inQueue: id}
		for _, g := range names[name] {
			g.labels = append(g.labels, id)
		}
	}
	return groups, strata
}

// rarest is a heap of strata, the one with the fewest groups left on top.
type rarest []*stratum

func (q rarest) Len() int { return len(q) }

func (q rarest) Less(i, j int) bool {
	if q[i].left != q[j].left {
		return q[i].left < q[j].left
	}
	return q[i].id < q[j].id
}

func (q rarest) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].inQueue, q[j].inQueue = i, j
}

func (q *rarest) Push(x any) { *q = append(*q, x.(*stratum)) }

func (q *rarest) Pop() any {
	old := *q
	s := old[len(old)-1]
	s.inQueue = -1
	*q = old[:len(old)-1]
	return s
}

// hashText is the 64-bit FNV-1a hash of the normalised text, by which texts are
// compared. buffer is scratch.
func hashText(buffer *[]byte, text string) uint64 {
	*buffer = AppendNormalized((*buffer)[:0], text)
	return hashBytes(*buffer)
}

func hashBytes(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// mix spreads every bit over the whole word (the finaliser of splitmix64, Steele et
// al. 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
