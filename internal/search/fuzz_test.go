package search_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/search"
	"github.com/heliograph/heliograph/internal/store"
)

// thing is a document with a member of each kind.
type thing struct {
	Settings map[string]string
	Parts    []struct{ Name, Address string }
	At       time.Time
	Size     float64
	Tags     []struct{ Key, Value string }
}

func (t thing) RecordTerms() []store.Term { return search.TagTerms(t.Tags) }

// FuzzSearch asks for queries: each is answered or refused.
func FuzzSearch(f *testing.F) {
	f.Add(`{"Expression":{"Operator":"Or","Filters":[{"Name":"Settings.epochs","Operator":"GreaterThan","Value":"9"}]},"SortBy":"Size","Limit":1}`)
	f.Add(`{"Expression":{"NestedFilters":[{"NestedPropertyName":"Parts","Filters":[{"Name":"Parts.Name","Value":"train"}]}]},"Token":"eyJuIjoxLCJqIjoiYSJ9"}`)
	f.Add(`{"Expression":{"SubExpressions":[{"Filters":[{"Name":"CreationTime","Operator":"LessThan","Value":"2026-01-01T00:00:00"}]}]}}`)
	f.Add(`{"Expression":{"Filters":[{"Name":"Of.Tags.team","Value":"red"},{"Name":"Name","Operator":"Contains","Value":"a"},{"Name":"State","Value":"on"}]},"SortBy":"CreationTime"}`)
	f.Add(`{"Expression":{"Filters":[{"Name":"Name","Operator":"In","Value":"a, b"},{"Name":"At","Operator":"Exists"}]},"SortBy":"Of.At","Ascending":true}`)
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(f.TempDir(), "db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	things := store.NewCollection[thing](db, "thing")
	for name, text := range map[string]string{
		"a": `{"Settings":{"epochs":"10"},"Parts":[{"Name":"train","Address":"x"}],"At":"2026-01-01T00:00:00Z","Size":3,"Tags":[{"Key":"team","Value":"red"}]}`,
		"b": `{"Settings":{"epochs":"ten"},"Tags":[{"Key":"team","Value":"blue"}]}`,
		"c": `{}`,
	} {
		r := store.Record[thing]{Name: name, Status: "on"}
		if err := json.Unmarshal([]byte(text), &r.Doc); err != nil {
			f.Fatal(err)
		}
		if _, err := things.Create(ctx, r); err != nil {
			f.Fatal(err)
		}
	}
	resource := search.Resource[thing]{
		Records: things, What: "thing", Name: "Name", Status: "State", Prefix: "Of.", Terms: []string{"Tags"},
		Properties: []string{"Name", "State", "CreationTime", "LastModifiedTime", "Settings", "Parts", "At", "Size", "Tags"},
		Values: func(t *thing, first, rest string) ([]search.Value, bool) {
			if first == "Tags" {
				return search.TagValues(t.Tags, rest), true
			}
			return nil, false
		},
	}
	f.Fuzz(func(t *testing.T, text string) {
		var q search.Query
		if json.Unmarshal([]byte(text), &q) != nil {
			return
		}
		page, next, hits, err := resource.Search(ctx, q)
		if err != nil {
			if !errs.Is(err, errs.Invalid) {
				t.Errorf("%s: %v", text, err)
			}
			return
		}
		if len(page) > hits || hits > 3 || next == "" && q.Token == "" && len(page) != hits {
			t.Errorf("%s: %d of %d, next %q", text, len(page), hits, next)
		}
	})
}
