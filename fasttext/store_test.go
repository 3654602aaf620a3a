package fasttext

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	want := []int32{0, 1, wide - 1, wide, wide + 1, 1<<16 - 1, 1 << 16, 1<<24 + 7, math.MaxInt32 - 1, math.MaxInt32}
	var units []uint16
	for _, v := range want {
		before := len(units)
		if units = appendNumber(units, v); len(units)-before != unitsOf(v) {
			t.Errorf("%d takes %d units, not %d", v, len(units)-before, unitsOf(v))
		}
	}
	var got []int32
	for i := 0; i < len(units); {
		var v int32
		v, i = number(units, i)
		got = append(got, v)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What a depot keeps in its file must come back as what it keeps in memory does, and memory that
// was given back must be used again.
func TestDepot(t *testing.T) {
	t.Parallel()
	d := newDepot(t.TempDir(), leastTextMemory)
	defer d.close()
	r := rand.New(rand.NewPCG(3, 4))
	var chunks []chunk
	var want [][]uint16
	for i := range 2000 {
		units := make([]uint16, 1+r.IntN(d.chunk))
		if i%20 == 3 {
			units = make([]uint16, 3*d.chunk)
		}
		for j := range units {
			units[j] = uint16(r.Uint32())
		}
		c, err := d.put(units, d.limit)
		if err != nil {
			t.Fatal(err)
		}
		chunks, want = append(chunks, c), append(want, units)
	}
	inFile := 0
	for range 3 {
		for i, c := range chunks {
			got, err := d.load(c)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want[i]) {
				t.Fatalf("chunk %d has come back otherwise", i)
			}
			if c.units == nil {
				inFile++
			}
			d.release(c, got)
		}
	}
	if inFile < 3*300 {
		t.Errorf("%d of 6000 chunks came from the file", inFile)
	}
	if taken := int64(0); true {
		for _, s := range d.slabs {
			taken += int64(2 * len(s.units))
		}
		if taken > 2*leastTextMemory {
			t.Errorf("%d bytes of memory are taken, with a limit of %d", taken, leastTextMemory)
		}
	}
	for _, c := range chunks {
		d.drop(c)
	}
	if d.inUse != 0 {
		t.Errorf("%d bytes are in use after all", d.inUse)
	}
}

func TestDepotErrors(t *testing.T) {
	t.Parallel()
	units := make([]uint16, 100)
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	d := newDepot(nowhere, leastTextMemory)
	defer d.close()
	if _, err := d.put(units, 0); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), nowhere) {
		t.Errorf("no folder: %v", err)
	}
	d = newDepot(t.TempDir(), leastTextMemory)
	defer d.close()
	c, err := d.put(units, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.file.Truncate(50); err != nil {
		t.Fatal(err)
	}
	if _, err := d.load(c); err == nil || !strings.Contains(err.Error(), "reading the training text back") {
		t.Errorf("a file that was cut off: %v", err)
	}
	d.file.Close()
	if _, err := d.put(units, 0); err == nil || !strings.Contains(err.Error(), "keeping the training text in a temporary file") {
		t.Errorf("a file that cannot be written: %v", err)
	}
}

// Each epoch must have every example once, in another order, whether they are in memory or not.
func TestFeed(t *testing.T) {
	t.Parallel()
	const size = 400_000
	for name, about := range map[string]int64{"in memory": 0, "in a file": math.MaxInt64} {
		d := newDepot(t.TempDir(), leastTextMemory)
		defer d.close()
		s := newExampleStore(d, about, 1)
		var units []uint16
		var ends []int
		for i := range int32(size) {
			units = appendExample(units[:0], []int32{i % 3}, []int32{i}, 5)
			ends = append(ends[:0], len(units))
			if err := s.add(units, ends, 5); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.finish(); err != nil {
			t.Fatal(err)
		}
		if inFile := d.file != nil; inFile != (about > 0) {
			t.Errorf("%s: there is a file: %v", name, inFile)
		}
		orders := map[int][]int32{}
		for _, epoch := range []int{1, 2, 1} {
			f := newFeed(s, 7, epoch)
			var order []int32
			seen := make([]bool, size)
			var x expander
			var in input
			for b, places := f.claim(nil, 0, 10); places != nil; b, places = f.claim(b, len(places), 10) {
				for _, p := range places {
					x.expand(b.example(p), &in)
					i := in.rows[0]
					if seen[i] || len(in.rows) != 1 || len(in.labels) != 1 || in.labels[0] != i%3 || in.tokens != 5 {
						t.Fatalf("%s: example %+v, which was seen: %v", name, in, seen[i])
					}
					seen[i] = true
					order = append(order, i)
				}
			}
			if err := f.close(); err != nil {
				t.Fatal(err)
			}
			if len(order) != size {
				t.Fatalf("%s: %d examples", name, len(order))
			}
			if orders[epoch] == nil {
				orders[epoch] = order
			} else if !slices.Equal(order, orders[epoch]) {
				t.Errorf("%s: the same epoch has another order", name)
			}
			// Every run of examples comes from all parts of the text.
			for at := 0; at < size; at += size / 10 {
				var parts [4]int
				for _, i := range order[at : at+size/100] {
					parts[i/(size/4)]++
				}
				if slices.Min(parts[:]) < size/100/4/3 {
					t.Errorf("%s: around %d, parts of the text have %v examples", name, at, parts)
				}
			}
		}
		if slices.Equal(orders[1], orders[2]) {
			t.Errorf("%s: two epochs have the same order", name)
		}
		// An epoch that nobody works on to its end gives its memory back, too.
		for range 20 {
			f := newFeed(s, 7, 3)
			if err := f.close(); err != nil {
				t.Fatal(err)
			}
			f = newFeed(s, 7, 3)
			f.claim(nil, 0, 10)
			if err := f.close(); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range s.chunks {
			d.drop(c)
		}
		if d.inUse != 0 {
			t.Errorf("%s: %d bytes are in use after all", name, d.inUse)
		}
	}
}

// Examples longer than a chunk, and words with large numbers, must come back.
func TestLongExamples(t *testing.T) {
	t.Parallel()
	d := newDepot(t.TempDir(), leastTextMemory)
	defer d.close()
	s := newExampleStore(d, math.MaxInt64, 1)
	words := make([]int32, 5*d.chunk)
	for i := range words {
		words[i] = int32(i * 1000)
	}
	for n := 1; n < len(words); n *= 7 {
		units := appendExample(nil, nil, words[:n], n)
		if err := s.add(units, []int{len(units)}, int64(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	var x expander
	var in input
	seen := 0
	err := s.each(context.Background(), func(units []uint16) {
		x.expand(units, &in)
		if !slices.Equal(in.rows, words[:in.tokens]) {
			t.Errorf("the example of %d words has come back otherwise", in.tokens)
		}
		seen++
	})
	if err != nil || seen != s.size {
		t.Errorf("%d of %d examples, %v", seen, s.size, err)
	}
}
