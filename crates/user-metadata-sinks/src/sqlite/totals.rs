use rusqlite::{Connection, params};

use super::row::Row;
use crate::tables::Tables;
use crate::totals::totals;

const ADD_USER: &str = "INSERT INTO users
    (user_id, username, first_seen, last_seen, events, browser, os, device, language, ip)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
    ON CONFLICT (user_id) DO UPDATE SET
        username = iif(excluded.last_seen >= last_seen, excluded.username, username),
        browser = iif(excluded.last_seen >= last_seen, excluded.browser, browser),
        os = iif(excluded.last_seen >= last_seen, excluded.os, os),
        device = iif(excluded.last_seen >= last_seen, excluded.device, device),
        language = iif(excluded.last_seen >= last_seen, excluded.language, language),
        ip = iif(excluded.last_seen >= last_seen, excluded.ip, ip),
        first_seen = min(first_seen, excluded.first_seen),
        last_seen = max(last_seen, excluded.last_seen),
        events = events + excluded.events";

const ADD_SESSION: &str = "INSERT INTO sessions
    (user_id, session_id, started_at, last_seen, events, browser, os, device, ip)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT (user_id, session_id) DO UPDATE SET
        browser = iif(excluded.last_seen >= last_seen, excluded.browser, browser),
        os = iif(excluded.last_seen >= last_seen, excluded.os, os),
        device = iif(excluded.last_seen >= last_seen, excluded.device, device),
        ip = iif(excluded.last_seen >= last_seen, excluded.ip, ip),
        started_at = min(started_at, excluded.started_at),
        last_seen = max(last_seen, excluded.last_seen),
        events = events + excluded.events";

// With one `max`, the other columns come from the row that has the maximum.
const FILL_USERS: &str = "INSERT INTO users
    (user_id, username, first_seen, last_seen, events, browser, os, device, language, ip)
    SELECT user_id, username, first_seen, last_seen, events, browser, os, device, language, ip FROM (
        SELECT *, max(timestamp) AS last_seen, count(*) AS events FROM events GROUP BY user_id)
    JOIN (SELECT user_id, min(timestamp) AS first_seen FROM events GROUP BY user_id) USING (user_id)";

const FILL_SESSIONS: &str = "INSERT INTO sessions
    (user_id, session_id, started_at, last_seen, events, browser, os, device, ip)
    SELECT user_id, session_id, started_at, last_seen, events, browser, os, device, ip FROM (
        SELECT *, max(timestamp) AS last_seen, count(*) AS events FROM events
        GROUP BY user_id, session_id)
    JOIN (SELECT user_id, session_id, min(timestamp) AS started_at FROM events
        GROUP BY user_id, session_id) USING (user_id, session_id)";

/// Fills the enabled tables that are empty from `events`: those of a file that did not have them, or
/// had them disabled.
pub(super) fn fill(connection: &Connection, tables: Tables) -> rusqlite::Result<()> {
    for (is_wanted, table, fill) in [
        (tables.users, "users", FILL_USERS),
        (tables.sessions, "sessions", FILL_SESSIONS),
    ] {
        if is_wanted && is_empty(connection, table)? {
            connection.execute(fill, ())?;
        }
    }
    Ok(())
}

/// Whether there is nothing to fill.
pub(super) fn is_complete(connection: &Connection, tables: Tables) -> rusqlite::Result<bool> {
    Ok(is_empty(connection, "events")?
        || !(tables.users && is_empty(connection, "users")?
            || tables.sessions && is_empty(connection, "sessions")?))
}

fn is_empty(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let query = format!("SELECT NOT EXISTS (SELECT 1 FROM {table})");
    connection.query_row(&query, (), |row| row.get(0))
}

/// Adds new rows to the totals.
pub(super) fn add(connection: &Connection, tables: Tables, rows: &[&Row]) -> rusqlite::Result<()> {
    if tables.users {
        let mut statement = connection.prepare_cached(ADD_USER)?;
        for user in totals(rows, |row| &*row.user_id, Row::key) {
            let Row {
                user_id,
                username,
                browser,
                os,
                device,
                language,
                ip,
                ..
            } = user.newest;
            let times = [user.oldest, user.newest].map(|row| row.timestamp.as_i64());
            statement.execute(params![
                user_id,
                username,
                times[0],
                times[1],
                user.events,
                browser,
                os,
                device,
                language,
                ip
            ])?;
        }
    }
    if tables.sessions {
        let mut statement = connection.prepare_cached(ADD_SESSION)?;
        for session in totals(rows, |row| (&*row.user_id, &*row.session_id), Row::key) {
            let Row {
                user_id,
                session_id,
                browser,
                os,
                device,
                ip,
                ..
            } = session.newest;
            let times = [session.oldest, session.newest].map(|row| row.timestamp.as_i64());
            statement.execute(params![
                user_id,
                session_id,
                times[0],
                times[1],
                session.events,
                browser,
                os,
                device,
                ip
            ])?;
        }
    }
    Ok(())
}
