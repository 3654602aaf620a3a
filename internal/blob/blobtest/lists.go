package blobtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/blob"
)

func testList(t *testing.T, f *fixture) {
	for _, key := range []string{"a", "a-b", "a/1", "a/2/x", "a/2/y", "a0", "b//c", "b/d", "photos/2006/jan.jpg", "photos/2006/feb.jpg", "sample.jpg"} {
		f.mustPut(t, key, key)
	}
	tests := []struct {
		opt  blob.ListOptions
		want string // keys, then "|", then common prefixes
	}{
		{blob.ListOptions{}, "a a-b a/1 a/2/x a/2/y a0 b//c b/d photos/2006/feb.jpg photos/2006/jan.jpg sample.jpg |"},
		{blob.ListOptions{Delimiter: "/"}, "a a-b a0 sample.jpg | a/ b/ photos/"},
		{blob.ListOptions{Delimiter: "/", Prefix: "a"}, "a a-b a0 | a/"},
		{blob.ListOptions{Delimiter: "/", Prefix: "a/"}, "a/1 | a/2/"},
		{blob.ListOptions{Delimiter: "/", Prefix: "b/"}, "b/d | b//"},
		{blob.ListOptions{Delimiter: "/", Prefix: "b//"}, "b//c |"},
		{blob.ListOptions{Prefix: "a/"}, "a/1 a/2/x a/2/y |"},
		{blob.ListOptions{Prefix: "a/2"}, "a/2/x a/2/y |"},
		{blob.ListOptions{Prefix: "photos/2006/j"}, "photos/2006/jan.jpg |"},
		{blob.ListOptions{Prefix: "absent"}, "|"},
		{blob.ListOptions{Prefix: "absent/deep/"}, "|"},
		{blob.ListOptions{Prefix: strings.Repeat("p", 5000)}, "|"},
		{blob.ListOptions{After: "a"}, "a-b a/1 a/2/x a/2/y a0 b//c b/d photos/2006/feb.jpg photos/2006/jan.jpg sample.jpg |"},
		{blob.ListOptions{After: "a/2"}, "a/2/x a/2/y a0 b//c b/d photos/2006/feb.jpg photos/2006/jan.jpg sample.jpg |"},
		{blob.ListOptions{After: "photos/2006/feb.jpg"}, "photos/2006/jan.jpg sample.jpg |"},
		{blob.ListOptions{After: "photos0"}, "sample.jpg |"},
		{blob.ListOptions{After: "zz"}, "|"},
		{blob.ListOptions{After: "a/", Delimiter: "/"}, "a0 sample.jpg | b/ photos/"},
		{blob.ListOptions{After: "a/2", Delimiter: "/"}, "a0 sample.jpg | b/ photos/"},
		{blob.ListOptions{Delimiter: "2"}, "a a-b a/1 a0 b//c b/d sample.jpg | a/2 photos/2"},
		{blob.ListOptions{Delimiter: "2006/"}, "a a-b a/1 a/2/x a/2/y a0 b//c b/d sample.jpg | photos/2006/"},
		{blob.ListOptions{Delimiter: "otos"}, "a a-b a/1 a/2/x a/2/y a0 b//c b/d sample.jpg | photos"},
		{blob.ListOptions{Delimiter: "j", Prefix: "photos/"}, "| photos/2006/feb.j photos/2006/j"},
	}
	for _, tt := range tests {
		for _, size := range []int{0, 1, 2, 3} {
			opt := tt.opt
			opt.Max = size
			keys, prefixes := f.allKeys(t, opt)
			got := strings.TrimSpace(strings.Join(keys, " ") + " | " + strings.Join(prefixes, " "))
			if got != tt.want {
				t.Errorf("list %+v:\n got %s\nwant %s", opt, got, tt.want)
			}
		}
	}
}

