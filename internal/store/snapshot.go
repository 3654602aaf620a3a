package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Snapshot writes a copy of the database in the file from to the file to, which
// must not exist. It is the state of one moment, with every change that was
// acknowledged before the call; another process may use the database meanwhile,
// and is not held up. The copy is on disk when Snapshot returns.
func Snapshot(ctx context.Context, from, to string) (err error) {
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	// SQLite would make the file readable for everybody.
	file, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	db, err := openAside(from)
	if err == nil {
		_, err = db.ExecContext(ctx, "VACUUM INTO ?", to) // into an empty file: SQLite allows that
		err = errors.Join(err, db.Close())
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("store: copy %s: %w", from, err)
	}
	return nil
}

// Check reads the whole database in the file at path and reports what is wrong
// with it.
func Check(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	db, err := openAside(path)
	if err != nil {
		return err
	}
	faults, err := queryStrings(ctx, db, "PRAGMA integrity_check(10)")
	if err == nil && (len(faults) != 1 || faults[0] != "ok") {
		err = fmt.Errorf("it is damaged: %s", strings.Join(faults, "; "))
	}
	if err == nil {
		var records int64
		err = db.QueryRowContext(ctx, "SELECT count(*) FROM records").Scan(&records)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	return nil
}

func queryStrings(ctx context.Context, db *sql.DB, query string) (values []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, rows.Err()
}

// openAside opens a database with one connection and without migrating it.
func openAside(path string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: abs}).String()+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}
