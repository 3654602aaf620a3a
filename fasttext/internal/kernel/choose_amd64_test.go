//go:build !purego

package kernel

import "testing"

func TestChooseAVX(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		machine level
		name    string
		want    level
	}{
		{avx512, "", avx512}, {avx512, "go", plain}, {avx512, "avx2", avx2}, {avx512, "neon", avx512},
		{avx2, "avx512", avx2}, {plain, "avx2", plain}, {avx2, "none", avx2},
	} {
		if got := choose(c.machine, c.name); got != c.want {
			t.Errorf("a machine with %s and %q: %s", levelNames[c.machine], c.name, levelNames[got])
		}
	}
}
