// Command bench measures heliograph beside its peers, on this machine and in one run, and
// prints tables: go run ./bench, or with -data for the public data sets.
//
// Programs that are compared run in turn, so that a change of the machine's mood meets
// both; figures are medians, and ratios are medians of the ratios of neighbouring runs.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A bench is what the sections share.
type bench struct {
	heliograph string // the binary
	peer       string // the original fasttext; empty to leave it out
	data       string // folder of public data sets; empty for generated data
	dir        string // for files that go away at the end
	runs       int
	threads    int
}

// A section measures one thing and prints a table of it.
type section struct {
	name  string
	title string
	run   func(context.Context, *bench) error
}

var sections = []section{
	{"training", "Training, whole process", training},
	{"prediction", "Prediction", prediction},
	{"invoke", "InvokeEndpoint, beside a bare net/http handler", invoke},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	b := &bench{}
	flag.StringVar(&b.heliograph, "heliograph", "", "the binary to measure; built if empty")
	flag.StringVar(&b.peer, "peer", "fasttext", "the original fasttext; empty to leave it out")
	flag.StringVar(&b.data, "data", "", "folder with dbpedia14, banking77 and imdb; generated data if empty")
	flag.IntVar(&b.runs, "runs", 3, "how often each program runs")
	flag.IntVar(&b.threads, "threads", runtime.NumCPU(), "threads of each program")
	only := flag.String("only", "", "names of sections, with commas; all if empty")
	bare := flag.Bool("bare", false, "answer HTTP requests with a constant and do nothing else; the bench starts itself so, as a peer")
	flag.Parse()
	if *bare {
		return serveBare(ctx)
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
	for _, s := range sections {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), s.name) {
			continue
		}
		fmt.Printf("\n%s\n\n", s.title)
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
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

// table starts a table; print its rows with tabs between the cells and flush it.
func table() *tabwriter.Writer {
	return tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
}

// median returns the median of v, which it sorts.
func median(v []float64) float64 {
	slices.Sort(v)
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
