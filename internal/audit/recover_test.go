package audit_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/audit"
)

// TestAfterACrash leaves a folder as a killed server or a failed power supply
// may leave it.
func TestAfterACrash(t *testing.T) {
	t.Parallel()
	appendTo := func(text string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := slices.Max(trailFiles(t, dir))
			mustWrite(t, path, mustRead(t, path)+text)
		}
	}
	for name, c := range map[string]struct {
		do      func(t *testing.T, dir string)
		found   string // what the next start says
		torn    bool   // whether something is set aside
		problem string // what Verify says after it
	}{
		"nothing":           {func(*testing.T, string) {}, audit.Started, false, ""},
		"half a line":       {appendTo(`{"time":"2026-03-04T12:00:00.0`), audit.Recovered, true, ""},
		"a line of rubbish": {appendTo("\x01\x02\x03\n"), audit.Recovered, true, ""},
		"zeros":             {appendTo(strings.Repeat("\x00", 4096)), audit.Recovered, false, ""},
		"a long line":       {appendTo(strings.Repeat("x", 1<<20)), audit.Recovered, true, ""},
		"an empty next file": {func(t *testing.T, dir string) {
			mustWrite(t, filepath.Join(dir, "trail-0000000000099999.jsonl"), "")
		}, audit.Started, false, ""},
		"half a first line": {func(t *testing.T, dir string) {
			mustWrite(t, filepath.Join(dir, "trail-0000000000099999.jsonl"), `{"time":`)
		}, audit.Started, false, ""},
		"less than was synced": {func(t *testing.T, dir string) {
			path := slices.Max(trailFiles(t, dir))
			text := mustRead(t, path)
			mustWrite(t, path, text[:len(text)*3/4])
		}, audit.Damaged, false, "cut off"},
		"a change before the end": {func(t *testing.T, dir string) {
			path := slices.Max(trailFiles(t, dir))
			mustWrite(t, path, strings.Replace(mustRead(t, path), "bucket/7", "bucket/8", 1))
		}, audit.Started, false, "was changed"},
		"no files": {func(t *testing.T, dir string) {
			for _, f := range trailFiles(t, dir) {
				os.Remove(f)
			}
		}, audit.Damaged, false, "files were taken away"},
		"no position": {func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "head.json")) }, audit.Started, false, ""},
		"half a position": {func(t *testing.T, dir string) {
			mustWrite(t, filepath.Join(dir, "head.json"), `{"seq":`)
		}, audit.Damaged, false, "head.json is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			trail := mustOpen(t, dir)
			record(t, trail, 10)
			mustClose(t, trail)
			c.do(t, dir)
			for round := range 2 { // and once more, after a clean end
				trail = mustOpen(t, dir)
				record(t, trail, 3)
				mustClose(t, trail)
				r := mustVerify(t, dir, audit.VerifyOptions{})
				switch {
				case c.problem == "" && r.Problem != nil:
					t.Fatalf("start %d: %v", round, r.Problem)
				case c.problem != "" && (r.Problem == nil || !strings.Contains(r.Problem.Error(), c.problem)):
					t.Fatalf("start %d: got %v, want something about %q", round, r.Problem, c.problem)
				}
			}
			text := ""
			for _, f := range trailFiles(t, dir) {
				text += mustRead(t, f)
			}
			if !strings.Contains(text, `"trail":"`+c.found+`"`) {
				t.Errorf("the trail does not say %q:\n%s", c.found, text)
			}
			if torn, _ := filepath.Glob(filepath.Join(dir, "torn-*")); (len(torn) > 0) != c.torn {
				t.Errorf("set aside: %v", torn)
			}
		})
	}
}

func TestFilesPastTheirTimeGo(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), noon
	trail := mustOpen(t, dir, func(o *audit.Options) {
		o.MaxBytes, o.Keep, o.Now = 4096, 5, func() time.Time { return now }
	})
	record(t, trail, 200)
	before := len(trailFiles(t, dir))
	trail.Retire(t.Context())
	if after := len(trailFiles(t, dir)); before < 10 || after != 5 {
		t.Errorf("%d files of %d are left", after, before)
	}
	mustClose(t, trail)
	r := mustVerify(t, dir, audit.VerifyOptions{})
	if r.Problem != nil || len(r.Notes) == 0 || !strings.Contains(strings.Join(r.Notes, ";"), "past their time") {
		t.Errorf("%v %v", r.Problem, r.Notes)
	}
	os.Remove(trailFiles(t, dir)[0])
	if r := mustVerify(t, dir, audit.VerifyOptions{}); r.Problem == nil || !strings.Contains(r.Problem.What, "files were taken away") {
		t.Errorf("a file that was taken away passes as past its time: %v", r.Problem)
	}

	dir, now = t.TempDir(), time.Now()
	trail = mustOpen(t, dir, func(o *audit.Options) { o.MaxBytes, o.Now = 4096, func() time.Time { return now } })
	record(t, trail, 100)
	trail.Retire(t.Context())
	if n := len(trailFiles(t, dir)); n < 5 {
		t.Errorf("of %d files some went before their time", n)
	}
	now = now.Add(91 * 24 * time.Hour)
	trail.Retire(t.Context())
	if n := len(trailFiles(t, dir)); n > 2 {
		t.Errorf("%d files are left after 91 days", n)
	}
	mustClose(t, trail)
}

func TestAnotherFileEachDay(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), noon
	clock := func(o *audit.Options) { o.Now = func() time.Time { return now } }
	trail := mustOpen(t, dir, clock)
	record(t, trail, 1)
	now = now.Add(20 * time.Hour)
	record(t, trail, 1)
	mustClose(t, trail)
	trail = mustOpen(t, dir, clock) // a start is no new day
	now = now.Add(5 * time.Hour)
	record(t, trail, 2)
	mustClose(t, trail)
	if n := len(trailFiles(t, dir)); n != 2 {
		t.Errorf("%d files", n)
	}
	if r := mustVerify(t, dir, audit.VerifyOptions{}); r.Problem != nil {
		t.Error(r.Problem)
	}
}
