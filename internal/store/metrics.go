package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// MetricSeries is a metric of one set of dimensions and one unit.
type MetricSeries struct {
	ID              int64 // filled in by the store
	Namespace, Name string
	Dimensions      string // in one way of writing for equal ones
	Unit            string
	Updated         int64 // the time of its newest point; filled in by the store
}

// MetricPoint is what a metric came to in a span of time. Times are seconds
// since 1970.
type MetricPoint struct {
	Series               int64 // filled in by the store
	Span                 int64 // seconds
	At                   int64 // when the span begins
	Count, Sum, Min, Max float64
	Sketch               []byte // nil if the distribution is not known
}

// Measured is a point that is to be put.
type Measured struct {
	MetricSeries
	MetricPoint
}

// MergePoints is what two points of one span come to together.
type MergePoints func(have, more MetricPoint) (MetricPoint, error)

// PutMetrics adds points, in one transaction. A point whose span has one already
// is merged into it.
func (db *DB) PutMetrics(ctx context.Context, points []Measured, merge MergePoints) error {
	return db.Tx(ctx, func(ctx context.Context) error {
		for _, p := range points {
			id, err := db.metricSeries(ctx, p.MetricSeries, p.At)
			if err != nil {
				return err
			}
			p.MetricPoint.Series = id
			if err := db.putMetricPoint(ctx, p.MetricPoint, merge); err != nil {
				return err
			}
		}
		return nil
	})
}

// metricSeries returns the id of a series, which it creates if need be.
func (db *DB) metricSeries(ctx context.Context, s MetricSeries, at int64) (id int64, err error) {
	w := db.writer(ctx)
	var updated int64
	err = w.QueryRowContext(ctx, "SELECT id, updated_at FROM metric_series WHERE namespace = ? AND name = ? AND dimensions = ? AND unit = ?",
		s.Namespace, s.Name, s.Dimensions, s.Unit).Scan(&id, &updated)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		if err := w.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) + 1 FROM metric_series").Scan(&id); err != nil {
			return 0, internal(err)
		}
		_, err = w.ExecContext(ctx, "INSERT INTO metric_series (id, namespace, name, dimensions, unit, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
			id, s.Namespace, s.Name, s.Dimensions, s.Unit, at)
	case err == nil && at > updated:
		_, err = w.ExecContext(ctx, "UPDATE metric_series SET updated_at = ? WHERE id = ?", at, id)
	}
	return id, internal(err)
}

const pointColumns = "series, span, at, count, sum, min, max, sketch"

func scanPoint(row row) (p MetricPoint, err error) {
	err = row.Scan(&p.Series, &p.Span, &p.At, &p.Count, &p.Sum, &p.Min, &p.Max, &p.Sketch)
	return p, err
}

func (db *DB) putMetricPoint(ctx context.Context, p MetricPoint, merge MergePoints) error {
	w := db.writer(ctx)
	have, err := scanPoint(w.QueryRowContext(ctx, "SELECT "+pointColumns+" FROM metric_points WHERE series = ? AND at = ? AND span = ?", p.Series, p.At, p.Span))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = w.ExecContext(ctx, "INSERT INTO metric_points ("+pointColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			p.Series, p.Span, p.At, p.Count, p.Sum, p.Min, p.Max, p.Sketch)
	case err == nil:
		if p, err = merge(have, p); err != nil {
			return err
		}
		_, err = w.ExecContext(ctx, "UPDATE metric_points SET count = ?, sum = ?, min = ?, max = ?, sketch = ? WHERE series = ? AND at = ? AND span = ?",
			p.Count, p.Sum, p.Min, p.Max, p.Sketch, p.Series, p.At, p.Span)
	}
	return internal(err)
}

// MetricQuery selects series. Zero fields select everything.
type MetricQuery struct {
	Namespace, Name string
	Dimensions      *string // exactly these
	UpdatedAfter    int64   // with a point of this time or later
	Distinct        bool    // of series that differ in their unit only, one
	After           int64   // with a greater id
	Limit           int     // 0 means all
}

