package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Claim takes the record of this kind whose work has been due longest and that
// no worker holds, and leases it to owner for ttl. It is one statement, so two
// workers never get the same record. ok is false if there is nothing to do.
//
// The holder renews the lease well before ttl is over, and ends the work with
// UpdateLeased, setting Due to zero.
func (c *Collection[T]) Claim(ctx context.Context, owner string, ttl time.Duration) (r Record[T], ok bool, err error) {
	now := c.db.now()
	row := c.db.writer(ctx).QueryRowContext(ctx, `
		UPDATE records SET lease_owner = ?, lease_until = ?
		WHERE kind = ? AND key = (
			SELECT key FROM records
			WHERE kind = ? AND due_at IS NOT NULL AND due_at <= ? AND (lease_until IS NULL OR lease_until < ?)
			ORDER BY due_at, key LIMIT 1)
		RETURNING `+columns,
		owner, micros(now.Add(ttl)), c.kind, c.kind, micros(now), micros(now))
	r, err = scan[T](row)
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, internal(err)
}

// Renew extends owner's lease to ttl from now. A Conflict means that the lease
// is lost: another worker may have the record, and the work must stop.
func (c *Collection[T]) Renew(ctx context.Context, name, owner string, ttl time.Duration) error {
	result, err := c.db.writer(ctx).ExecContext(ctx,
		"UPDATE records SET lease_until = ? WHERE kind = ? AND key = ? AND lease_owner = ?",
		micros(c.db.now().Add(ttl)), c.kind, key(name), owner)
	return c.changed(result, err, name)
}

// Release gives the record back undone, for another worker to claim at once.
// It is what a worker does that shuts down.
func (c *Collection[T]) Release(ctx context.Context, name, owner string) error {
	result, err := c.db.writer(ctx).ExecContext(ctx,
		"UPDATE records SET lease_owner = NULL, lease_until = NULL WHERE kind = ? AND key = ? AND lease_owner = ?",
		c.kind, key(name), owner)
	return c.changed(result, err, name)
}
