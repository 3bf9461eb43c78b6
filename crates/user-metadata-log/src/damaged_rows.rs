use rusqlite::{Connection, OptionalExtension};

use crate::queue_reader::{COLUMNS, QueuedBatch, read_row};

/// The batches of a table that is damaged while it is in use, as far as they can be reached: from
/// the start, from the end, and one by one in between.
pub(crate) struct DamagedRows<'a> {
    connection: &'a Connection,
    last: i64,
    /// The smallest id that can be reached from the end, once the way from the start has ended.
    upper: Option<i64>,
    probes_left: i64,
}

impl<'a> DamagedRows<'a> {
    /// Ids that are tried one by one: about a second's worth.
    const MOST_PROBES: i64 = 200_000;
    /// The same where nothing tells how far it goes on.
    const FEW_PROBES: i64 = 5_000;

    /// Those behind an id.
    pub(crate) fn after(connection: &'a Connection, last: i64) -> Self {
        Self {
            connection,
            last,
            upper: None,
            probes_left: Self::MOST_PROBES,
        }
    }

    /// Goes on by one id where the table names no next one; `false` when it is time to give up.
    fn step_over(&mut self) -> bool {
        let upper = match self.upper {
            Some(upper) => upper,
            None => {
                let upper = self.find_upper();
                if upper < i64::MAX {
                    // The last ids before what can be read again.
                    self.last = self.last.max(upper.saturating_sub(Self::MOST_PROBES));
                } else {
                    self.probes_left = Self::FEW_PROBES;
                }
                *self.upper.insert(upper)
            }
        };
        self.last = self.last.max(0) + 1;
        self.probes_left -= 1;
        self.probes_left > 0 && self.last <= upper
    }

    fn at(&self, id: i64) -> Option<QueuedBatch> {
        self.connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM batches WHERE id = ?1"))
            .and_then(|mut statement| statement.query_row([id], read_row))
            .ok()?
            .ok()
    }

    /// The next id that the table still names after the last one.
    fn id_after(&self) -> rusqlite::Result<Option<i64>> {
        self.connection
            .prepare_cached("SELECT id FROM batches WHERE id > ?1 ORDER BY id LIMIT 1")?
            .query_row([self.last], |row| row.get(0))
            .optional()
    }

    /// Looks how far down the table can be read from its end.
    fn find_upper(&self) -> i64 {
        let mut lowest = i64::MAX;
        loop {
            let found = self
                .connection
                .prepare_cached("SELECT id FROM batches WHERE id < ?1 ORDER BY id DESC LIMIT 1")
                .and_then(|mut statement| {
                    statement
                        .query_row([lowest], |row| row.get::<_, i64>(0))
                        .optional()
                });
            match found {
                Ok(Some(id)) if id > self.last && id < lowest => lowest = id,
                _ => return lowest,
            }
        }
    }
}

impl Iterator for DamagedRows<'_> {
    type Item = QueuedBatch;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.id_after() {
                Ok(None) => return None,
                Ok(Some(id)) if id > self.last => self.last = id,
                // An order that makes no sense is damage, too.
                Ok(Some(_)) | Err(_) => {
                    if !self.step_over() {
                        return None;
                    }
                }
            }
            if let Some(batch) = self.at(self.last) {
                return Some(batch);
            }
        }
    }
}
