package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

type fruit struct {
	Colour string
	Seeds  int
}

func mustOpen(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func newDB(t *testing.T) *DB {
	t.Helper()
	return mustOpen(t, filepath.Join(t.TempDir(), "a b?.db")) // a name that needs escaping in a DSN
}

func wantKind(t *testing.T, err error, kind errs.Kind) {
	t.Helper()
	if !errs.Is(err, kind) {
		t.Fatalf("error = %v, want kind %v", err, kind)
	}
}

func TestRecordLife(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	db := mustOpen(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("database file: %v, %v", info, err)
	}
	fruits := NewCollection[fruit](db, "fruit")
	ctx := t.Context()

	created, err := fruits.Create(ctx, Record[fruit]{Name: "Apple", Status: "ripe", Doc: fruit{"red", 5}})
	if err != nil {
		t.Fatal(err)
	}
	if created.Version != 1 || created.Created.IsZero() {
		t.Errorf("created = %+v", created)
	}
	_, err = fruits.Create(ctx, Record[fruit]{Name: "aPPLE"})
	wantKind(t, err, errs.Conflict)
	if _, err := NewCollection[fruit](db, "stone").Create(ctx, Record[fruit]{Name: "apple"}); err != nil {
		t.Errorf("another kind's name is in the way: %v", err)
	}

	updated, err := fruits.Update(ctx, "apple", func(r *Record[fruit]) error { r.Doc.Seeds++; r.Status = "eaten"; return nil })
	if err != nil || updated.Version != 2 {
		t.Fatalf("updated = %+v, %v", updated, err)
	}
	refusal := errors.New("no")
	if _, err := fruits.Update(ctx, "apple", func(r *Record[fruit]) error { r.Doc.Seeds = 99; return refusal }); !errors.Is(err, refusal) {
		t.Errorf("error = %v, want the function's own", err)
	}

	db.Close()
	fruits = NewCollection[fruit](mustOpen(t, path), "fruit")
	got, err := fruits.Get(ctx, "APPLE")
	if err != nil {
		t.Fatal(err)
	}
	if got != updated || got.Name != "Apple" || got.Doc.Seeds != 6 {
		t.Errorf("after reopening: %+v, want %+v", got, updated)
	}

	_, err = fruits.Delete(ctx, "apple", func(Record[fruit]) error { return errs.New(errs.Conflict, "", "in use") })
	wantKind(t, err, errs.Conflict)
	if _, err := fruits.Delete(ctx, "apple", nil); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		second(fruits.Get(ctx, "apple")), second(fruits.Delete(ctx, "apple", nil)),
		second(fruits.Update(ctx, "apple", func(*Record[fruit]) error { return nil })),
	} {
		wantKind(t, err, errs.NotFound)
	}
}

func second[T any](_ T, err error) error { return err }

