-- What is known of each user from the newest of the events.
CREATE TABLE users (
    user_id TEXT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    events INTEGER NOT NULL,
    browser TEXT,
    os TEXT,
    device TEXT,
    language TEXT,
    ip TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    events INTEGER NOT NULL,
    browser TEXT,
    os TEXT,
    device TEXT,
    ip TEXT,
    PRIMARY KEY (user_id, session_id)
) STRICT, WITHOUT ROWID;
