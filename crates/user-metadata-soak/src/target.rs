use rusqlite::{Connection, OpenFlags};

/// The SQLite file that all processes write.
pub(crate) struct Target {
    path: String,
}

/// Its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Rows of the table.
    pub(crate) rows: u64,
    /// Distinct ids of this run in them.
    pub(crate) own: u64,
}

impl Target {
    pub(crate) fn new(path: String) -> Self {
        Self { path }
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.path)
    }

    /// The number of rows; the file may not exist yet.
    pub(crate) fn rows(&self) -> u64 {
        self.query("SELECT coalesce(max(rowid), 0) FROM events")
            .unwrap_or_default()
    }

    /// Counts everything, which takes a while.
    pub(crate) fn stored(&self) -> Stored {
        let count = |query| {
            let count = self.query(query);
            assert!(count.is_ok(), "{}: {count:?}", self.path);
            count.unwrap_or_default()
        };
        Stored {
            rows: count("SELECT count(*) FROM events"),
            own: count("SELECT count(DISTINCT id) FROM events WHERE session_id = 'soak'"),
        }
    }

    fn query(&self, query: &str) -> rusqlite::Result<u64> {
        let connection = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let count: i64 = connection.query_row(query, (), |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}