// testListOrder puts keys whose file names, folder names and cut components sort
// otherwise than the keys do.
func testListOrder(t *testing.T, f *fixture) {
	long := strings.Repeat("m", 80)
	keys := []string{
		"x", "x!", "x/", "x/a", "x-y/a", "x.y", "x0", "X", "é", "z", "~", "x y", "x+", "x#",
		long, long + "!", long + "/", long + "/a", long + "-/b", long + "0", long + "é", long[1:], long[1:] + "/q", long[1:] + "~", long + long, long + long + "/",
		long + long[:5] + "é", long + long[:5] + "a", long[1:] + "é", long[1:] + "a/b",
	}
	for _, key := range keys {
		f.mustPut(t, key, "")
	}
	slices.Sort(keys)
	for _, size := range []int{1000, 7, 1} {
		if got, _ := f.allKeys(t, blob.ListOptions{Max: size}); !slices.Equal(got, keys) {
			t.Errorf("in pages of %d the keys are\n%q, not\n%q", size, got, keys)
		}
	}
	for _, prefix := range []string{long, long[1:], long[:79], long + long, long + "/", long + "m", "x", ""} {
		var want []string
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		if got, _ := f.allKeys(t, blob.ListOptions{Prefix: prefix, Max: 3}); !slices.Equal(got, want) {
			t.Errorf("with the prefix %q the keys are\n%q, not\n%q", prefix, got, want)
		}
	}
}

func testListPages(t *testing.T, f *fixture) {
	const n = 1005
	for i := range n {
		f.mustPut(t, fmt.Sprintf("k%04d", i), "")
	}
	first := f.mustList(t, blob.ListOptions{Max: 5000})
	if len(first.Objects) != 1000 || !first.Truncated || first.Next != "k0999" {
		t.Fatalf("the first page has %d objects, truncated %v, next %q", len(first.Objects), first.Truncated, first.Next)
	}
	second := f.mustList(t, blob.ListOptions{After: first.Next})
	if len(second.Objects) != n-1000 || second.Truncated {
		t.Fatalf("the second page has %d objects, truncated %v", len(second.Objects), second.Truncated)
	}
	exact := f.mustList(t, blob.ListOptions{After: first.Next, Max: n - 1000})
	if exact.Truncated {
		t.Error("a page that ends with the last key calls itself truncated")
	}
	// A listing shows each acknowledged write, also in a folder listed before.
	f.mustPut(t, "k0000a", "")
	if page := f.mustList(t, blob.ListOptions{Max: 2}); page.Objects[1].Key != "k0000a" {
		t.Errorf("a new key is not listed: %q", page.Objects[1].Key)
	}
}

// testListRandom compares listings of random keys with what their definition
// says.
func testListRandom(t *testing.T, f *fixture) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(max int) string {
		var b strings.Builder
		for range r.IntN(max) {
			b.WriteString([]string{"a", "b", "/", "-", "0", "A", strings.Repeat("c", 40)}[r.IntN(7)])
		}
		return b.String()
	}
	var keys []string
	for len(keys) < 150 {
		if key := "k" + word(9); !slices.Contains(keys, key) {
			keys = append(keys, key)
			f.mustPut(t, key, "")
		}
	}
	slices.Sort(keys)
	for range 300 {
		opt := blob.ListOptions{Delimiter: []string{"", "/", "a", "/a"}[r.IntN(4)], Max: 1 + r.IntN(20)}
		if r.IntN(2) == 0 {
			opt.Prefix = "k" + word(3)
		}
		if r.IntN(2) == 0 {
			opt.After = "k" + word(6)
		}
		var wantKeys, wantPrefixes []string
		for _, key := range keys {
			rest, ok := strings.CutPrefix(key, opt.Prefix)
			if !ok {
				continue
			}
			if i := strings.Index(rest, opt.Delimiter); opt.Delimiter != "" && i >= 0 {
				common := opt.Prefix + rest[:i] + opt.Delimiter
				if common > opt.After && !slices.Contains(wantPrefixes, common) {
					wantPrefixes = append(wantPrefixes, common)
				}
			} else if key > opt.After {
				wantKeys = append(wantKeys, key)
			}
		}
		gotKeys, gotPrefixes := f.allKeys(t, opt)
		if !slices.Equal(gotKeys, wantKeys) || !slices.Equal(gotPrefixes, wantPrefixes) {
			t.Fatalf("list %+v:\n got %q %q\nwant %q %q", opt, gotKeys, gotPrefixes, wantKeys, wantPrefixes)
		}
	}
}
