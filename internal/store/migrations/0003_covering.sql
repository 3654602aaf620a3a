-- +goose Up
-- Lists filter by times and status while they walk in their order: with these
-- columns in the index, only the records of the page are read. Searches also
-- look at names.
DROP INDEX records_by_creation;
DROP INDEX records_by_status;
DROP INDEX records_by_status_and_creation;
DROP INDEX records_by_change;
CREATE INDEX records_by_creation ON records (kind, created_at, key, updated_at, status);
CREATE INDEX records_by_name ON records (kind, key, created_at, updated_at, status);
CREATE INDEX records_by_status ON records (kind, status, key, created_at, updated_at);
CREATE INDEX records_by_status_and_creation ON records (kind, status, created_at, key, updated_at);
CREATE INDEX records_by_change ON records (kind, updated_at, key, created_at, status, name);

-- +goose Down
DROP INDEX records_by_change;
DROP INDEX records_by_status_and_creation;
DROP INDEX records_by_status;
DROP INDEX records_by_name;
DROP INDEX records_by_creation;
CREATE INDEX records_by_creation ON records (kind, created_at, key);
CREATE INDEX records_by_status ON records (kind, status, key);
CREATE INDEX records_by_status_and_creation ON records (kind, status, created_at, key);
CREATE INDEX records_by_change ON records (kind, updated_at);
