use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::{Client, Error};
use tracing::{info, warn};
use user_metadata_consumer::SinkError;

use super::connect::Connector;
use super::error::{bounded, sink_error};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// A round takes less, unless it waits for a reader.
const TURN: Duration = Duration::from_secs(10);
/// Detaching waits for every reader that has begun before.
const LIMITS: &str = "set statement_timeout = '1h'; set lock_timeout = '1min'";

/// The result of one round of maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    /// The partitions are as they should be.
    Done,
    /// Some expired partitions could not be dropped.
    InPart,
    /// Another process is doing it. It may be interrupted.
    Elsewhere,
}

impl Looked {
    /// How long until the next round.
    const fn pause(self) -> Duration {
        match self {
            Self::Done => DAY,
            Self::InPart => HOUR,
            Self::Elsewhere => TURN,
        }
    }
}

/// Maintains the partitions, once a day: creates future ones, so that no batch waits for one, and
/// drops those that are older than `settings.keep`.
pub(super) async fn look_after_partitions(connector: Arc<Connector>) {
    loop {
        let pause = match look_once(&connector).await {
            Ok(looked) => looked.pause(),
            Err(error) => {
                let cause = cause(&error);
                warn!(
                    cause,
                    "maintaining the partitions failed; trying again in an hour"
                );
                HOUR
            }
        };
        sleep(pause).await;
    }
}

async fn look_once(connector: &Connector) -> Result<Looked, SinkError> {
    let connected = connector.connect().await?;
    let looking = look(&connected.client);
    bounded("maintaining the partitions", HOUR * 2, looking).await
}

async fn look(client: &Client) -> Result<Looked, Error> {
    client.batch_execute(LIMITS).await?;
    // Held until the end of the session, and for this schema's table alone.
    let lock = "select pg_try_advisory_lock(1970106223, 'events'::regclass::oid::int)";
    if !client.query_one(lock, &[]).await?.get::<_, bool>(0) {
        return Ok(Looked::Elsewhere);
    }
    let ahead = "select make_partition(now() + ahead * ('1 ' || partition_by)::interval)
        from settings, generate_series(0, case partition_by when 'month' then 1 else 7 end) ahead";
    for row in client.query(ahead, &[]).await? {
        if let Some(reason) = row.get::<_, Option<&str>>(0) {
            warn!(reason, "a future partition can't be created");
        }
    }
    let mut looked = Looked::Done;
    let expired = "select partition, state, until::text from expired_partitions()";
    for row in client.query(expired, &[]).await? {
        let (partition, state, until): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        match drop_partition(client, partition, state, until).await {
            Ok(()) => info!(partition, "dropped an expired partition"),
            Err(error) if client.is_closed() => return Err(error),
            Err(error) => {
                let cause = cause(&sink_error(&error));
                warn!(
                    partition,
                    cause, "an expired partition could not be dropped; trying again in an hour"
                );
                looked = Looked::InPart;
            }
        }
    }
    Ok(looked)
}

fn cause(error: &SinkError) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

/// In steps, each of which may be the last: none waits while holding a lock that blocks others.
async fn drop_partition(
    client: &Client,
    partition: &str,
    state: &str,
    until: &str,
) -> Result<(), Error> {
    let mark = format!(
        "comment on table {partition} is 'expired';
        update settings set counted_until = greatest(counted_until, '{until}')"
    );
    client.batch_execute(&mark).await?;
    if state == "attached" {
        let detach = format!("alter table events detach partition {partition} concurrently");
        client.batch_execute(&detach).await?;
    } else if state == "pending" {
        let detach = format!("alter table events detach partition {partition} finalize");
        client.batch_execute(&detach).await?;
    }
    client
        .batch_execute(&format!("drop table {partition}"))
        .await
}
