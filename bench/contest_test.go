package main

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 9}, 3},
	} {
		before := slices.Clone(c.values)
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v: %v, want %v", before, got, c.want)
		}
		if !slices.Equal(c.values, before) {
			t.Errorf("median has changed %v to %v: runs would no longer be neighbours", before, c.values)
		}
	}
}

func TestRatios(t *testing.T) {
	t.Parallel()
	if got := ratios([]float64{8, 9, 1}, []float64{2, 3}); !slices.Equal(got, []float64{4, 3}) {
		t.Errorf("%v, want 4 and 3", got)
	}
}

// runsOf makes the runs of a program that takes these seconds, twice as many of the processors, and memory.
func runsOf(name string, score, memory float64, seconds ...float64) standing {
	s := standing{program: program{name: name}}
	for _, v := range seconds {
		s.samples = append(s.samples, sample{seconds: v, cpu: 2 * v, megabytes: memory, score: score, words: 25e6})
	}
	return s
}

func TestContest(t *testing.T) {
	t.Parallel()
	ours := runsOf(oursName, 0.893, 110, 1, 2, 1)
	for _, c := range []struct {
		name string
		peer standing
		cpu  float64 // the peer's, if not twice its seconds
		want []string
	}{
		{"fast", runsOf(nativeName, 0.894, 100, 4, 9, 5), 0, []string{"≥ 4 × native: met", "≤ 0.3 points below native: met", "memory ≤ 1.2 × native: met"}},
		// The ratio of each pair counts, not that of the medians: 3, 4.5 and 3.
		{"slow", runsOf(nativeName, 0.894, 100, 3, 9, 3), 0, []string{"≥ 4 × native: **missed**", "≤ 0.3 points below native: met", "memory ≤ 1.2 × native: met"}},
		{"slow on the clock", runsOf(nativeName, 0.894, 100, 3, 9, 3), 40, []string{"≥ 4 × native: **missed** (by CPU 20.00)", "≤ 0.3 points below native: met", "memory ≤ 1.2 × native: met"}},
		{"other peer", runsOf(peerName, 0.9, 90, 7, 14, 7), 0, []string{"≥ 7 × fasttext: met", "≤ 0.3 points below fasttext: **missed**", "memory ≤ 1.2 × fasttext: **missed**"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for i := range c.peer.samples {
				if c.cpu > 0 {
					c.peer.samples[i].cpu = c.cpu
				}
			}
			var out bytes.Buffer
			var board scoreboard
			held := contest{what: "imdb", short: "imdb", training: true,
				goals: goals{row: "small", native: 4, original: 7, behind: within(0.003), words: 20e6}}
			held.print(contestTableTo(&out, "P@1"), []standing{ours, c.peer}, &board)
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(lines) != 4 {
				t.Fatalf("%d lines, want the head, the rule and two programs:\n%s", len(lines), &out)
			}
			if !strings.Contains(lines[2], "> 20 M words/s in the training part: met, 25.0 M") {
				t.Errorf("no rate of words in %s", lines[2])
			}
			if cells := strings.Split(lines[3], " | "); strings.TrimSuffix(strings.TrimSpace(cells[len(cells)-1]), " |") != strings.Join(c.want, "; ") {
				t.Errorf("said %q\nwant %q", cells[len(cells)-1], c.want)
			}
			if len(board.verdicts) != 4 {
				t.Errorf("%d verdicts, want 4", len(board.verdicts))
			}
		})
	}
}

func TestContestWithoutScores(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	contest{what: "opening", goals: goals{row: "opening", seconds: 0.05, megabytes: 80}}.
		print(contestTableTo(&out, "score"), []standing{runsOf(oursName, math.NaN(), 109, 0.01), runsOf(peerName, math.NaN(), 768, 0.5)}, &scoreboard{})
	for _, want := range []string{"< 50 ms: met, 10.0 ms", "resident < 80 MB: **missed**, 109 MB", "50.0"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "NaN") {
		t.Errorf("a score that is not there was printed:\n%s", &out)
	}
}

// A peer that did not end is left out of the comparison, and the others stay.
func TestContestWithAnUnfinishedPeer(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var b bench
	var asked []string
	err := b.hold(t.Context(), contestTableTo(&out, "F1"), contest{
		what: "imdb", programs: []program{{name: oursName}, {name: nativeName}, {name: peerName}}, runs: 2, goals: goals{row: "autotune", behind: within(0)},
		run: func(_ context.Context, p program) (sample, error) {
			asked = append(asked, p.name)
			if p.name == nativeName {
				return sample{}, &unfinished{why: "killed: it had not ended after 60 s", last: "Trials: 3"}
			}
			return sample{seconds: 1, cpu: 1, megabytes: 1, score: 0.9}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"no figures: killed: it had not ended after 60 s; the last it said: Trials: 3", "not below fasttext: met"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if len(b.board.verdicts) != 1 {
		t.Errorf("verdicts %v, want one", b.board.verdicts)
	}
	if want := []string{oursName, nativeName, peerName, oursName, peerName}; !slices.Equal(asked, want) {
		t.Errorf("ran %q, want %q", asked, want)
	}
	if strings.Contains(out.String(), "NaN") {
		t.Errorf("figures of a program that has none:\n%s", &out)
	}
	err = b.hold(t.Context(), contestTableTo(&out, "F1"), contest{programs: []program{{name: oursName}}, runs: 1,
		run: func(context.Context, program) (sample, error) { return sample{}, &unfinished{why: "killed"} }})
	if err == nil {
		t.Error("heliograph did not end, and that is no error")
	}
}

func TestScoreboard(t *testing.T) {
	t.Parallel()
	var board scoreboard
	for i, met := range []bool{true, true, true, true, true, true, true, true, false} {
		board.add(verdict{row: "memory", goal: "≤ 1.2", what: "task" + string(rune('a'+i)), figure: "1.0", met: met})
	}
	board.add(verdict{row: "speed", goal: "≥ 4", what: "imdb", figure: "5", met: true})
	board.add(verdict{row: "speed", goal: "≥ 4", what: "million", figure: "3", note: "by CPU 4.5"})
	board.add(verdict{row: "opening", goal: "< 50 ms", figure: "9 ms", met: true})
	var out bytes.Buffer
	board.print(&out)
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	for i, want := range []string{
		"| memory | ≤ 1.2 | **missed** 1 of 9 | taski 1.0; 8 others |",
		"| speed | ≥ 4 | **missed** 1 of 2 | imdb 5; million 3 (by CPU 4.5) |",
		"| opening | < 50 ms | met | 9 ms |",
	} {
		if len(got) != 5 || got[i+2] != want {
			t.Fatalf("row %d: want %s in\n%s", i, want, &out)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	newTable(&out, append([]column{wordsIn("what", 6)}, figuresIn("µs")...)...).row("a|b", "1.5")
	const want = "| what   |    µs |\n| ------ | ----: |\n| a\\|b   |   1.5 |\n"
	if out.String() != want {
		t.Errorf("\n%swant\n%s", &out, want)
	}
}

func TestFigure(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0.000", 0.0123: "0.012", 1.234: "1.23", 12.34: "12.3", 1234.5: "1234", math.Inf(1): "+Inf"} {
		if got := figure(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	if got := figure(math.NaN()); got != "" {
		t.Errorf("NaN: %q, want nothing", got)
	}
}
