package kernel

import "testing"

// What the machine has and is asked for is taken, and else the machine's best.
func TestChoose(t *testing.T) {
	t.Parallel()
	machine := detect()
	for l, name := range levelNames {
		want := machine
		if level(l).has(machine) {
			want = level(l)
		}
		if got := choose(machine, name); got != want {
			t.Errorf("a machine with %s, asked for %s: %s", levelNames[machine], name, levelNames[got])
		}
	}
	for _, name := range []string{"", "none"} {
		if got := choose(machine, name); got != machine {
			t.Errorf("asked for %q: %s, want %s", name, levelNames[got], levelNames[machine])
		}
	}
	if got := choose(machine, "go"); got != plain {
		t.Errorf("asked for go: %s", levelNames[got])
	}
}
