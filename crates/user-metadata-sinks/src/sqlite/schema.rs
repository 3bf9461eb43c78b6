use rusqlite::Connection;

/// SQLite's `application_id`: `ums1`. No other database is mistaken for ours.
pub(super) const APPLICATION_ID: i32 = 0x756d_7331;
/// SQLite's `user_version`.
pub(super) const VERSION: i32 = 2;

/// The statements of each version, in order.
const STEPS: [&str; 2] = [include_str!("version_1.sql"), include_str!("version_2.sql")];

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is empty.
    Empty,
    /// Of an older version.
    Older(i32),
    /// Of this version.
    Current,
    /// Of a newer version.
    Newer(i32),
    /// Something else.
    Foreign,
}

impl Kind {
    pub(super) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let query = "SELECT (SELECT application_id FROM pragma_application_id),
                            (SELECT user_version FROM pragma_user_version),
                            (SELECT count(*) FROM sqlite_schema)";
        let found = connection.query_row(query, (), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?))
        })?;
        Ok(match found {
            (0, 0, 0) => Self::Empty,
            (APPLICATION_ID, VERSION, _) => Self::Current,
            (APPLICATION_ID, version, _) if version > VERSION => Self::Newer(version),
            (APPLICATION_ID, version, _) if version > 0 => Self::Older(version),
            _ => Self::Foreign,
        })
    }
}

/// Applies the versions after `version`, within a transaction. 0: all.
pub(super) fn upgrade(connection: &Connection, version: i32) -> rusqlite::Result<()> {
    for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", VERSION)
}
