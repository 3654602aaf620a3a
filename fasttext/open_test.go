package fasttext_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

// mustOpen opens a copy of a golden model, which the test may damage.
func mustOpen(t testing.TB, name string) (*fasttext.Model, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(path, mustRead(t, modelPath(name)), 0o666); err != nil {
		t.Fatal(err)
	}
	m, err := fasttext.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, path
}

// Whichever way a model is loaded, it is the same.
func TestWaysToLoad(t *testing.T) {
	t.Parallel()
	const text = "why was my card charged überweisung twice ?"
	for _, g := range golden {
		file := mustRead(t, modelPath(g.name))
		want := mustLoad(t, g.name)
		opened, _ := mustOpen(t, g.name)
		fromBytes, err := fasttext.LoadBytes(file)
		if err != nil {
			t.Fatal(err)
		}
		fromReaderAt, err := fasttext.LoadReaderAt(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		for way, m := range map[string]*fasttext.Model{"Open": opened, "LoadBytes": fromBytes, "LoadReaderAt": fromReaderAt} {
			if got, want := m.Predict(nil, text, 0, 0), want.Predict(nil, text, 0, 0); !slices.Equal(got, want) {
				t.Errorf("%s, %s: predicted %v, want %v", g.name, way, got, want)
			}
			if got, want := m.SentenceVector(nil, text), want.SentenceVector(nil, text); !slices.Equal(got, want) {
				t.Errorf("%s, %s: vector %v, want %v", g.name, way, got, want)
			}
			if !bytes.Equal(saved(t, m), file) {
				t.Errorf("%s, %s: saved, it is not the same", g.name, way)
			}
		}
	}
}

func TestWaysToLoadDamaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "model")
	for _, g := range golden {
		file := mustRead(t, modelPath(g.name))
		for n := 0; n <= len(file)+1; n += 1 + n/4 {
			if n == len(file) {
				continue
			}
			bad := append(slices.Clone(file), 0)[:n]
			if err := os.WriteFile(path, bad, 0o666); err != nil {
				t.Fatal(err)
			}
			_, opening := fasttext.Open(path)
			_, bytesErr := fasttext.LoadBytes(bad)
			_, atErr := fasttext.LoadReaderAt(bytes.NewReader(bad), int64(n))
			for way, err := range map[string]error{"Open": opening, "LoadBytes": bytesErr, "LoadReaderAt": atErr} {
				if wrong, ok := errors.AsType[*fasttext.FormatError](err); !ok {
					t.Fatalf("%s, %d of %d bytes, %s: %v (%v)", g.name, n, len(file), way, err, wrong)
				}
			}
			if !strings.HasPrefix(opening.Error(), path+": not a fastText model: ") {
				t.Fatalf("Open says %q", opening)
			}
		}
	}
	if _, err := fasttext.Open(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
	if _, err := fasttext.Open(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
	file := mustRead(t, modelPath("softmax"))
	if _, err := fasttext.LoadReaderAt(bytes.NewReader(file[:len(file)/2]), int64(len(file))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("shorter than promised: %v", err)
	}
	if _, err := fasttext.LoadReaderAt(bytes.NewReader(file), -1); err == nil {
		t.Error("a negative size was taken")
	}
}

// Close waits for nobody and takes nothing away from those who are at work.
func TestClose(t *testing.T) {
	t.Parallel()
	m, _ := mustOpen(t, "softmax")
	want := m.Predict(nil, "my card", 2, 0)
	started := make(chan bool, 8)
	var readers sync.WaitGroup
	for range cap(started) {
		readers.Go(func() {
			for i := 0; ; i++ {
				got := m.Predict(nil, "my card", 2, 0)
				if len(got) == 0 {
					return
				}
				if !slices.Equal(got, want) {
					t.Errorf("while closing: %v, want %v", got, want)
					return
				}
				if i == 0 {
					started <- true
				}
			}
		})
	}
	for range cap(started) {
		<-started
	}
	for range 2 {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	readers.Wait()

	none := func([]fasttext.Prediction) error { return nil }
	if err := m.PredictLines(context.Background(), strings.NewReader("my card\n"), 1, 0, none); !errors.Is(err, fasttext.ErrClosed) {
		t.Errorf("PredictLines: %v", err)
	}
	if _, err := m.Test(context.Background(), strings.NewReader("__label__x my card\n"), 1, 0); !errors.Is(err, fasttext.ErrClosed) {
		t.Errorf("Test: %v", err)
	}
	for name, write := range map[string]func(io.Writer) error{"Save": m.Save, "DumpInput": m.DumpInput, "DumpOutput": m.DumpOutput} {
		if err := write(io.Discard); !errors.Is(err, fasttext.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := fasttext.Train(context.Background(), strings.NewReader("__label__x card\n"), fasttext.TrainOptions{Args: smallArgs(), Continue: m}); !errors.Is(err, fasttext.ErrClosed) {
		t.Errorf("Train: %v", err)
	}
	if v := m.WordVector(nil, "card"); len(v) != m.Args().Dim || slices.ContainsFunc(v, func(x float32) bool { return x != 0 }) {
		t.Errorf("vector %v", v)
	}
	if err := mustLoad(t, "softmax").Close(); err != nil {
		t.Errorf("of a model in memory: %v", err)
	}
}

// A file that is cut short while it is open must not end the process.
func TestCutWhileOpen(t *testing.T) {
	t.Parallel()
	m, path := mustOpen(t, "softmax")
	if err := os.Truncate(path, 0); err != nil {
		if runtime.GOOS == "windows" {
			return // an open file cannot be cut there
		}
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" {
		func() {
			defer func() {
				if _, ok := recover().(runtime.Error); !ok {
					t.Error("Predict answered from a file that is gone")
				}
			}()
			m.Predict(nil, "my card", 1, 0)
		}()
	}
	none := func([]fasttext.Prediction) error { return nil }
	err := m.PredictLines(context.Background(), strings.NewReader("my card\n"), 1, 0, none)
	if fault, ok := errors.AsType[runtime.Error](err); !ok && runtime.GOOS == "linux" {
		t.Errorf("PredictLines: %v (%v)", err, fault)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// An open model goes on when its file is replaced or removed.
func TestReplaceWhileOpen(t *testing.T) {
	t.Parallel()
	m, path := mustOpen(t, "softmax")
	want := m.Predict(nil, "my card", 0, 0)
	if err := mustLoad(t, "ova").SaveFile(path); err != nil {
		t.Fatal(err)
	}
	if got := m.Predict(nil, "my card", 0, 0); !slices.Equal(got, want) {
		t.Errorf("after its file was replaced: %v, want %v", got, want)
	}
}

func FuzzLoadBytes(f *testing.F) {
	for _, g := range golden {
		file := mustRead(f, modelPath(g.name))
		f.Add(file)
		f.Add(file[:len(file)/2])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := fasttext.LoadBytes(file)
		again, otherErr := fasttext.Load(bytes.NewReader(file))
		if (err == nil) != (otherErr == nil) || err != nil && err.Error() != otherErr.Error() {
			t.Fatalf("LoadBytes says %v, Load %v", err, otherErr)
		}
		if err != nil {
			return
		}
		got, want := m.Predict(nil, "card \xff überweisung x", 3, 0), again.Predict(nil, "card \xff überweisung x", 3, 0)
		if !slices.EqualFunc(got, want, func(a, b fasttext.Prediction) bool {
			return a.Label == b.Label && math.Float32bits(a.Prob) == math.Float32bits(b.Prob)
		}) {
			t.Errorf("LoadBytes predicts %v, Load %v", got, want)
		}
	})
}
