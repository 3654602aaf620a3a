package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A program is one of those that are compared.
type program struct {
	name    string
	command []string // what its fastText verbs stand behind
	limits  limits
}

// limits are what a run of a program may take; 0 is no limit.
type limits struct {
	seconds float64 // on the clock; then it is killed
	memory  int64   // bytes of address space; beyond, it is told that there are none
}

// An unfinished run is one that a program did not bring to its end.
type unfinished struct {
	why  string // it ended
	last string // thing that the program said
}

func (u *unfinished) Error() string {
	if u.last == "" {
		return u.why
	}
	return fmt.Sprintf("%s; the last it said: %s", u.why, u.last)
}

// unfinishedRun makes an unfinished run of what the process said that ran the program: the program's own words, and then
// what became of it.
func unfinishedRun(said string) *unfinished {
	pieces := strings.FieldsFunc(said, func(c rune) bool { return c == '\r' || c == '\n' })
	u := &unfinished{why: "it did not end as it should"}
	for _, piece := range slices.Backward(pieces) {
		piece = strings.TrimSpace(piece)
		if why, ok := strings.CutPrefix(piece, saysBench); ok {
			u.why = why
		} else if piece != "" {
			u.last = strings.Join(strings.Fields(piece), " ")
			break
		}
	}
	return u
}

// oursName, peerName and nativeName are what the tables call the programs.
const (
	oursName   = "heliograph"
	peerName   = "fasttext"
	nativeName = "native"
)

// programs returns heliograph and then the peers there are.
func (b *bench) programs() []program {
	all := []program{{name: oursName, command: []string{b.heliograph, "fasttext"}}}
	if b.peer != "" {
		all = append(all, program{name: peerName, command: []string{b.peer}})
	}
	if b.native != "" {
		all = append(all, program{name: nativeName, command: []string{b.native}})
	}
	return all
}

// measure runs a verb of the program, from its start to its end. What it prints goes to a file, as it would be
// used; what it says on the way is returned. It reads the file in, if one is named.
func (p program) measure(ctx context.Context, in, out string, args ...string) (s sample, said string, err error) {
	limits := []string{strconv.FormatFloat(p.limits.seconds, 'g', -1, 64), strconv.FormatInt(p.limits.memory, 10)}
	values, said, err := ask(ctx, "run", slices.Concat([]string{in, out}, limits, p.command, args)...)
	if err != nil {
		return sample{}, said, err
	}
	if len(values) != 3 {
		return sample{}, "", fmt.Errorf("%d figures of a run, want 3", len(values))
	}
	return sample{seconds: values[0], cpu: values[1], megabytes: values[2], score: math.NaN()}, said, nil
}

// train trains with the program and returns what it took and the model's file.
func (b *bench) train(ctx context.Context, p program, verb, input, options string) (s sample, model string, err error) {
	base := filepath.Join(b.dir, "model-"+p.name)
	args := append([]string{verb, "-input", input, "-output", base, "-thread", strconv.Itoa(b.threads), "-verbose", "1"},
		strings.Fields(options)...)
	s, said, err := p.measure(ctx, "", base+".out", args...)
	if err != nil {
		if ctx.Err() == nil && p.limits != (limits{}) {
			err = unfinishedRun(said)
		}
		return s, "", err
	}
	s.words = wordsPerSecond(said) * float64(b.threads)
	return s, base + ".bin", nil
}

// discard removes a model and its vectors, so that the system need not write them to the disk while the next program runs.
func discard(model string) {
	base := strings.TrimSuffix(model, filepath.Ext(model))
	for _, suffix := range []string{".bin", ".ftz", ".vec", ".out"} {
		os.Remove(base + suffix)
	}
}

// wordsPerSecond finds the last rate for each thread in what a training said; 0 if there is none.
func wordsPerSecond(said string) float64 {
	const before = "words/sec/thread:"
	at := strings.LastIndex(said, before)
	if at < 0 {
		return 0
	}
	fields := strings.Fields(said[at+len(before):])
	if len(fields) == 0 {
		return 0
	}
	rate, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		return 0
	}
	return rate
}

// precisionOf returns precision at 1 of a model on labelled text. Another process evaluates:
// a child's peak memory starts with what its parent had.
func (b *bench) precisionOf(ctx context.Context, model, text string) (float64, error) {
	cmd := exec.CommandContext(ctx, b.heliograph, "fasttext", "test", model, text)
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return precisionIn(string(out))
}

// precisionIn finds precision at 1 in what the verb test prints.
func precisionIn(out string) (float64, error) {
	for line := range strings.Lines(out) {
		if value, ok := strings.CutPrefix(line, "P@1\t"); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no P@1 in %q", out)
}
