package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
)

// A sample is what one run of a program took, and how good its result is.
type sample struct {
	seconds   float64 // on the clock
	cpu       float64 // user and system
	megabytes float64 // peak, resident
	score     float64 // NaN if there is none
	words     float64 // learned a second, as the program says it
}

// A contest gives several programs the same task, in turn.
type contest struct {
	what     string
	short    string // for the summary
	programs []program
	runs     int
	goals    goals
	training bool // hold the memory, too, against the peers'
	run      func(context.Context, program) (sample, error)
}

// contestTable starts the table that contests print their rows to.
func contestTable(score string) *table { return contestTableTo(os.Stdout, score) }

func contestTableTo(w io.Writer, score string) *table {
	columns := []column{wordsIn("what", 50), wordsIn("program", 10)}
	columns = append(columns, figuresIn("s", "CPU s", "peak MB", score, "times as fast", "by CPU", "memory here / there")...)
	return newTable(w, append(columns, wordsIn("goals", 0))...)
}

// A standing is one program with its runs.
type standing struct {
	program
	samples    []sample
	unfinished error // a run, if not nil
}

func (s standing) each(value func(sample) float64) []float64 {
	out := make([]float64, len(s.samples))
	for i, one := range s.samples {
		out[i] = value(one)
	}
	return out
}

func (s standing) median(value func(sample) float64) float64 { return median(s.each(value)) }

func seconds(s sample) float64   { return s.seconds }
func cpu(s sample) float64       { return s.cpu }
func megabytes(s sample) float64 { return s.megabytes }
func score(s sample) float64     { return s.score }
func words(s sample) float64     { return s.words }

// hold runs the contest and prints it.
func (b *bench) hold(ctx context.Context, t *table, c contest) error {
	standings := make([]standing, len(c.programs))
	for i := range c.runs {
		for j, p := range c.programs {
			fmt.Fprintf(os.Stderr, "%s: %s, run %d of %d\n", c.what, p.name, i+1, c.runs)
			standings[j].program = p
			if standings[j].unfinished != nil {
				continue
			}
			s, err := c.run(ctx, p)
			if u := (*unfinished)(nil); errors.As(err, &u) && j > 0 {
				standings[j].unfinished = u
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", c.what, err)
			}
			standings[j].samples = append(standings[j].samples, s)
		}
	}
	c.print(t, standings, &b.board)
	return nil
}

// print prints a row for each program: heliograph's, which is the first, and what the others are to it.
func (c contest) print(t *table, standings []standing, board *scoreboard) {
	row := func(what string, s standing, clock, byCPU, memory float64, said []string) {
		right := ""
		if v := s.median(score); !math.IsNaN(v) {
			right = fmt.Sprintf("%.3f", v)
		}
		t.row(what, s.name, figure(s.median(seconds)), figure(s.median(cpu)), fmt.Sprintf("%.0f", s.median(megabytes)), right,
			figure(clock), figure(byCPU), figure(memory), strings.Join(said, "; "))
	}
	ours, none := standings[0], math.NaN()
	row(c.what, ours, none, none, none, c.alone(ours, board))
	for _, peer := range standings[1:] {
		if peer.unfinished != nil {
			t.row("", peer.name, "", "", "", "", "", "", "", "no figures: "+peer.unfinished.Error())
			continue
		}
		clock, byCPU := median(ratios(peer.each(seconds), ours.each(seconds))), median(ratios(peer.each(cpu), ours.each(cpu)))
		memory := median(ratios(ours.each(megabytes), peer.each(megabytes)))
		row("", peer, clock, byCPU, memory, c.against(ours, peer, clock, byCPU, memory, board))
	}
}

// alone judges what needs no peer.
func (c contest) alone(ours standing, board *scoreboard) (said []string) {
	g := c.goals
	judge := func(goal, figure string, met bool) {
		said = append(said, board.add(verdict{row: g.row, goal: goal, what: c.short, figure: figure, met: met})+", "+figure)
	}
	if g.words > 0 {
		rate := ours.median(words)
		judge(fmt.Sprintf("> %g M words/s in the training part", g.words/1e6), fmt.Sprintf("%.1f M", rate/1e6), rate > g.words)
	}
	if g.floor > 0 {
		right := ours.median(score)
		judge(fmt.Sprintf("≥ %.2f right", g.floor), fmt.Sprintf("%.3f", right), right >= g.floor)
	}
	if g.seconds > 0 {
		took := ours.median(seconds)
		judge(fmt.Sprintf("< %.0f ms", 1e3*g.seconds), fmt.Sprintf("%.1f ms", 1e3*took), took < g.seconds)
	}
	if g.megabytes > 0 {
		peak := ours.median(megabytes)
		judge(fmt.Sprintf("resident < %.0f MB", g.megabytes), fmt.Sprintf("%.0f MB", peak), peak < g.megabytes)
	}
	return said
}

// against judges what is held against a peer.
func (c contest) against(ours, peer standing, clock, byCPU, memory float64, board *scoreboard) (said []string) {
	g := c.goals
	judge := func(v verdict) {
		v.what = c.short
		said = append(said, board.add(v))
	}
	wanted := g.original
	if peer.name == nativeName {
		wanted = g.native
	}
	if wanted > 0 {
		v := verdict{row: g.row, goal: fmt.Sprintf("≥ %g × %s", wanted, peer.name), figure: fmt.Sprintf("%.2f", clock), met: clock >= wanted}
		if !v.met && byCPU >= wanted {
			v.note = fmt.Sprintf("by CPU %.2f", byCPU)
		}
		judge(v)
	}
	if g.behind != nil {
		ahead := ours.median(score) - peer.median(score)
		goal := fmt.Sprintf("≤ %g points below %s", 100**g.behind, peer.name)
		if *g.behind == 0 {
			goal = "not below " + peer.name
		}
		judge(verdict{row: g.row, goal: goal, figure: fmt.Sprintf("%+.1f", 100*ahead), met: ahead >= -*g.behind})
	}
	if c.training {
		judge(verdict{row: "training memory", goal: fmt.Sprintf("memory ≤ %g × %s", memoryGoal, peer.name),
			figure: fmt.Sprintf("%.2f", memory), met: memory <= memoryGoal})
	}
	return said
}

// median returns the median of v.
func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	if n == 0 {
		return 0
	}
	return (v[(n-1)/2] + v[n/2]) / 2
}

// ratios divides a by b, pair by pair.
func ratios(a, b []float64) []float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] / b[i]
	}
	return out
}