func TestUpdatesDoNotLoseEachOther(t *testing.T) {
	t.Parallel()
	fruits := NewCollection[fruit](newDB(t), "fruit")
	ctx := t.Context()
	if _, err := fruits.Create(ctx, Record[fruit]{Name: "melon"}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if _, err := fruits.Update(ctx, "melon", func(r *Record[fruit]) error { r.Doc.Seeds++; return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got, _ := fruits.Get(ctx, "melon"); got.Doc.Seeds != 80 {
		t.Errorf("seeds = %d, want 80", got.Doc.Seeds)
	}
}

func TestTxIsAllOrNothing(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	fruits := NewCollection[fruit](db, "fruit")
	refusal := errors.New("no")
	err := db.Tx(t.Context(), func(ctx context.Context) error {
		if _, err := fruits.Create(ctx, Record[fruit]{Name: "fig"}); err != nil {
			return err
		}
		if _, err := fruits.Get(ctx, "fig"); err != nil {
			t.Errorf("a transaction does not see its own write: %v", err)
		}
		return refusal
	})
	if !errors.Is(err, refusal) {
		t.Errorf("error = %v", err)
	}
	_, err = fruits.Get(t.Context(), "fig")
	wantKind(t, err, errs.NotFound)
}

func TestListPages(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	db.now = func() time.Time { return clock }
	fruits := NewCollection[fruit](db, "fruit")
	statuses := []string{"ripe", "green"}
	for i := range 25 {
		clock = clock.Add(time.Duration(i%3) * time.Second) // some share their time
		if _, err := fruits.Create(t.Context(), Record[fruit]{Name: fmt.Sprintf("Fruit-%02d", (i*7)%25), Status: statuses[i%2]}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		q    Query
		want int
	}{
		{"by creation", Query{}, 25},
		{"by creation, latest first", Query{Descending: true}, 25},
		{"by name", Query{Order: ByName}, 25},
		{"by name, backwards", Query{Order: ByName, Descending: true}, 25},
		{"by status", Query{Order: ByStatus}, 25},
		{"of a status", Query{Status: "green"}, 12},
		{"whose name contains", Query{NameContains: "fruit-1"}, 10},
		{"whose name contains a wildcard", Query{NameContains: "%"}, 0},
		{"created since", Query{CreatedAfter: clock}, 2},
		{"created until", Query{CreatedBefore: clock.Add(-time.Hour)}, 0},
		{"updated since", Query{UpdatedAfter: clock, UpdatedBefore: clock}, 2},
		{"by change", Query{Order: ByUpdated}, 25},
		{"by change, latest first, of a status", Query{Order: ByUpdated, Descending: true, Status: "green"}, 12},
		{"by name, of a status, updated since", Query{Order: ByName, Status: "green", UpdatedAfter: clock.Add(-time.Hour)}, 12},
		{"whose name contains, by status", Query{Order: ByStatus, NameContains: "FRUIT-1"}, 10},
		{"whose name holds", Query{NameHolds: "Fruit-1"}, 10},
		{"whose name holds, in other case", Query{NameHolds: "fruit-1", Order: ByUpdated}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			whole := test.q
			all, next, err := fruits.List(t.Context(), whole)
			if err != nil || next != "" || len(all) != test.want {
				t.Fatalf("%d records, next %q, %v; want %d", len(all), next, err, test.want)
			}
			if n, err := fruits.Count(t.Context(), whole); n != test.want || err != nil {
				t.Errorf("counted %d, %v; want %d", n, err, test.want)
			}
			var names, paged []string
			for _, r := range all {
				names = append(names, r.Name)
			}
			q := test.q
			for q.Limit = 4; ; q.Token = next {
				var page []Record[fruit]
				if page, next, err = fruits.List(t.Context(), q); err != nil {
					t.Fatal(err)
				}
				for _, r := range page {
					paged = append(paged, r.Name)
				}
				if next == "" {
					break
				}
			}
			if !slices.Equal(names, paged) {
				t.Errorf("in pages of four: %q, want %q", paged, names)
			}
		})
	}
	for _, q := range []Query{{Limit: -1}, {Limit: 1001}, {Token: "x"}, {Token: "e30", Order: ByStatus}} {
		_, _, err := fruits.List(t.Context(), q)
		wantKind(t, err, errs.Invalid)
	}
	page, next, _ := fruits.List(t.Context(), Query{Limit: 1})
	_, _, err := fruits.List(t.Context(), Query{Limit: 1, Token: next, Order: ByName})
	if len(page) != 1 {
		t.Fatal("no page")
	}
	wantKind(t, err, errs.Invalid)
}

func TestLeases(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	db.now = func() time.Time { return clock }
	jobs := NewCollection[fruit](db, "job")
	ctx := t.Context()
	for i, due := range []time.Time{clock, clock.Add(-time.Minute), clock.Add(time.Hour), {}} {
		if _, err := jobs.Create(ctx, Record[fruit]{Name: fmt.Sprint("job-", i), Due: due}); err != nil {
			t.Fatal(err)
		}
	}
	claim := func(owner, want string) {
		t.Helper()
		r, ok, err := jobs.Claim(ctx, owner, 10*time.Second)
		if err != nil || ok != (want != "") || r.Name != want {
			t.Fatalf("%s claimed %q, %v, %v; want %q", owner, r.Name, ok, err, want)
		}
	}
	claim("a", "job-1")
	claim("b", "job-0")
	claim("c", "")

	clock = clock.Add(8 * time.Second)
	if err := jobs.Renew(ctx, "job-1", "a", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(5 * time.Second) // b's lease has run out, a's was renewed
	claim("c", "job-0")
	wantKind(t, jobs.Renew(ctx, "job-0", "b", time.Second), errs.Conflict)
	_, err := jobs.UpdateLeased(ctx, "job-0", "b", func(r *Record[fruit]) error { r.Status = "done"; return nil })
	wantKind(t, err, errs.Conflict)
	if r, _ := jobs.Get(ctx, "job-0"); r.Status == "done" {
		t.Error("a worker without the lease changed the record")
	}

	if _, err := jobs.UpdateLeased(ctx, "job-0", "c", func(r *Record[fruit]) error { r.Due = time.Time{}; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := jobs.Release(ctx, "job-1", "a"); err != nil {
		t.Fatal(err)
	}
	claim("d", "job-1")
	claim("d", "")
	if err := db.ReleaseLeases(ctx); err != nil {
		t.Fatal(err)
	}
	claim("e", "job-1")
}

func TestClaimIsExclusive(t *testing.T) {
	t.Parallel()
	jobs := NewCollection[fruit](newDB(t), "job")
	for i := range 20 {
		if _, err := jobs.Create(t.Context(), Record[fruit]{Name: fmt.Sprint(i), Due: time.Unix(1, 0)}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for {
				r, ok, err := jobs.Claim(t.Context(), fmt.Sprint("worker-", worker), time.Minute)
				if err != nil {
					t.Error(err)
				}
				if !ok {
					return
				}
				mu.Lock()
				seen[r.Name]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 20 {
		t.Errorf("%d of 20 jobs were claimed", len(seen))
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("job %s was claimed %d times", name, n)
		}
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	ctx := t.Context()
	_, err := db.LogStreams(ctx, "g", "", "", 10)
	wantKind(t, err, errs.NotFound)

	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)).UTC() }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.AppendLog(ctx, "g", "s1", nil))
	must(db.AppendLog(ctx, "g", "s1", []LogEvent{{At: at(5), Message: "a"}, {At: at(5), Message: "b"}}))
	must(db.AppendLog(ctx, "g", "s1", []LogEvent{{At: at(5), Message: "c"}, {At: at(9), Message: "d"}}))
	must(db.AppendLog(ctx, "g", "s2", []LogEvent{{At: at(6), Message: "e"}}))

	streams, err := db.LogStreams(ctx, "g", "s", "", 10)
	must(err)
	if len(streams) != 2 || streams[0].First != at(5) || streams[0].Last != at(9) {
		t.Errorf("streams = %+v", streams)
	}
	if streams, _ := db.LogStreams(ctx, "g", "s", "s1", 10); len(streams) != 1 {
		t.Errorf("after s1: %+v", streams)
	}
	for _, test := range []struct {
		name string
		q    LogQuery
		want string
	}{
		{"one stream", LogQuery{Streams: []string{"s1"}, Limit: 9}, "abcd"},
		{"both, by time", LogQuery{Streams: []string{"s1", "s2"}, Limit: 9}, "abced"},
		{"limited", LogQuery{Streams: []string{"s1"}, Limit: 3}, "abc"},
		{"the latest", LogQuery{Streams: []string{"s1"}, Limit: 3, Backward: true}, "bcd"},
		{"after an event", LogQuery{Streams: []string{"s1"}, After: &LogEvent{Stream: "s1", At: at(5), Seq: 1}, Limit: 9}, "cd"},
		{"before an event", LogQuery{Streams: []string{"s1"}, After: &LogEvent{Stream: "s1", At: at(5), Seq: 1}, Backward: true, Limit: 9}, "a"},
		{"from a time", LogQuery{Streams: []string{"s1", "s2"}, Start: at(6), Limit: 9}, "ed"},
		{"until a time", LogQuery{Streams: []string{"s1", "s2"}, End: at(6), Limit: 9}, "abc"},
	} {
		test.q.Group = "g"
		events, err := db.Logs(ctx, test.q)
		got := ""
		for _, e := range events {
			got += e.Message
		}
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, got, err, test.want)
		}
	}
	_, err = db.Logs(ctx, LogQuery{Group: "g", Streams: []string{"nope"}, Limit: 1})
	wantKind(t, err, errs.NotFound)
	if groups, err := db.LogGroups(ctx, "g"); err != nil || !slices.Equal(groups, []string{"g"}) {
		t.Errorf("groups = %q, %v", groups, err)
	}
}

func FuzzListToken(f *testing.F) {
	db, err := Open(f.Context(), filepath.Join(f.TempDir(), "x.db"))
	if err != nil {
		f.Fatal(err)
	}
	defer db.Close()
	fruits := NewCollection[fruit](db, "fruit")
	f.Add("e30", 0, false)
	f.Add("eyJ2IjoxLCJrIjoiYSIsIm8iOjB9", 0, false)
	f.Add("eyJ2IjoieCIsImsiOiJhIiwibyI6Mn0", 2, true)
	f.Fuzz(func(t *testing.T, token string, order int, desc bool) {
		_, _, err := fruits.List(t.Context(), Query{Token: token, Order: Order(order), Descending: desc})
		if err != nil && !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", token, err)
		}
	})
}
