-- +goose Up
-- A metric of one set of dimensions and one unit, and what it came to in spans
-- of time. Spans get longer as points get old.
CREATE TABLE metric_series (
    id         BIGINT NOT NULL PRIMARY KEY,
    namespace  TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    dimensions TEXT   NOT NULL, -- JSON, in one way of writing for equal ones
    unit       TEXT   NOT NULL,
    updated_at BIGINT NOT NULL, -- when the newest point is from, in seconds since 1970, as all times of points
    UNIQUE (namespace, name, dimensions, unit)
);
CREATE TABLE metric_points (
    series BIGINT NOT NULL,
    span   BIGINT NOT NULL, -- seconds
    at     BIGINT NOT NULL, -- the beginning of the span
    count  DOUBLE PRECISION NOT NULL,
    sum    DOUBLE PRECISION NOT NULL,
    min    DOUBLE PRECISION NOT NULL,
    max    DOUBLE PRECISION NOT NULL,
    sketch BLOB,
    PRIMARY KEY (series, at, span)
);
CREATE INDEX metric_points_by_age ON metric_points (span, at, series);

CREATE TABLE alarm_history (
    id      BIGINT NOT NULL PRIMARY KEY,
    alarm   TEXT   NOT NULL,
    at      BIGINT NOT NULL, -- microseconds since 1970
    type    TEXT   NOT NULL,
    summary TEXT   NOT NULL,
    data    TEXT   NOT NULL
);
CREATE INDEX alarm_history_by_alarm ON alarm_history (alarm, at, id);
CREATE INDEX alarm_history_by_time ON alarm_history (at, id);

-- +goose Down
DROP TABLE alarm_history;
DROP TABLE metric_points;
DROP TABLE metric_series;
