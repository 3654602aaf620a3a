package fasttext

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

func TestHash(t *testing.T) {
	t.Parallel()
	// FNV-1a's published values for ASCII; bytes from 0x80 on are sign-extended here.
	for word, want := range map[string]uint32{"": 2166136261, "a": 0xe40c292c, "foobar": 0xbf9cf968} {
		if got := hashWord(word); got != want {
			t.Errorf("%q: %#x, want %#x", word, got, want)
		}
	}
	basis, prime := uint32(kernel.FNVOffset), uint32(kernel.FNVPrime)
	if got, want := hashWord("\xe9"), (basis^0xffffffe9)*prime; got != want {
		t.Errorf("a byte above 0x7f: %#x, want %#x", got, want)
	}
}

func TestSubwords(t *testing.T) {
	t.Parallel()
	var tmp []byte
	for _, c := range []struct {
		word       string
		minn, maxn int
		want       string
	}{
		{"ab", 2, 3, "<a <ab ab ab> b>"},
		{"ab", 1, 1, "a b"}, // no bracket alone
		{"é画", 2, 2, "<é é画 画>"},
		{"a", 3, 6, "<a>"},
		{"a", 4, 6, ""},
		{"", 1, 3, "<>"},
		{"ab", 0, 2, "<a a ab b b>"},
	} {
		var want []int32
		for _, s := range strings.Fields(c.want) {
			want = append(want, int32(hashWord(s)%1000))
		}
		if got := appendSubwords(nil, c.word, c.minn, c.maxn, 1000, &tmp); !slices.Equal(got, want) {
			t.Errorf("%q from %d to %d: %v, want %v, which are %s", c.word, c.minn, c.maxn, got, want, c.want)
		}
	}
}

func TestWordNgrams(t *testing.T) {
	t.Parallel()
	h := []uint32{1, 0xfffffff0, 3}
	join := func(hs ...uint32) int32 {
		sum := uint64(int64(int32(hs[0])))
		for _, x := range hs[1:] {
			sum = sum*116049371 + uint64(int64(int32(x)))
		}
		return 10 + int32(sum%1000)
	}
	for n, want := range map[int][]int32{
		1: nil,
		2: {join(h[0], h[1]), join(h[1], h[2])},
		3: {join(h[0], h[1]), join(h[0], h[1], h[2]), join(h[1], h[2])},
		9: {join(h[0], h[1]), join(h[0], h[1], h[2]), join(h[1], h[2])},
	} {
		if got := appendWordNgrams(nil, h, n, 1000, 10); !slices.Equal(got, want) {
			t.Errorf("up to %d: %v, want %v", n, got, want)
		}
	}
}

func TestTopKAgainstSorting(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n, k := 1+r.IntN(40), 1+r.IntN(10)
		top := topK{k: k}
		var scores []float32
		for i := range n {
			s := float32(r.IntN(20)) // many ties
			scores = append(scores, s)
			if top.admits(s) {
				top.offer(candidate{s, int32(i)})
			}
		}
		var got []float32
		for _, c := range top.sorted() {
			if scores[c.label] != c.score {
				t.Fatalf("label %d has score %v, not %v", c.label, scores[c.label], c.score)
			}
			got = append(got, c.score)
		}
		slices.Sort(scores)
		slices.Reverse(scores)
		if want := scores[:min(n, k)]; !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestHuffmanTree(t *testing.T) {
	t.Parallel()
	l, err := newHuffmanLoss([]int64{8, 4, 2, 1}, true)
	if err != nil {
		t.Fatal(err)
	}
	// 1 and 2 are joined first, then 4 and then 8; of each pair the rarer one is left.
	start := 0
	for label, want := range []string{"[2][true]", "[1 2][true false]", "[0 1 2][true false false]", "[0 1 2][false false false]"} {
		end := l.pathEnds[label]
		if got := fmt.Sprint(l.path[start:end], l.yes[start:end]); strings.ReplaceAll(got, "] [", "][") != want {
			t.Errorf("label %d: %s, want %s", label, got, want)
		}
		start = end
	}
	for _, counts := range [][]int64{{1, 2e15}, {2e15, 2e15, 2e15}, {5, -3}, {math.MaxInt64, math.MaxInt64}} {
		if _, err := newHuffmanLoss(counts, true); err == nil {
			t.Errorf("%v: no error", counts)
		}
	}
}

func TestNegativesFollowTheSquareRootOfCounts(t *testing.T) {
	t.Parallel()
	counts := []int64{10000, 900, 100, 1}
	l := newNegativeLoss(5, counts)
	r, drawn := newRNG(1, 1), make([]float64, len(counts))
	const n = 400000
	for range n {
		drawn[l.draw(r)] += 1.0 / n
	}
	for i, want := range []float64{100.0 / 141, 30.0 / 141, 10.0 / 141, 1.0 / 141} {
		if math.Abs(drawn[i]-want) > 0.005 {
			t.Errorf("label %d was drawn with a share of %.4f, want %.4f", i, drawn[i], want)
		}
	}
}

func TestRowSet(t *testing.T) {
	t.Parallel()
	s := newRowSet(200)
	for _, r := range []int32{0, 63, 64, 130, 199} {
		s.add(r)
	}
	var got []int
	for r := s.next(0, 200); r < 200; r = s.next(r+1, 200) {
		got = append(got, r)
	}
	if fmt.Sprint(got, s.count()) != "[0 63 64 130 199] 5" || s.next(131, 150) != 150 {
		t.Errorf("got %v, %d", got, s.count())
	}
}

func FuzzVectors(f *testing.F) {
	f.Add([]byte("2 3\na 1 2 3 \nb 4 5e-1 -6\n"))
	f.Add([]byte("1 3\n\xff\t1\v2 3"))
	f.Add([]byte("99999999999 3\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		v, err := readVectors(bytes.NewReader(file), 3)
		if err == nil && len(v.data) != 3*len(v.words) {
			t.Errorf("%d words and %d values", len(v.words), len(v.data))
		}
	})
}

// The order of a dictionary is that of falling counts, and then of the text.
func TestSortRanked(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, most := range []int64{1, 3, 300, 70000, math.MaxInt64} {
		for _, n := range []int{0, 1, 2, 500} {
			list := make([]ranked, n)
			for i := range list {
				list[i] = ranked{r.Int64N(most), r.Int64N(most), int32(i)}
			}
			want := slices.Clone(list)
			slices.SortStableFunc(want, func(a, b ranked) int {
				return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.first, b.first))
			})
			if sortRanked(list); !slices.Equal(list, want) {
				t.Errorf("%d tokens with numbers up to %d: %v, want %v", n, most, list, want)
			}
		}
	}
}
