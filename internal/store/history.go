package store

import (
	"context"
	"strings"
	"time"
)

// AlarmEvent is an entry in the history of an alarm.
type AlarmEvent struct {
	ID      int64 // filled in by AddAlarmEvent: later ones have greater ones
	Alarm   string
	At      time.Time // microseconds
	Type    string
	Summary string
	Data    string
}

// AddAlarmEvent adds an entry.
func (db *DB) AddAlarmEvent(ctx context.Context, e AlarmEvent) error {
	_, err := db.writer(ctx).ExecContext(ctx,
		"INSERT INTO alarm_history (id, alarm, at, type, summary, data) SELECT coalesce(max(id), 0) + 1, ?, ?, ?, ?, ? FROM alarm_history",
		e.Alarm, micros(e.At), e.Type, e.Summary, e.Data)
	return internal(err)
}

// HistoryQuery selects entries of alarms' histories. Zero fields select everything.
type HistoryQuery struct {
	Alarm      string
	Type       string
	Start, End time.Time // at this time or later; at this time or earlier
	After      *AlarmEvent
	Descending bool
	Limit      int // at least 1
}

// AlarmHistory returns the entries that q selects, by time.
func (db *DB) AlarmHistory(ctx context.Context, q HistoryQuery) ([]AlarmEvent, error) {
	terms, args := []string{"1 = 1"}, []any{}
	add := func(term string, values ...any) { terms, args = append(terms, term), append(args, values...) }
	if q.Alarm != "" {
		add("alarm = ?", q.Alarm)
	}
	if q.Type != "" {
		add("type = ?", q.Type)
	}
	if !q.Start.IsZero() {
		add("at >= ?", micros(q.Start))
	}
	if !q.End.IsZero() {
		add("at <= ?", micros(q.End))
	}
	than, direction := ">", "ASC"
	if q.Descending {
		than, direction = "<", "DESC"
	}
	if q.After != nil {
		add("(at, id) "+than+" (?, ?)", micros(q.After.At), q.After.ID)
	}
	rows, err := db.reader(ctx).QueryContext(ctx, "SELECT id, alarm, at, type, summary, data FROM alarm_history WHERE "+
		strings.Join(terms, " AND ")+" ORDER BY at "+direction+", id "+direction+" LIMIT ?", append(args, q.Limit)...)
	if err != nil {
		return nil, internal(err)
	}
	defer rows.Close()
	var events []AlarmEvent
	for rows.Next() {
		var e AlarmEvent
		var at int64
		if err := rows.Scan(&e.ID, &e.Alarm, &at, &e.Type, &e.Summary, &e.Data); err != nil {
			return nil, internal(err)
		}
		e.At = fromMicros(at)
		events = append(events, e)
	}
	return events, internal(rows.Err())
}

// DropAlarmHistory removes the entries from before a time.
func (db *DB) DropAlarmHistory(ctx context.Context, before time.Time) error {
	_, err := db.writer(ctx).ExecContext(ctx, "DELETE FROM alarm_history WHERE at < ?", micros(before))
	return internal(err)
}
