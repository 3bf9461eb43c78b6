use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::timeout;
use tokio_postgres::Error;
use user_metadata_consumer::{Rejection, SinkError};
use user_metadata_events::UnixMillis;

use super::connect::Connector;
use super::connection::Connection;
use super::error::{Meaning, line, reason, sink_error, timed_out};
use super::row::Row;
use super::schema::Wanted;
use super::values::Micros;
use crate::tables::Tables;
use crate::times::OUT_OF_RANGE;

/// How many batches are inserted in the slower way that tolerates duplicates after one was found:
/// redelivered events rarely come alone, and a failed COPY leaves dead rows.
const CAREFUL_BATCHES: u32 = 50;
/// How much longer the client waits than the server may take.
const GRACE: Duration = Duration::from_secs(1);

/// Writes rows over one connection, and reconnects if it is lost.
pub(super) struct Writer {
    connector: Arc<Connector>,
    wanted: Wanted,
    tables: Tables,
    connection: Option<Connection>,
    /// The days that have a partition.
    days: BTreeSet<i64>,
    /// How many more batches are inserted in the slower way.
    careful: u32,
}

impl Writer {
    pub(super) fn new(connector: Arc<Connector>, wanted: Wanted, tables: Tables) -> Self {
        Self {
            connector,
            wanted,
            tables,
            connection: None,
            days: BTreeSet::new(),
            careful: 0,
        }
    }

    /// Connects, unless it is connected.
    pub(super) async fn connect(&mut self) -> Result<&mut Connection, SinkError> {
        if self.connection.as_ref().is_some_and(Connection::is_spent) {
            self.connection = None;
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.days.clear();
                Connection::open(&self.connector, &self.wanted, self.tables).await?
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// Stores the rows; returns those that can't be stored.
    pub(super) async fn write(
        &mut self,
        mut rows: Vec<Row<'_>>,
    ) -> Result<Vec<Rejection>, SinkError> {
        // Writers of the same rows lock them in the same order.
        rows.sort_unstable_by_key(Row::key);
        let mut rejections = Vec::new();
        let mut parts = vec![self.admit(rows, &mut rejections).await?];
        let mut has_looked_again = false;
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let is_careful = self.careful > 0;
            let Err(error) = self.store(&part).await? else {
                self.careful = self.careful.saturating_sub(1);
                continue;
            };
            match Meaning::of(&error) {
                Meaning::Duplicate if !is_careful => {
                    self.careful = CAREFUL_BATCHES;
                    parts.push(part);
                }
                // The partition was dropped or detached after it was checked.
                Meaning::NoPartition if !has_looked_again => {
                    has_looked_again = true;
                    self.days.clear();
                    parts.push(self.admit(part, &mut rejections).await?);
                }
                Meaning::Duplicate | Meaning::NoPartition | Meaning::Row => {
                    let culprit = match line(&error) {
                        // COPY says which one.
                        Some(line) if (1..=part.len()).contains(&line) => line - 1,
                        _ if part.len() == 1 => 0,
                        _ => {
                            parts.push(part.split_off(part.len() / 2));
                            parts.push(part);
                            continue;
                        }
                    };
                    let row = part.remove(culprit);
                    rejections.push(Rejection::new(row.index, reason(&error)));
                    parts.push(part);
                }
                Meaning::Passing | Meaning::Final => {
                    self.connection = None;
                    return Err(sink_error(&error));
                }
            }
        }
        Ok(rejections)
    }

    /// Ensures the partitions that the rows need, and rejects the rows that can't have one.
    async fn admit<'a>(
        &mut self,
        mut rows: Vec<Row<'a>>,
        rejections: &mut Vec<Rejection>,
    ) -> Result<Vec<Row<'a>>, SinkError> {
        let window = self.connect().await?.window;
        let now = Micros::from(UnixMillis::from(SystemTime::now())).0;
        let is_in_time = now.saturating_sub(window.past)..=now.saturating_add(window.future);
        let mut reject = |rows: &mut Vec<Row<'a>>, reason: &dyn Fn(&Row<'a>) -> Option<String>| {
            rows.retain(|row| {
                let reason = reason(row);
                let is_admitted = reason.is_none();
                rejections.extend(reason.map(|reason| Rejection::new(row.index, reason)));
                is_admitted
            });
        };
        reject(&mut rows, &|row| {
            let is_in_time = is_in_time.contains(&row.timestamp.0);
            (!is_in_time).then(|| OUT_OF_RANGE.to_owned())
        });
        let mut moments: Vec<Micros> = rows.iter().map(|row| row.timestamp).collect();
        moments.dedup_by_key(|moment| moment.day());
        moments.retain(|moment| !self.days.contains(&moment.day()));
        if moments.is_empty() {
            return Ok(rows);
        }
        let refused = self.ensure(&moments).await?;
        let ensured = moments.into_iter().map(Micros::day);
        self.days
            .extend(ensured.filter(|day| !refused.contains_key(day)));
        reject(&mut rows, &|row| refused.get(&row.timestamp.day()).cloned());
        Ok(rows)
    }

    /// Ensures a partition for each moment; returns the days that can't have one, and why.
    async fn ensure(&mut self, moments: &[Micros]) -> Result<BTreeMap<i64, String>, SinkError> {
        let limit = self.connector.limit() + GRACE;
        let error = match timeout(limit, self.connect().await?.ensure(moments)).await {
            Ok(Ok(refused)) => {
                let by_day = |(moment, reason): (Micros, String)| (moment.day(), reason);
                return Ok(refused.into_iter().map(by_day).collect());
            }
            Ok(Err(error)) => sink_error(&error),
            Err(_) => timed_out("creating a partition", limit),
        };
        self.connection = None;
        Err(error)
    }

    /// Stores all rows, or none.
    async fn store(&mut self, rows: &[Row<'_>]) -> Result<Result<(), Error>, SinkError> {
        let limit = self.connector.limit() + GRACE;
        let is_careful = self.careful > 0;
        let connection = self.connect().await?;
        let storing = async {
            if is_careful {
                connection.insert(rows).await
            } else {
                connection.copy(rows).await
            }
        };
        let Ok(stored) = timeout(limit, storing).await else {
            self.connection = None;
            return Err(timed_out("a batch", limit));
        };
        Ok(stored)
    }
}
