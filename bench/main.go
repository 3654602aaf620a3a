// Command bench measures heliograph beside its peers, on this machine and in one run, and
// prints tables in Markdown: go run ./bench, or with -data for the public data sets. The last table holds what was
// measured against the project's goals.
//
// A section is one file and one line in sections.
//
// Programs that are compared run in turn, so that a change of the machine's mood meets
// both; figures are medians, and ratios are medians of the ratios of neighbouring runs.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A bench is what the sections share.
type bench struct {
	heliograph string // the binary
	peer       string // the distribution's fasttext; empty to leave it out
	native     string // one built for this machine; empty to leave it out
	data       string // folder of public data sets; empty for generated data
	dir        string // for files that go away at the end
	runs       int
	threads    int
	autotune   int  // seconds
	quick      bool // less data
	requests   int  // to an endpoint, for the memory section
	board      scoreboard
}

// A section measures one thing and prints a table of it.
type section struct {
	name  string
	title string
	run   func(context.Context, *bench) error
}

var sections = []section{
	{"training", "Training, whole process", training},
	{"recipe", "The training recipe beside the original's algorithm, whole process", recipe},
	{"vectors", "Word vectors, whole process", vectors},
	{"prediction", "Labelling a file, whole process", prediction},
	{"single", "One text of 50 words, in process", single},
	{"opening", "Opening a large model and answering once, whole process", opening},
	{"quantization", "Quantisation, whole process", quantization},
	{"autotune", "Autotune, whole process", autotune},
	{"invoke", "InvokeEndpoint, beside a bare net/http handler", invoke},
	{"memory", "Memory of the server over many InvokeEndpoint requests", memory},
	{"access", "What a call pays for its signature, for being decided and for being recorded", access},
	{"objects", "S3 objects, beside plain files on the same disk", objects},
	{"transform", "A batch transform of a million lines, beside heliograph predict on the same file", batchTransform},
	{"control", "Control calls with 10,000 training jobs and 1,000 endpoints on record", control},
}

// saysBench is what this program's own words begin with, on the standard error.
const saysBench = "bench: "

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, saysBench+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	b := &bench{}
	flag.StringVar(&b.heliograph, "heliograph", "", "the binary to measure; built if empty")
	flag.StringVar(&b.peer, "peer", "fasttext", "the original fasttext; empty to leave it out")
	flag.StringVar(&b.native, "native", "", "a fasttext built for this very machine, as a second peer")
	flag.StringVar(&b.data, "data", "", "folder with dbpedia14, banking77, imdb, enwiki and wordvec-eval; generated data if empty")
	flag.IntVar(&b.runs, "runs", 3, "how often each program runs; what takes long runs less often")
	flag.IntVar(&b.threads, "threads", runtime.NumCPU(), "threads of each program")
	flag.IntVar(&b.autotune, "autotune", 20, "seconds that autotune gets")
	flag.IntVar(&b.requests, "requests", 300_000, "requests that the memory section sends")
	flag.BoolVar(&b.quick, "quick", false, "smaller sets and one run: to see that all works, not to quote")
	only := flag.String("only", "", "sections, with commas; all if empty: "+strings.Join(sectionNames(), ", "))
	bare := flag.Bool("bare", false, "answer HTTP requests with a constant and do nothing else; the bench starts itself so, as a peer")
	send := flag.String("send", "", "send this file to whoever asks and do nothing else; the bench starts itself so, as a peer")
	question := flag.String("answer", "", "measure one thing in this process; the bench starts itself so")
	flag.Parse()
	if *bare {
		return serveBare(ctx)
	}
	if *send != "" {
		return serveSent(ctx, *send)
	}
	if *question != "" {
		return answer(ctx, *question, flag.Args())
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	if b.quick {
		b.runs, b.autotune, b.requests = 1, min(b.autotune, 10), min(b.requests, 50_000)
	}

	dir, err := os.MkdirTemp("", "heliograph-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.dir = dir
	if b.peer != "" {
		if b.peer, err = exec.LookPath(b.peer); err != nil {
			return fmt.Errorf("%w; install it, name another with -peer, or leave it out with -peer ''", err)
		}
	}
	if b.native != "" {
		if b.native, err = exec.LookPath(b.native); err != nil {
			return fmt.Errorf("the native fasttext: %w", err)
		}
	}
	if b.heliograph == "" {
		b.heliograph = filepath.Join(dir, "heliograph")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.heliograph, "./cmd/heliograph")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building heliograph: %w\n%s", err, out)
		}
	}
	fmt.Printf("%s, %d CPUs, %s, %d threads, %d runs, %s\n", cpuName(), runtime.NumCPU(), runtime.Version(), b.threads, b.runs,
		time.Now().Format(time.DateOnly))
	return b.sections(ctx, chosen)
}

// sections measures one section after another. One that fails does not keep the others, and their verdicts, from
// being printed.
func (b *bench) sections(ctx context.Context, chosen []section) error {
	var failed error
	for _, s := range chosen {
		if ctx.Err() != nil {
			break
		}
		fmt.Printf("\n## %s\n\n", s.title)
		if err := s.run(ctx, b); err != nil {
			err = fmt.Errorf("%s: %w", s.name, err)
			if ctx.Err() != nil {
				break
			}
			fmt.Println("\n" + err.Error())
			failed = errors.Join(failed, err)
		}
	}
	if len(b.board.verdicts) > 0 {
		fmt.Printf("\n## Goals\n\n")
		b.board.print(os.Stdout)
	}
	if b.native == "" {
		fmt.Println("\nNo native fasttext was given (make bench FASTTEXT=path): goals against one were not looked at.")
	}
	return errors.Join(failed, ctx.Err())
}

func sectionNames() (names []string) {
	for _, s := range sections {
		names = append(names, s.name)
	}
	return names
}

// choose returns the sections with these names, with commas between them; all for none.
func choose(only string) (chosen []section, err error) {
	if only == "" {
		return sections, nil
	}
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(sections, func(s section) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only %s: there is no section %q; there are %s", only, name, strings.Join(sectionNames(), ", "))
		}
		chosen = append(chosen, sections[i])
	}
	return chosen, nil
}

// cpuName returns what Linux calls the processor, or the architecture.
func cpuName() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