// MetricSeries returns the series that q selects, by id.
func (db *DB) MetricSeries(ctx context.Context, q MetricQuery) ([]MetricSeries, error) {
	terms, args := []string{"id > ?"}, []any{q.After}
	add := func(term string, value any) { terms, args = append(terms, term), append(args, value) }
	if q.Namespace != "" {
		add("namespace = ?", q.Namespace)
	}
	if q.Name != "" {
		add("name = ?", q.Name)
	}
	if q.Dimensions != nil {
		add("dimensions = ?", *q.Dimensions)
	}
	if q.UpdatedAfter > 0 {
		add("updated_at >= ?", q.UpdatedAfter)
	}
	if q.Distinct {
		add(`NOT EXISTS (SELECT 1 FROM metric_series e WHERE e.namespace = metric_series.namespace AND e.name = metric_series.name
			AND e.dimensions = metric_series.dimensions AND e.id < metric_series.id AND e.updated_at >= ?)`, q.UpdatedAfter)
	}
	limit := -1
	if q.Limit > 0 {
		limit = q.Limit
	}
	rows, err := db.reader(ctx).QueryContext(ctx,
		"SELECT id, namespace, name, dimensions, unit, updated_at FROM metric_series WHERE "+strings.Join(terms, " AND ")+" ORDER BY id LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, internal(err)
	}
	defer rows.Close()
	var all []MetricSeries
	for rows.Next() {
		var s MetricSeries
		if err := rows.Scan(&s.ID, &s.Namespace, &s.Name, &s.Dimensions, &s.Unit, &s.Updated); err != nil {
			return nil, internal(err)
		}
		all = append(all, s)
	}
	return all, internal(rows.Err())
}

// MetricPoints calls fn with the points of a series that begin in a time from
// start up to, but not at, end, in the order of time.
func (db *DB) MetricPoints(ctx context.Context, series, start, end int64, fn func(MetricPoint) error) error {
	return db.eachPoint(ctx, fn, "SELECT "+pointColumns+" FROM metric_points WHERE series = ? AND at >= ? AND at < ? ORDER BY at, span", series, start, end)
}

func (db *DB) eachPoint(ctx context.Context, fn func(MetricPoint) error, query string, args ...any) error {
	rows, err := db.reader(ctx).QueryContext(ctx, query, args...)
	if err != nil {
		return internal(err)
	}
	defer rows.Close()
	for rows.Next() {
		p, err := scanPoint(rows)
		if err != nil {
			return internal(err)
		}
		if err := fn(p); err != nil {
			return err
		}
	}
	return internal(rows.Err())
}

// rollUpBatch is how many points one transaction moves.
const rollUpBatch = 1000

// RollUpMetrics merges points of a span that begin before a time into those of a
// longer one, which takes them in, and reports whether there may be more to do.
// A longer span of 0 only drops them.
func (db *DB) RollUpMetrics(ctx context.Context, span, longer, before int64, merge MergePoints) (more bool, err error) {
	err = db.Tx(ctx, func(ctx context.Context) error {
		var points []MetricPoint
		err := db.eachPoint(ctx, func(p MetricPoint) error { points = append(points, p); return nil },
			"SELECT "+pointColumns+" FROM metric_points WHERE span = ? AND at < ? ORDER BY at, series LIMIT ?", span, before, rollUpBatch)
		if err != nil {
			return err
		}
		more = len(points) == rollUpBatch
		for _, p := range points {
			if _, err := db.writer(ctx).ExecContext(ctx, "DELETE FROM metric_points WHERE series = ? AND at = ? AND span = ?", p.Series, p.At, p.Span); err != nil {
				return internal(err)
			}
			if longer == 0 {
				continue
			}
			p.Span, p.At = longer, p.At-p.At%longer
			if err := db.putMetricPoint(ctx, p, merge); err != nil {
				return err
			}
		}
		return nil
	})
	return more, err
}

// DropMetricSeries removes the series whose newest point is from before a time
// and has been removed.
func (db *DB) DropMetricSeries(ctx context.Context, before int64) error {
	_, err := db.writer(ctx).ExecContext(ctx,
		"DELETE FROM metric_series WHERE updated_at < ? AND NOT EXISTS (SELECT 1 FROM metric_points WHERE series = id)", before)
	return internal(err)
}
