package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/store"
)

// labelled is a document that is found by its terms.
type labelled struct{ Terms []store.Term }

func (l labelled) RecordTerms() []store.Term { return l.Terms }

func TestTerms(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	things := store.NewCollection[labelled](db, "thing")
	const n = 1500
	err = db.Tx(ctx, func(ctx context.Context) error {
		for i := range n {
			doc := labelled{[]store.Term{{Name: "all", Value: "yes"}, {Name: "last", Value: fmt.Sprint(i % 10)}}}
			if _, err := things.Create(ctx, store.Record[labelled]{Name: fmt.Sprintf("Thing-%04d", i), Status: []string{"odd", "even"}[i%2], Doc: doc}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, q store.Query, want int, first string) {
		t.Helper()
		var names []string
		for q.Limit = 400; ; {
			page, next, err := things.List(ctx, q)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			for _, r := range page {
				names = append(names, r.Name)
			}
			if q.Token = next; next == "" {
				break
			}
		}
		count, err := things.Count(ctx, q)
		if err != nil || count != want || len(names) != want || want > 0 && names[0] != first {
			t.Errorf("%s: %d records, counted %d (%v), want %d, the first of them %s", what, len(names), count, err, want, first)
		}
		if slices.Sort(names); len(slices.Compact(names)) != want {
			t.Errorf("%s: some records are there twice", what)
		}
	}
	term := func(pairs ...string) (terms []store.Term) {
		for _, p := range pairs {
			k, v, _ := strings.Cut(p, "=")
			terms = append(terms, store.Term{Name: k, Value: v})
		}
		return terms
	}
	check("a term of many", store.Query{Terms: term("all=yes")}, n, "Thing-0000")
	check("of many, backwards", store.Query{Terms: term("all=yes"), Descending: true, Order: store.ByName}, n, "Thing-1499")
	check("a term of few", store.Query{Terms: term("last=3"), Order: store.ByUpdated}, n/10, "Thing-0003")
	check("both", store.Query{Terms: term("all=yes", "last=3")}, n/10, "Thing-0003")
	check("with a status", store.Query{Terms: term("last=3"), Status: "even"}, n/10, "Thing-0003")
	check("with another status", store.Query{Terms: term("last=3"), Status: "odd"}, 0, "")
	check("many with a status", store.Query{Terms: term("all=yes"), Status: "odd", Order: store.ByStatus}, n/2, "Thing-0000")
	check("with a name", store.Query{Terms: term("all=yes"), NameContains: "THING-00"}, 100, "Thing-0000")
	check("another value", store.Query{Terms: term("all=no")}, 0, "")

	if _, err := things.Update(ctx, "thing-0003", func(r *store.Record[labelled]) error {
		r.Doc.Terms[1].Value = "new" // in place
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := things.Delete(ctx, "thing-0013", nil); err != nil {
		t.Fatal(err)
	}
	check("the term as it was", store.Query{Terms: term("last=3")}, n/10-2, "Thing-0023")
	check("the term as it is", store.Query{Terms: term("last=new")}, 1, "Thing-0003")
	check("after a deletion", store.Query{Terms: term("all=yes")}, n-1, "Thing-0000")
	if _, err := things.Update(ctx, "thing-0003", func(r *store.Record[labelled]) error {
		r.Doc.Terms = nil
		return fmt.Errorf("no")
	}); err == nil {
		t.Fatal("the update was done")
	}
	check("after a change that was refused", store.Query{Terms: term("last=new")}, 1, "Thing-0003")
}

// plain is a document of the same kind from before it had terms.
type plain struct{ Terms []store.Term }

func TestIndexFindsOlderRecords(t *testing.T) {
	t.Parallel()
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "db")
	db, err := store.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	older := store.NewCollection[plain](db, "thing")
	for i := range 3 {
		if _, err := older.Create(ctx, store.Record[plain]{Name: fmt.Sprint(i), Doc: plain{[]store.Term{{Name: "n", Value: fmt.Sprint(i)}}}}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // again changes nothing
		things := store.NewCollection[labelled](db, "thing")
		if err := things.Index(ctx); err != nil {
			t.Fatal(err)
		}
		page, _, err := things.List(ctx, store.Query{Terms: []store.Term{{Name: "n", Value: "1"}}})
		if err != nil || len(page) != 1 || page[0].Name != "1" {
			t.Errorf("found %+v, %v", page, err)
		}
	}
}
