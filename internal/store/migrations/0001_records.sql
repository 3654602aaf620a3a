-- +goose Up
-- One table for every kind of record. The columns are what lists filter and
-- sort by and what work is claimed by; everything else is in doc.
CREATE TABLE records (
    kind        TEXT   NOT NULL,
    key         TEXT   NOT NULL, -- the name in lower case: names are unique without regard to case
    name        TEXT   NOT NULL,
    status      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL, -- times are microseconds since 1970
    updated_at  BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    due_at      BIGINT,          -- when work on the record may start; NULL means there is none
    lease_owner TEXT,
    lease_until BIGINT,
    doc         TEXT   NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX records_by_creation ON records (kind, created_at, key);
CREATE INDEX records_by_status ON records (kind, status, key);
CREATE INDEX records_due ON records (kind, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE log_streams (
    log_group   TEXT   NOT NULL,
    stream      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    first_at    BIGINT,
    last_at     BIGINT,
    ingested_at BIGINT,
    next_seq    BIGINT NOT NULL,
    PRIMARY KEY (log_group, stream)
);
CREATE TABLE log_events (
    log_group   TEXT   NOT NULL,
    stream      TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    seq         BIGINT NOT NULL, -- the order of arrival, so that equal times keep their order
    ingested_at BIGINT NOT NULL,
    message     TEXT   NOT NULL,
    PRIMARY KEY (log_group, stream, at, seq)
);

-- +goose Down
DROP TABLE log_events;
DROP TABLE log_streams;
DROP TABLE records;
