package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// goals is what heliograph is held to in a contest; what is zero is not asked for.
type goals struct {
	row              string   // of the summary
	native, original float64  // times as fast as the native build and as the distribution's
	behind           *float64 // how far its score may be below a peer's
	floor            float64  // score
	words            float64  // learned a second, in the training part
	seconds          float64  // at most
	megabytes        float64  // at most
}

func within(share float64) *float64 { return &share }

// memoryGoal is how many times a peer's peak memory training may take.
const memoryGoal = 1.2

// A verdict says whether one goal was reached.
type verdict struct {
	row    string
	goal   string
	what   string // was measured
	figure string
	met    bool
	note   string
}

// A scoreboard remembers all verdicts of a run.
type scoreboard struct{ verdicts []verdict }

// add enters a verdict and returns it in words.
func (s *scoreboard) add(v verdict) string {
	s.verdicts = append(s.verdicts, v)
	word := "met"
	if !v.met {
		word = "**missed**"
	}
	if v.note != "" {
		word += " (" + v.note + ")"
	}
	return v.goal + ": " + word
}

// listed is how many figures of one goal the summary lists; of more, only those that miss it.
const listed = 8

// print prints one row for each goal, with all that was measured of it; a goal that was missed once is missed.
func (s *scoreboard) print(w io.Writer) {
	t := newTable(w, wordsIn("what", 40), wordsIn("goal", 36), wordsIn("verdict", 17), wordsIn("measured", 0))
	for _, row := range distinct(s.verdicts, func(v verdict) string { return v.row }) {
		ofRow := selected(s.verdicts, func(v verdict) bool { return v.row == row })
		for _, goal := range distinct(ofRow, func(v verdict) string { return v.goal }) {
			all := selected(ofRow, func(v verdict) bool { return v.goal == goal })
			missed := selected(all, func(v verdict) bool { return !v.met })
			word := "met"
			if len(missed) > 0 {
				word = "**missed**"
				if len(all) > 1 {
					word += fmt.Sprintf(" %d of %d", len(missed), len(all))
				}
			}
			t.row(row, goal, word, measured(all, missed))
		}
	}
}

func measured(all, missed []verdict) string {
	rest := ""
	if len(all) > listed {
		rest = fmt.Sprintf("%d others", len(all)-len(missed))
		all = missed
	}
	var said []string
	for _, v := range all {
		one := strings.TrimSpace(v.what + " " + v.figure)
		if v.note != "" {
			one += " (" + v.note + ")"
		}
		said = append(said, one)
	}
	if rest != "" {
		said = append(said, rest)
	}
	return strings.Join(said, "; ")
}

func selected(all []verdict, of func(verdict) bool) (some []verdict) {
	for _, v := range all {
		if of(v) {
			some = append(some, v)
		}
	}
	return some
}

func distinct(all []verdict, name func(verdict) string) (names []string) {
	for _, v := range all {
		if !slices.Contains(names, name(v)) {
			names = append(names, name(v))
		}
	}
	return names
}
