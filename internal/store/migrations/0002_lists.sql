-- +goose Up
-- Lists of one status are sorted by creation unless told otherwise.
CREATE INDEX records_by_status_and_creation ON records (kind, status, created_at, key);
CREATE INDEX records_by_change ON records (kind, updated_at);

-- +goose Down
DROP INDEX records_by_change;
DROP INDEX records_by_status_and_creation;
