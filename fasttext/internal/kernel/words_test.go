package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Each level of instructions must do what plain Go does, at every length and wherever there are wide numbers.
func TestUnpack(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for _, l := range levels() {
		for n := range 70 {
			for _, wideIn := range []int{1, 2, 5, 30, 1000} {
				var numbers []int32
				var units []uint16
				for range n {
					v := int32(r.IntN(Wide))
					if r.IntN(wideIn) == 0 {
						v = Wide + int32(r.IntN(math.MaxInt32-Wide))
						units = append(units, uint16(v>>16|Wide), uint16(v))
					} else {
						units = append(units, uint16(v))
					}
					numbers = append(numbers, v)
				}
				if n == 0 {
					continue
				}
				dst := make([]int32, len(units)+1)
				dst[len(units)] = -7
				got := l.unpack(dst[:len(units)], units)
				if got != n || !slices.Equal(dst[:got], numbers) || dst[len(units)] != -7 {
					t.Fatalf("level %d: %d of %d numbers, %v, want %v", l, got, n, dst, numbers)
				}
				cut := append(slices.Clone(units), Wide|3)
				if got := l.unpack(make([]int32, len(cut)), cut); got != n {
					t.Fatalf("level %d: %d numbers and half a one make %d", l, n, got)
				}
			}
		}
	}
	if Unpack(nil, nil) != 0 {
		t.Error("nothing is something")
	}
}

func TestPairs(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	hashes := []uint32{0, 1, math.MaxUint32, 1 << 31, 1<<31 - 1}
	for range 500 {
		hashes = append(hashes, r.Uint32())
	}
	for _, l := range levels() {
		for _, count := range []int{1, 2, 300, fewBuckets - 1, fewBuckets, fewBuckets + 1, 1 << 16, 2_000_000, 1<<21 - 1, 10_000_019, math.MaxInt32} {
			for _, factor := range []int{1, 116049371, math.MaxInt32} {
				base := min(r.IntN(1000), math.MaxInt32-count)
				b := NewBuckets(count, factor, base)
				for n := 1; n < 60; n++ {
					words := make([]int32, n)
					for i := range words {
						words[i] = int32(r.IntN(len(hashes)))
						if r.IntN(3) == 0 {
							words[i] %= 5
						}
					}
					var want []int32
					for i := range words[1:] {
						h := int64(int32(hashes[words[i]]))*int64(factor) + int64(int32(hashes[words[i+1]]))
						want = append(want, int32(base+int(uint64(h)%uint64(count))))
					}
					got := make([]int32, n)
					got[n-1] = -7
					l.pairs(b, got[:n-1], hashes, words, make([]uint32, n))
					if !slices.Equal(got[:n-1], want) || got[n-1] != -7 {
						t.Fatalf("level %d, %d buckets from %d on: %v, want %v", l, count, base, got, want)
					}
				}
			}
		}
	}
}

func TestBucketsRow(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	counts := []uint64{1, 2, 3, 5, 1000, 1 << 16, 2000000, 1 << 30, 1<<31 - 1}
	for range 200 {
		counts = append(counts, 1+r.Uint64N(1<<31-1))
	}
	for _, by := range counts {
		b := NewBuckets(int(by), 1, 0)
		hashes := []uint64{0, 1, by - 1, by, by + 1, math.MaxUint64, math.MaxUint64 - 1, math.MaxUint64 / by * by, math.MaxUint64/by*by - 1}
		for range 200 {
			q := r.Uint64() >> r.IntN(64)
			hashes = append(hashes, q, q/by*by, q/by*by+by-1)
		}
		for _, h := range hashes {
			if got := b.Row(h); uint64(got) != h%by {
				t.Fatalf("%d modulo %d: %d, want %d", h, by, got, h%by)
			}
		}
	}
}

func TestPairsRefuse(t *testing.T) {
	t.Parallel()
	for _, l := range levels() {
		for _, n := range []int{2, 16, 17, 40} {
			for _, bad := range []int32{-1, 9, math.MaxInt32} {
				func() {
					defer func() {
						if recover() == nil {
							t.Errorf("level %d: word %d, the last of %d, is none", l, bad, n)
						}
					}()
					words := make([]int32, n)
					words[n-1] = bad
					l.pairs(NewBuckets(1<<20, 7, 0), make([]int32, n-1), make([]uint32, 9), words, make([]uint32, n))
				}()
			}
		}
	}
}

func BenchmarkPairs(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 3))
	const n = 100
	hashes, units := make([]uint32, 30000), make([]uint16, n)
	for i := range hashes {
		hashes[i] = r.Uint32()
	}
	for i := range units {
		units[i] = uint16(r.IntN(len(hashes)))
	}
	words, dst, scratch := make([]int32, n), make([]int32, n), make([]uint32, n)
	buckets := NewBuckets(2_000_000, 116049371, 30000)
	for _, l := range levels() {
		b.Run(fmt.Sprintf("unpack/level=%d", l), func(b *testing.B) {
			for b.Loop() {
				l.unpack(words, units)
			}
		})
		b.Run(fmt.Sprintf("pairs/level=%d", l), func(b *testing.B) {
			for b.Loop() {
				l.pairs(buckets, dst[:n-1], hashes, words, scratch)
			}
		})
	}
}
