package audit_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/audit"
)

var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func mustOpen(t testing.TB, dir string, change ...func(*audit.Options)) *audit.Trail {
	t.Helper()
	o := audit.Options{Dir: dir, Key: key, Log: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&o)
	}
	trail, err := audit.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return trail
}

func mustRecord(t testing.TB, trail *audit.Trail, entries ...audit.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := trail.Record(t.Context(), &e); err != nil {
			t.Fatal(err)
		}
	}
}

func mustClose(t testing.TB, trail *audit.Trail) {
	t.Helper()
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustVerify(t testing.TB, dir string, opt audit.VerifyOptions) *audit.Report {
	t.Helper()
	r, err := audit.Verify(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// call is the n-th of a series of entries.
func call(n int) audit.Entry {
	return audit.Entry{Time: noon.Add(time.Duration(n) * time.Second), Decision: audit.Allowed, Principal: "arn:aws:iam::000000000000:user/ann",
		Key: "AKIAEXAMPLE", Action: "s3:GetObject", Resource: fmt.Sprintf("arn:aws:s3:::bucket/%d", n), Request: fmt.Sprint("request-", n), Source: "192.0.2.1"}
}

func record(t testing.TB, trail *audit.Trail, n int) {
	t.Helper()
	for i := range n {
		mustRecord(t, trail, call(i))
	}
}

// trailFiles are the trail's files, in order.
func trailFiles(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "trail-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func mustRead(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func mustWrite(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func entriesOf(t testing.TB, text string) (all []audit.Entry) {
	t.Helper()
	for line := range strings.Lines(text) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, e)
	}
	return all
}

func TestEntriesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	trail := mustOpen(t, dir)
	e := audit.Entry{Time: noon.Add(123456789), Decision: audit.Denied, Principal: `a "quoted" \ name`, Key: "<script>", Action: "s3:Put&Get",
		Resource: "arn:aws:s3:::bucket/Grüße\x00\n\xff\u2028", Operation: "PutObject", Request: "r", Source: "::1", Agent: "agent", Reason: "why",
		Policy: "policy", Statement: "#1", Error: "AccessDenied", Detail: strings.Repeat("x", 5000), Durable: true}
	mustRecord(t, trail, e)
	mustClose(t, trail)
	text := mustRead(t, trailFiles(t, dir)[0])
	all := entriesOf(t, text)
	if len(all) != 3 || all[0].Trail != audit.Begun || all[2].Trail != audit.Stopped {
		t.Fatalf("got %+v", all)
	}
	got := all[1]
	if got.Detail != strings.Repeat("x", 2048)+"…" || got.Resource != "arn:aws:s3:::bucket/Grüße\x00\n\ufffd\u2028" || !got.Time.Equal(noon.Add(123456*time.Microsecond)) {
		t.Errorf("got %+v", got)
	}
	got.Time, got.Resource, got.Detail, got.Seq, got.Hash, got.Durable = e.Time, e.Resource, e.Detail, 0, "", true
	if got != e {
		t.Errorf("got %+v, want %+v", got, e)
	}
	line := strings.Split(text, "\n")[1]
	again, err := json.Marshal(json.RawMessage(line))
	if err != nil || string(again) != line {
		t.Errorf("%s is encoded anew as %s (%v)", line, again, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	trail := mustOpen(t, dir, func(o *audit.Options) { o.MaxBytes = 64 << 10 })
	ctx, stop := context.WithCancel(t.Context())
	var background, wg sync.WaitGroup
	background.Go(func() { _ = trail.Run(ctx) })
	const writers, each = 16, 300
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				e := call(i)
				e.Request, e.Durable = fmt.Sprintf("%d/%d", w, i), i%50 == 0
				if err := trail.Record(t.Context(), &e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	stop()
	background.Wait()
	mustClose(t, trail)
	if r := mustVerify(t, dir, audit.VerifyOptions{}); r.Problem != nil || r.Files < 10 || r.Last != r.Head && r.Last.Seq != r.Head.Seq {
		t.Errorf("%+v %v", r, r.Problem)
	}
	next := [writers]int{}
	for _, file := range trailFiles(t, dir) {
		for _, e := range entriesOf(t, mustRead(t, file)) {
			var w, i int
			if _, err := fmt.Sscanf(e.Request, "%d/%d", &w, &i); err != nil {
				continue
			}
			if next[w] != i {
				t.Fatalf("writer %d: entry %d where %d belongs", w, i, next[w])
			}
			next[w]++
		}
	}
	for w, n := range next {
		if n != each {
			t.Errorf("writer %d has %d entries", w, n)
		}
	}
	if err := trail.Record(t.Context(), new(audit.Entry)); err == nil {
		t.Error("a closed trail took an entry")
	}
}

// TestChangesAreFound does to a trail what somebody might who can write to its
// folder.
func TestChangesAreFound(t *testing.T) {
	t.Parallel()
	lineOf := func(text string, n int) string { return strings.SplitAfter(text, "\n")[n] }
	edit := func(change func(text string) string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := trailFiles(t, dir)[1]
			text := mustRead(t, path)
			changed := change(text)
			if changed == text {
				t.Fatal("nothing was changed")
			}
			mustWrite(t, path, changed)
		}
	}
	for name, c := range map[string]struct {
		do   func(t *testing.T, dir string)
		line int
		what string
	}{
		"nothing":        {func(*testing.T, string) {}, 0, ""},
		"a text changed": {edit(func(s string) string { return strings.Replace(s, "bucket/20", "bucket/99", 1) }), 0, "was changed"},
		"a line taken":   {edit(func(s string) string { return strings.Replace(s, lineOf(s, 4), "", 1) }), 5, "taken out"},
		"a line put in":  {edit(func(s string) string { return strings.Replace(s, lineOf(s, 4), lineOf(s, 4)+lineOf(s, 4), 1) }), 6, "put in"},
		"two exchanged": {edit(func(s string) string {
			return strings.Replace(s, lineOf(s, 3)+lineOf(s, 4), lineOf(s, 4)+lineOf(s, 3), 1)
		}), 4, "moved"},
		"another hash":    {edit(func(s string) string { return strings.Replace(s, lineOf(s, 2)[len(lineOf(s, 2))-9:], "00000000\n", 1) }), 3, "hash"},
		"no JSON":         {edit(func(s string) string { return strings.Replace(s, lineOf(s, 2), "hello\n", 1) }), 3, "too short"},
		"first line gone": {edit(func(s string) string { return strings.Replace(s, lineOf(s, 0), "", 1) }), 1, "hash before it"},
		"cut in a line":   {edit(func(s string) string { return s[:len(s)-10] }), 0, "cut off"},
		"cut after a line": {edit(func(s string) string {
			return strings.TrimSuffix(s, lineOf(s, strings.Count(s, "\n")-1))
		}), 1, "cut short"},
		"a file gone":    {func(t *testing.T, dir string) { os.Remove(trailFiles(t, dir)[2]) }, 1, "a file was taken out"},
		"the first gone": {func(t *testing.T, dir string) { os.Remove(trailFiles(t, dir)[0]) }, 1, "files were taken away"},
		"the last gone":  {func(t *testing.T, dir string) { os.Remove(slices.Max(trailFiles(t, dir))) }, 0, "cut short"},
		"all gone": {func(t *testing.T, dir string) {
			for _, f := range trailFiles(t, dir) {
				os.Remove(f)
			}
		}, 0, "no trail"},
		"the position gone": {func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "head.json")) }, 0, "is gone"},
		"another position": {func(t *testing.T, dir string) {
			path := filepath.Join(dir, "head.json")
			mustWrite(t, path, strings.Replace(mustRead(t, path), `"seq":`, `"seq":1`, 1)[:512])
		}, 0, "signature"},
		"the end cut": {func(t *testing.T, dir string) {
			path := slices.Max(trailFiles(t, dir))
			text := mustRead(t, path)
			mustWrite(t, path, strings.TrimSuffix(text, lineOf(text, strings.Count(text, "\n")-1)))
		}, 0, "cut short"},
		"written anew": {func(t *testing.T, dir string) { // with another key, all hashes right
			for _, f := range trailFiles(t, dir) {
				os.Remove(f)
			}
			head := mustRead(t, filepath.Join(dir, "head.json"))
			pub := mustRead(t, filepath.Join(dir, audit.PublicKeyFile))
			os.Remove(filepath.Join(dir, "head.json"))
			trail := mustOpen(t, dir, func(o *audit.Options) {
				o.MaxBytes, o.Key = 4096, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
			})
			record(t, trail, 60)
			mustClose(t, trail)
			mustWrite(t, filepath.Join(dir, "head.json"), head)
			mustWrite(t, filepath.Join(dir, audit.PublicKeyFile), pub)
		}, 0, "written anew"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			trail := mustOpen(t, dir, func(o *audit.Options) { o.MaxBytes = 4096 })
			record(t, trail, 60)
			mustClose(t, trail)
			c.do(t, dir)
			r := mustVerify(t, dir, audit.VerifyOptions{})
			switch {
			case c.what == "" && r.Problem != nil:
				t.Errorf("got %v", r.Problem)
			case c.what == "":
			case r.Problem == nil:
				t.Error("nothing was found")
			case !strings.Contains(r.Problem.Error(), c.what) || c.line > 0 && r.Problem.Line != c.line:
				t.Errorf("got %v, want line %d and something about %q", r.Problem, c.line, c.what)
			}
		})
	}
}

func TestPositionsNotedElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	trail := mustOpen(t, dir)
	record(t, trail, 5)
	noted := trail.End()
	record(t, trail, 5)
	mustClose(t, trail)
	again, err := audit.ParsePoint(noted.String())
	if err != nil {
		t.Fatal(err)
	}
	if r := mustVerify(t, dir, audit.VerifyOptions{Points: []audit.Point{again}}); r.Problem != nil {
		t.Errorf("the right position: %v", r.Problem)
	}
	again.Hash[0]++
	if r := mustVerify(t, dir, audit.VerifyOptions{Points: []audit.Point{again}}); r.Problem == nil || r.Problem.Line != 6 {
		t.Errorf("another hash: %v", r.Problem)
	}
	again.Seq = 1000
	if r := mustVerify(t, dir, audit.VerifyOptions{Points: []audit.Point{again}}); r.Problem == nil {
		t.Error("a position behind the end was taken")
	}
	other := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	if r := mustVerify(t, dir, audit.VerifyOptions{Key: other}); r.Problem == nil || !strings.Contains(r.Problem.What, "signature") {
		t.Errorf("another key: %v", r.Problem)
	}
	for _, text := range []string{"", "1", "1:", "x:" + strings.Repeat("0", 64), "1:00", "1:" + strings.Repeat("x", 64)} {
		if _, err := audit.ParsePoint(text); err == nil {
			t.Errorf("%q is a position", text)
		}
	}
}
