package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/heliograph/heliograph/internal/telemetry"
)

// stream is a destination that can fail.
type stream struct {
	mu      sync.Mutex
	batches [][]telemetry.Line
	fail    error
	tries   int
}

func (s *stream) append(_ context.Context, lines []telemetry.Line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if s.fail != nil {
		return s.fail
	}
	s.batches = append(s.batches, slices.Clone(lines))
	return nil
}

func (s *stream) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *stream) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, b := range s.batches {
		for _, l := range b {
			all = append(all, l.Text)
		}
	}
	return all
}

func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 200<<10) // 400 KiB
	for name, c := range map[string]struct{ writes, want []string }{
		"whole":            {[]string{"a\nb\n"}, []string{"a", "b"}},
		"in portions":      {[]string{"a", "b", "\nc", "\n"}, []string{"ab", "c"}},
		"without an end":   {[]string{"a\nb"}, []string{"a", "b"}},
		"windows":          {[]string{"a\r\nb\r\n\r\n"}, []string{"a", "b", ""}},
		"empty lines":      {[]string{"\n\na\n"}, []string{"", "", "a"}},
		"nothing":          {[]string{""}, nil},
		"invalid UTF-8":    {[]string{"a\xffb\n"}, []string{"a\uFFFDb"}},
		"broken character": {[]string{"\xc3", "\xa9\n"}, []string{"é"}},
		"too long":         {[]string{"x" + long + "\nend\n"}, []string{"x" + long[:256<<10-2], long[256<<10-2:], "end"}},
		"exactly as long":  {[]string{strings.Repeat("x", 256<<10) + "\nend\n"}, []string{strings.Repeat("x", 256<<10), "end"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s stream
			w := telemetry.NewLogWriter(s.append, nil)
			for _, text := range c.writes {
				if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
					t.Fatalf("wrote %d of %d: %v", n, len(text), err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got := s.lines()
			if !slices.Equal(got, c.want) {
				t.Errorf("got %.200q, want %.200q", got, c.want)
			}
			if _, err := w.Write([]byte("x\n")); err == nil {
				t.Error("wrote after Close")
			}
			if err := w.Close(); err != nil || !utf8.ValidString(strings.Join(got, "")) {
				t.Errorf("closed again: %v", err)
			}
		})
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s stream
		w := telemetry.NewLogWriter(s.append, nil)
		start := time.Now()
		fmt.Fprintln(w, "one")
		time.Sleep(100 * time.Millisecond)
		fmt.Fprintln(w, "two")
		time.Sleep(149 * time.Millisecond)
		synctest.Wait()
		if got := s.lines(); got != nil {
			t.Errorf("after 249 ms: %q", got)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got := s.lines(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("after 251 ms: %q", got)
		}
		if b := s.batches[0]; !b[0].At.Equal(start) || !b[1].At.Equal(start.Add(100*time.Millisecond)) {
			t.Errorf("stamps %v, %v", b[0].At, b[1].At)
		}
		for i := range 100 {
			fmt.Fprintln(w, i)
		}
		synctest.Wait()
		if got := len(s.lines()); got != 102 {
			t.Errorf("a full batch waits: %d lines", got)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s stream
		s.fail = errors.New("disk full")
		w := telemetry.NewLogWriter(s.append, nil)
		for i := range 12_000 {
			fmt.Fprintln(w, i)
			if i%1000 == 0 {
				time.Sleep(500 * time.Millisecond)
			}
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s.tries > 30 {
			t.Errorf("%d attempts in 16 seconds", s.tries)
		}
		s.set(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		got := s.lines()
		if len(got) != 10_001 || !strings.Contains(got[0], "2000 lines were lost") || got[1] != "2000" || got[10_000] != "11999" {
			t.Errorf("got %d lines from %q, %q to %q", len(got), got[0], got[1], got[len(got)-1])
		}
		s.set(errors.New("disk gone"))
		fmt.Fprintln(w, "last")
		if err := w.Close(); !errors.Is(err, s.fail) {
			t.Errorf("close: %v", err)
		}
	})
}

func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	var s stream
	w := telemetry.NewLogWriter(s.append, nil)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				fmt.Fprintf(w, "%d %d\n", g, i)
			}
		})
	}
	wg.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	next := [8]int{}
	for _, l := range s.lines() {
		var g, i int
		if _, err := fmt.Sscan(l, &g, &i); err != nil || next[g] != i {
			t.Fatalf("line %q, expected number %d", l, next[g])
		}
		next[g]++
	}
	if next != [8]int{500, 500, 500, 500, 500, 500, 500, 500} {
		t.Errorf("got %v lines", next)
	}
}
