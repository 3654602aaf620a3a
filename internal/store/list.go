package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// Order is what a list is sorted by; equal values are in the order of names.
type Order int

const (
	ByCreated Order = iota
	ByName
	ByStatus
	ByUpdated // a record that changes between two pages may appear twice or not at all
)

// Query selects and sorts the records of a list. Zero fields select everything.
type Query struct {
	Status        string    // exactly this
	NameContains  string    // without regard to case
	NameHolds     string    // with regard to case
	CreatedAfter  time.Time // at this time or later
	CreatedBefore time.Time // at this time or earlier
	UpdatedAfter  time.Time
	UpdatedBefore time.Time
	Terms         []Term // each of them; of documents that are Indexed
	Order         Order
	Descending    bool
	Limit         int    // 1 to 1,000; 0 means 100
	Token         string // the next of an earlier page, with the same order

	// Members are those of the documents' members, at the top level, that are
	// wanted; the others stay zero. All are, if nil; with none, documents are not even read.
	Members []string
}

// position is where a page ended: the sorted column's value, and the key.
type position struct {
	Value any    `json:"v,omitempty"`
	Key   string `json:"k"`
	Order Order  `json:"o"`
	Desc  bool   `json:"d,omitempty"`
}

// List returns a page of records and the token of the next page, "" if this is
// the last. Records that come or go between two pages appear or don't; others
// appear exactly once.
func (c *Collection[T]) List(ctx context.Context, q Query) (page []Record[T], next string, err error) {
	limit := q.Limit
	if limit == 0 {
		limit = 100
	}
	if limit < 1 || limit > 1000 {
		return nil, "", errs.Invalidf("The page size %d is not between 1 and 1000.", q.Limit)
	}
	from, args, err := c.from(ctx, q)
	if err != nil {
		return nil, "", err
	}
	column, direction := q.column(), "ASC"
	if q.Descending {
		direction = "DESC"
	}
	wanted := columns
	if q.Members != nil && len(q.Members) == 0 {
		wanted = "name, status, created_at, updated_at, version, due_at, '{}'"
	}
	rows, err := c.db.reader(ctx).QueryContext(ctx, fmt.Sprintf(
		"SELECT %s %s ORDER BY %s %s, key %s LIMIT %d", wanted, from, column, direction, direction, limit+1), args...)
	if err != nil {
		return nil, "", internal(err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scan[T](rows, q.Members...)
		if err != nil {
			return nil, "", internal(err)
		}
		page = append(page, r)
	}
	if err := rows.Err(); err != nil {
		return nil, "", internal(err)
	}
	if len(page) > limit {
		page = page[:limit]
		last := page[limit-1]
		at := last.Created
		if q.Order == ByUpdated {
			at = last.Updated
		}
		next = tokenAfter(q, last.Name, last.Status, at)
	}
	return page, next, nil
}

// Count returns how many records the query selects, on all pages.
func (c *Collection[T]) Count(ctx context.Context, q Query) (n int, err error) {
	if q.selectsTerm() {
		return c.countTerm(ctx, q.Terms[0])
	}
	q.Token = ""
	from, args, err := c.from(ctx, q)
	if err != nil {
		return 0, err
	}
	err = c.db.reader(ctx).QueryRowContext(ctx, "SELECT count(*) "+from, args...).Scan(&n)
	return n, internal(err)
}

// selectsTerm reports whether the query is for a term and nothing else.
func (q Query) selectsTerm() bool {
	return len(q.Terms) == 1 && q.Status == "" && q.NameContains == "" && q.NameHolds == "" &&
		q.CreatedAfter.IsZero() && q.CreatedBefore.IsZero() && q.UpdatedAfter.IsZero() && q.UpdatedBefore.IsZero()
}

func (q Query) column() string {
	switch q.Order {
	case ByName:
		return "key"
	case ByStatus:
		return "status"
	case ByUpdated:
		return "updated_at"
	default:
		return "created_at"
	}
}

// index is the one that has the order of the query and the columns that it
// filters by. SQLite, left to choose, takes the one with the narrowest filter and sorts whole documents.
func (q Query) index() string {
	switch {
	case q.Order == ByUpdated:
		return "records_by_change"
	case q.Order == ByStatus, q.Order == ByName && q.Status != "":
		return "records_by_status"
	case q.Order == ByName:
		return "records_by_name"
	case q.Status != "":
		return "records_by_status_and_creation"
	default:
		return "records_by_creation"
	}
}

// from is the part of a statement that selects the records.
func (c *Collection[T]) from(ctx context.Context, q Query) (string, []any, error) {
	terms, args := []string{"kind = ?"}, []any{c.kind}
	add := func(term string, values ...any) {
		terms = append(terms, term)
		args = append(args, values...)
	}
	if q.Status != "" {
		add("status = ?", q.Status)
	}
	if q.NameContains != "" {
		add("instr(key, ?) > 0", key(q.NameContains))
	}
	if q.NameHolds != "" {
		add("instr(name, ?) > 0", q.NameHolds)
	}
	for _, bound := range []struct {
		term string
		at   time.Time
	}{
		{"created_at >= ?", q.CreatedAfter}, {"created_at <= ?", q.CreatedBefore},
		{"updated_at >= ?", q.UpdatedAfter}, {"updated_at <= ?", q.UpdatedBefore},
	} {
		if !bound.at.IsZero() {
			add(bound.term, micros(bound.at))
		}
	}
	if q.Token != "" {
		p, err := parseToken(q)
		if err != nil {
			return "", nil, err
		}
		than := ">"
		if q.Descending {
			than = "<"
		}
		if q.Order == ByName {
			add("key "+than+" ?", p.Key)
		} else {
			add(fmt.Sprintf("(%s, key) %s (?, ?)", q.column(), than), p.Value, p.Key)
		}
	}
	index, more, values, err := c.terms(ctx, q)
	if err != nil {
		return "", nil, err
	}
	terms, args = append(terms, more...), append(args, values...)
	return "FROM records INDEXED BY " + index + " WHERE " + strings.Join(terms, " AND "), args, nil
}

func tokenAfter(q Query, name, status string, at time.Time) string {
	p := position{Key: key(name), Order: q.Order, Desc: q.Descending}
	switch q.Order {
	case ByCreated, ByUpdated:
		p.Value = micros(at)
	case ByStatus:
		p.Value = status
	}
	text, _ := json.Marshal(p) // strings and numbers always encode
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseToken(q Query) (p position, err error) {
	bad := errs.Invalidf("The token of the next page is not one that this list gave.")
	text, err := base64.RawURLEncoding.DecodeString(q.Token)
	if err != nil || len(text) > 4096 {
		return p, bad
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&p); err != nil || p.Order != q.Order || p.Desc != q.Descending {
		return p, bad
	}
	switch value := p.Value.(type) {
	case json.Number:
		at, err := value.Int64()
		if err != nil || q.Order != ByCreated && q.Order != ByUpdated {
			return p, bad
		}
		p.Value = at
	case string:
		if q.Order != ByStatus {
			return p, bad
		}
	case nil:
		if q.Order != ByName {
			return p, bad
		}
	default:
		return p, bad
	}
	return p, nil
}
