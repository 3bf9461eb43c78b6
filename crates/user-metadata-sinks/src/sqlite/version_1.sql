-- One row per join. Times are milliseconds since the epoch.
CREATE TABLE events (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    username TEXT NOT NULL,
    session_id TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    connection_time INTEGER NOT NULL,
    client_id TEXT NOT NULL,
    ip TEXT,
    user_agent TEXT,
    browser TEXT,
    os TEXT,
    device TEXT,
    language TEXT,
    details TEXT -- JSON of what has no column, or null
) STRICT;

-- A span of time; and erasing what is older.
CREATE INDEX events_timestamp ON events (timestamp);

-- Per day (UTC); the name is null where it is unknown.
CREATE VIEW browser_share (day, name, events, users) AS
    SELECT date(timestamp / 1000, 'unixepoch'), browser, count(*), count(DISTINCT user_id)
    FROM events GROUP BY 1, 2;
CREATE VIEW os_share (day, name, events, users) AS
    SELECT date(timestamp / 1000, 'unixepoch'), os, count(*), count(DISTINCT user_id)
    FROM events GROUP BY 1, 2;
CREATE VIEW device_share (day, name, events, users) AS
    SELECT date(timestamp / 1000, 'unixepoch'), device, count(*), count(DISTINCT user_id)
    FROM events GROUP BY 1, 2;
