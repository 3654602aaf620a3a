package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// Record is a named document of type T, with what lists and workers need of it.
type Record[T any] struct {
	Name    string
	Status  string
	Created time.Time // set by Create, microseconds
	Updated time.Time // set by every change
	Version int64     // 1 after Create, one more with every change
	Due     time.Time // work on the record may start then; zero: there is none
	Doc     T
}

// Collection is all records of one kind.
type Collection[T any] struct {
	db      *DB
	kind    string
	indexed atomic.Bool // Index has nothing to do
}

// NewCollection names the collection of the given kind; T must survive
// encoding to JSON and back.
func NewCollection[T any](db *DB, kind string) *Collection[T] {
	return &Collection[T]{db: db, kind: kind}
}

const columns = "name, status, created_at, updated_at, version, due_at, doc"

// Create adds r, whose times and version it sets, and returns it as stored. If
// the name is taken, in any mix of case, the error is a Conflict.
func (c *Collection[T]) Create(ctx context.Context, r Record[T]) (Record[T], error) {
	now := fromMicros(micros(c.db.now()))
	r.Created, r.Updated, r.Version = now, now, 1
	doc, err := json.Marshal(r.Doc)
	if err != nil {
		return r, fmt.Errorf("store: encode %s %q: %w", c.kind, r.Name, err)
	}
	insert := func(ctx context.Context) error {
		_, err := c.db.writer(ctx).ExecContext(ctx,
			"INSERT INTO records (kind, key, "+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			c.kind, key(r.Name), r.Name, r.Status, micros(now), micros(now), r.Version, due(r.Due), string(doc))
		if isUnique(err) {
			return errs.Wrap(err, errs.Conflict, "", "A %s named %q already exists.", c.kind, r.Name)
		}
		return internal(err)
	}
	found := termsOf(r.Doc)
	if len(found) == 0 {
		return r, insert(ctx)
	}
	return r, c.db.Tx(ctx, func(ctx context.Context) error {
		if err := insert(ctx); err != nil {
			return err
		}
		return c.db.index(ctx, c.kind, key(r.Name), nil, found)
	})
}

// Get returns the record of that name, or a NotFound error.
func (c *Collection[T]) Get(ctx context.Context, name string) (Record[T], error) {
	row := c.db.reader(ctx).QueryRowContext(ctx, "SELECT "+columns+" FROM records WHERE kind = ? AND key = ?", c.kind, key(name))
	r, err := scan[T](row)
	if errors.Is(err, sql.ErrNoRows) {
		return r, errs.New(errs.NotFound, "", "There is no %s named %q.", c.kind, name)
	}
	return r, internal(err)
}

// Update changes the record of that name by fn, in one transaction: what fn
// sees is what it changes. It returns the record as stored. If fn returns an
// error, nothing changes and Update returns that error.
func (c *Collection[T]) Update(ctx context.Context, name string, fn func(*Record[T]) error) (Record[T], error) {
	return c.update(ctx, name, "", fn)
}

// UpdateLeased is Update for a worker: it fails with a Conflict if owner does
// not hold the record's lease any more. A record without work due afterwards
// (Due zero) is free of its lease.
func (c *Collection[T]) UpdateLeased(ctx context.Context, name, owner string, fn func(*Record[T]) error) (Record[T], error) {
	return c.update(ctx, name, owner, fn)
}

func (c *Collection[T]) update(ctx context.Context, name, owner string, fn func(*Record[T]) error) (r Record[T], err error) {
	err = c.db.Tx(ctx, func(ctx context.Context) error {
		if r, err = c.Get(ctx, name); err != nil {
			return err
		}
		before := slices.Clone(termsOf(r.Doc)) // fn may change them in place
		if err := fn(&r); err != nil {
			return err
		}
		r.Version++
		r.Updated = fromMicros(micros(c.db.now()))
		doc, err := json.Marshal(r.Doc)
		if err != nil {
			return fmt.Errorf("store: encode %s %q: %w", c.kind, name, err)
		}
		query := "UPDATE records SET status = ?, updated_at = ?, version = ?, due_at = ?, doc = ?"
		if r.Due.IsZero() {
			query += ", lease_owner = NULL, lease_until = NULL"
		}
		query += " WHERE kind = ? AND key = ?"
		args := []any{r.Status, micros(r.Updated), r.Version, due(r.Due), string(doc), c.kind, key(name)}
		if owner != "" {
			query += " AND lease_owner = ?"
			args = append(args, owner)
		}
		result, err := c.db.writer(ctx).ExecContext(ctx, query, args...)
		if err := c.changed(result, err, name); err != nil {
			return err
		}
		return c.db.index(ctx, c.kind, key(name), before, termsOf(r.Doc))
	})
	return r, err
}

// Delete removes the record of that name, after check (which may be nil) has
// seen it in the same transaction and not objected. It returns what it removed.
func (c *Collection[T]) Delete(ctx context.Context, name string, check func(Record[T]) error) (r Record[T], err error) {
	err = c.db.Tx(ctx, func(ctx context.Context) error {
		if r, err = c.Get(ctx, name); err != nil {
			return err
		}
		if check != nil {
			if err := check(r); err != nil {
				return err
			}
		}
		_, err := c.db.writer(ctx).ExecContext(ctx, "DELETE FROM records WHERE kind = ? AND key = ?", c.kind, key(name))
		return internal(err)
	})
	return r, err
}

// changed turns an UPDATE that met no row into the error of a lost lease.
func (c *Collection[T]) changed(result sql.Result, err error, name string) error {
	if err != nil {
		return internal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errs.Wrap(err, errs.Conflict, "", "The lease on %s %q was lost to another worker.", c.kind, name)
	}
	return nil
}

func due(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return micros(t)
}

type row interface{ Scan(dest ...any) error }

// scan reads a record, of its document only the members named, if any are.
func scan[T any](row row, members ...string) (r Record[T], err error) {
	var created, updated int64
	var dueAt sql.NullInt64
	var doc []byte
	if err := row.Scan(&r.Name, &r.Status, &created, &updated, &r.Version, &dueAt, &doc); err != nil {
		return r, err
	}
	r.Created, r.Updated = fromMicros(created), fromMicros(updated)
	if dueAt.Valid {
		r.Due = fromMicros(dueAt.Int64)
	}
	if len(members) > 0 {
		doc = project(doc, members)
	}
	if err := json.Unmarshal(doc, &r.Doc); err != nil {
		return r, fmt.Errorf("store: decode %q: %w", r.Name, err)
	}
	return r, nil
}
