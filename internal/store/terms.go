package store

import (
	"context"
	"fmt"
	"slices"
)

// Term is a name and a value that a record can be found by.
type Term struct{ Name, Value string }

// Indexed is implemented by documents that queries find by terms. Their
// collection calls Index before it is asked.
type Indexed interface{ RecordTerms() []Term }

func termsOf(doc any) []Term {
	if t, ok := doc.(Indexed); ok {
		return t.RecordTerms()
	}
	return nil
}

// Index lets records be found by their terms that were created when their
// documents had none. It does so once in the life of a database.
func (c *Collection[T]) Index(ctx context.Context) error {
	if c.indexed.Load() {
		return nil
	}
	err := c.indexAll(ctx)
	c.indexed.Store(err == nil)
	return err
}

func (c *Collection[T]) indexAll(ctx context.Context) error {
	var done bool
	err := c.db.reader(ctx).QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM indexed_kinds WHERE kind = ?)", c.kind).Scan(&done)
	if done || err != nil {
		return internal(err)
	}
	for q := (Query{Order: ByName, Limit: 1000}); ; {
		err := c.db.Tx(ctx, func(ctx context.Context) error {
			page, next, err := c.List(ctx, q)
			if err != nil {
				return err
			}
			for _, r := range page {
				if err := c.db.index(ctx, c.kind, key(r.Name), nil, termsOf(r.Doc)); err != nil {
					return err
				}
			}
			if q.Token = next; next == "" {
				_, err = c.db.writer(ctx).ExecContext(ctx, "INSERT INTO indexed_kinds (kind) VALUES (?)", c.kind)
			}
			return internal(err)
		})
		if err != nil || q.Token == "" {
			return err
		}
	}
}

// index replaces the terms that a record is found by.
func (db *DB) index(ctx context.Context, kind, key string, before, after []Term) error {
	if slices.Equal(before, after) {
		return nil
	}
	w := db.writer(ctx)
	if len(before) > 0 {
		if _, err := w.ExecContext(ctx, "DELETE FROM record_terms WHERE kind = ? AND key = ?", kind, key); err != nil {
			return internal(err)
		}
	}
	for _, t := range after {
		_, err := w.ExecContext(ctx, "INSERT INTO record_terms (kind, term, value, key) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", kind, t.Name, t.Value, key)
		if err != nil {
			return internal(err)
		}
	}
	return nil
}

// fewFound is up to how many records with a term are looked up one by one; of more,
// those are taken that come first in the order of the query.
const fewFound = 1000

// terms is the index to walk and the conditions for a query for terms.
func (c *Collection[T]) terms(ctx context.Context, q Query) (index string, conditions []string, args []any, err error) {
	index = q.index()
	for _, t := range q.Terms {
		var n int
		err := c.db.reader(ctx).QueryRowContext(ctx, fmt.Sprintf(
			"SELECT count(*) FROM (SELECT 1 FROM record_terms WHERE kind = ? AND term = ? AND value = ? LIMIT %d)", fewFound+1), c.kind, t.Name, t.Value).Scan(&n)
		if err != nil {
			return "", nil, nil, internal(err)
		}
		condition := "EXISTS (SELECT 1 FROM record_terms t WHERE t.kind = ? AND t.term = ? AND t.value = ? AND t.key = records.key)"
		if n <= fewFound {
			index, condition = "records_by_name", "key IN (SELECT key FROM record_terms WHERE kind = ? AND term = ? AND value = ?)"
		}
		conditions, args = append(conditions, condition), append(args, c.kind, t.Name, t.Value)
	}
	return index, conditions, args, nil
}

// countTerm counts the records with a term, all of them.
func (c *Collection[T]) countTerm(ctx context.Context, t Term) (n int, err error) {
	err = c.db.reader(ctx).QueryRowContext(ctx, "SELECT count(*) FROM record_terms WHERE kind = ? AND term = ? AND value = ?", c.kind, t.Name, t.Value).Scan(&n)
	return n, internal(err)
}
