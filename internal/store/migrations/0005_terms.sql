-- +goose Up
-- What records can be found by beside their columns, such as tags. It is in the
-- documents too.
CREATE TABLE record_terms (
    kind  TEXT NOT NULL,
    term  TEXT NOT NULL,
    value TEXT NOT NULL,
    key   TEXT NOT NULL,
    PRIMARY KEY (kind, term, value, key),
    FOREIGN KEY (kind, key) REFERENCES records (kind, key) ON DELETE CASCADE
);
CREATE INDEX record_terms_by_record ON record_terms (kind, key);
CREATE TABLE indexed_kinds (kind TEXT NOT NULL PRIMARY KEY); -- whose older records have their terms there

-- +goose Down
DROP TABLE indexed_kinds;
DROP TABLE record_terms;
