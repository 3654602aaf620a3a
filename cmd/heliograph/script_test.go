package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var updateScripts = flag.Bool("update", false, "write the expected output into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"heliograph": main, "fasttext": main})
}

// TestScripts runs the command as its users do: testdata/script/*.txtar. Each starts
// many processes, which take long under the race detector; there only those run
// that keep several goroutines busy.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	if underRace {
		files = nil
		for _, name := range []string{"train", "train_checkpoint", "quantize", "evaluate", "backup"} {
			files = append(files, filepath.Join("testdata/script", name+".txtar"))
		}
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		UpdateScripts:       *updateScripts,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"cut":    cutFile,
			"repeat": repeatText,
			"lines":  countLines,
			"await":  awaitFile,
		},
	})
}

// cut FILE N takes the last N bytes off a file.
func cutFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cut file bytes")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	data := []byte(ts.ReadFile(args[0]))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data[:len(data)-n], 0o644))
}

// repeat FILE TEXT N appends a text N times to a file; \n in it is a line end.
func repeatText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: repeat file text times")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	path := ts.MkAbs(args[0])
	before, err := os.ReadFile(path)
	if !os.IsNotExist(err) {
		ts.Check(err)
	}
	text := bytes.ReplaceAll([]byte(args[1]), []byte(`\n`), []byte("\n"))
	ts.Check(os.WriteFile(path, append(before, bytes.Repeat(text, n)...), 0o644))
}

// lines FILE N fails unless the file (stdout, stderr) has N lines.
func countLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines file count")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := bytes.Count([]byte(ts.ReadFile(args[0])), []byte("\n")); got != want {
		ts.Fatalf("%s has %d lines, want %d", args[0], got, want)
	}
}

// await FILE waits until the file is there.
func awaitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await file")
	}
	for range 6000 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s did not come within a minute", args[0])
}
