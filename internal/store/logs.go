package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// LogEvent is one line of a log stream.
type LogEvent struct {
	Stream   string    // filled in by Logs
	At       time.Time // when it happened, milliseconds
	Ingested time.Time // when it was stored; filled in by AppendLog
	Seq      int64     // its place in the order of arrival within the stream, from 0; filled in by AppendLog
	Message  string
}

// LogStream is what is known of a stream without reading it.
type LogStream struct {
	Group, Name string
	Created     time.Time
	First, Last time.Time // zero while the stream is empty
	Ingested    time.Time
}

// AppendLog adds events to a stream, which it creates if need be. No events
// create an empty stream.
func (db *DB) AppendLog(ctx context.Context, group, stream string, events []LogEvent) error {
	return db.Tx(ctx, func(ctx context.Context) error {
		w, now := db.writer(ctx), micros(db.now())
		_, err := w.ExecContext(ctx, `INSERT INTO log_streams (log_group, stream, created_at, next_seq) VALUES (?, ?, ?, 0)
			ON CONFLICT DO NOTHING`, group, stream, now)
		if err != nil || len(events) == 0 {
			return internal(err)
		}
		var seq int64
		err = w.QueryRowContext(ctx, "SELECT next_seq FROM log_streams WHERE log_group = ? AND stream = ?", group, stream).Scan(&seq)
		if err != nil {
			return internal(err)
		}
		first, last := events[0].At.UnixMilli(), events[0].At.UnixMilli()
		for _, e := range events {
			at := e.At.UnixMilli()
			first, last = min(first, at), max(last, at)
			_, err := w.ExecContext(ctx, "INSERT INTO log_events (log_group, stream, at, seq, ingested_at, message) VALUES (?, ?, ?, ?, ?, ?)",
				group, stream, at, seq, now, e.Message)
			if err != nil {
				return internal(err)
			}
			seq++
		}
		_, err = w.ExecContext(ctx, `UPDATE log_streams SET next_seq = ?, ingested_at = ?,
			first_at = min(coalesce(first_at, ?), ?), last_at = max(coalesce(last_at, ?), ?)
			WHERE log_group = ? AND stream = ?`, seq, now, first, first, last, last, group, stream)
		return internal(err)
	})
}

// LogGroups returns the names of the groups that start with prefix, in order.
func (db *DB) LogGroups(ctx context.Context, prefix string) ([]string, error) {
	rows, err := db.reader(ctx).QueryContext(ctx,
		"SELECT DISTINCT log_group FROM log_streams WHERE substr(log_group, 1, length(?)) = ? ORDER BY log_group", prefix, prefix)
	if err != nil {
		return nil, internal(err)
	}
	defer rows.Close()
	var groups []string
	for rows.Next() {
		var g string
		if err := rows.Scan(&g); err != nil {
			return nil, internal(err)
		}
		groups = append(groups, g)
	}
	return groups, internal(rows.Err())
}

// LogStreams returns up to limit streams of the group whose names start with
// prefix and come after the name after, in the order of names. A group without
// any stream is NotFound, as groups exist through their streams.
func (db *DB) LogStreams(ctx context.Context, group, prefix, after string, limit int) ([]LogStream, error) {
	var exists bool
	if err := db.reader(ctx).QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM log_streams WHERE log_group = ?)", group).Scan(&exists); err != nil {
		return nil, internal(err)
	}
	if !exists {
		return nil, errs.New(errs.NotFound, "ResourceNotFoundException", "The specified log group does not exist.")
	}
	rows, err := db.reader(ctx).QueryContext(ctx, `SELECT stream, created_at, first_at, last_at, ingested_at FROM log_streams
		WHERE log_group = ? AND substr(stream, 1, length(?)) = ? AND stream > ? ORDER BY stream LIMIT ?`, group, prefix, prefix, after, limit)
	if err != nil {
		return nil, internal(err)
	}
	defer rows.Close()
	var streams []LogStream
	for rows.Next() {
		s, created := LogStream{Group: group}, int64(0)
		var first, last, ingested sql.NullInt64
		if err := rows.Scan(&s.Name, &created, &first, &last, &ingested); err != nil {
			return nil, internal(err)
		}
		s.Created = fromMicros(created)
		if first.Valid {
			s.First, s.Last, s.Ingested = time.UnixMilli(first.Int64).UTC(), time.UnixMilli(last.Int64).UTC(), fromMicros(ingested.Int64)
		}
		streams = append(streams, s)
	}
	return streams, internal(rows.Err())
}

// LogQuery selects log events of one group.
type LogQuery struct {
	Group    string
	Streams  []string  // at least one
	Start    time.Time // at this time or later; zero: no bound
	End      time.Time // before this time; zero: no bound
	After    *LogEvent // only events after (or, Backward, before) this one in the order of At, Stream, Seq
	Backward bool      // the latest Limit events that qualify, still returned in ascending order
	Limit    int       // at least 1
}

// Logs returns the events of q in the order of time, then stream, then arrival:
// the same order whenever it is asked. An unknown stream is NotFound.
func (db *DB) Logs(ctx context.Context, q LogQuery) ([]LogEvent, error) {
	for _, stream := range q.Streams {
		var one int
		err := db.reader(ctx).QueryRowContext(ctx, "SELECT 1 FROM log_streams WHERE log_group = ? AND stream = ?", q.Group, stream).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, errs.New(errs.NotFound, "ResourceNotFoundException", "The specified log stream does not exist.")
		} else if err != nil {
			return nil, internal(err)
		}
	}
	query, args := q.sql()
	rows, err := db.reader(ctx).QueryContext(ctx, query, args...)
	if err != nil {
		return nil, internal(err)
	}
	defer rows.Close()
	var events []LogEvent
	for rows.Next() {
		var e LogEvent
		var at, ingested int64
		if err := rows.Scan(&e.Stream, &at, &e.Seq, &ingested, &e.Message); err != nil {
			return nil, internal(err)
		}
		e.At, e.Ingested = time.UnixMilli(at).UTC(), fromMicros(ingested)
		events = append(events, e)
	}
	if q.Backward {
		for i, j := 0, len(events)-1; i < j; i, j = i+1, j-1 {
			events[i], events[j] = events[j], events[i]
		}
	}
	return events, internal(rows.Err())
}

func (q LogQuery) sql() (string, []any) {
	terms, args := []string{"log_group = ?"}, []any{q.Group}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(q.Streams)), ", ")
	terms = append(terms, "stream IN ("+marks+")")
	for _, s := range q.Streams {
		args = append(args, s)
	}
	if !q.Start.IsZero() {
		terms, args = append(terms, "at >= ?"), append(args, q.Start.UnixMilli())
	}
	if !q.End.IsZero() {
		terms, args = append(terms, "at < ?"), append(args, q.End.UnixMilli())
	}
	than, direction := ">", "ASC"
	if q.Backward {
		than, direction = "<", "DESC"
	}
	if q.After != nil {
		terms = append(terms, "(at, stream, seq) "+than+" (?, ?, ?)")
		args = append(args, q.After.At.UnixMilli(), q.After.Stream, q.After.Seq)
	}
	return fmt.Sprintf("SELECT stream, at, seq, ingested_at, message FROM log_events WHERE %s ORDER BY at %s, stream %s, seq %s LIMIT %d",
		strings.Join(terms, " AND "), direction, direction, direction, q.Limit), args
}
