use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::{Client, Error};
use tracing::{info, warn};
use user_metadata_consumer::SinkError;

use super::connect::Connector;
use super::error::bounded;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Detaching waits for every reader that has begun before.
const LIMITS: &str = "set statement_timeout = '1h'; set lock_timeout = '1min'";

/// Looks after the partitions, once a day: makes those of the time to come, so that no batch waits
/// for one, and drops those that are older than `settings.keep`.
pub(super) async fn look_after_partitions(connector: Arc<Connector>) {
    loop {
        let pause = match look_once(&connector).await {
            Ok(()) => DAY,
            Err(error) => {
                let cause = error.source().map(ToString::to_string).unwrap_or_default();
                warn!(
                    cause,
                    "the partitions could not be looked after; trying again in an hour"
                );
                HOUR
            }
        };
        sleep(pause).await;
    }
}

/// One look; does nothing where another process is at it.
pub(super) async fn look_once(connector: &Connector) -> Result<(), SinkError> {
    let connected = connector.connect().await?;
    let looking = look(&connected.client);
    bounded("looking after the partitions", HOUR * 2, looking).await
}

async fn look(client: &Client) -> Result<(), Error> {
    client.batch_execute(LIMITS).await?;
    // Until the end of the session.
    let lock = "select pg_try_advisory_lock(1970106221, 3)";
    if !client.query_one(lock, &[]).await?.get::<_, bool>(0) {
        return Ok(());
    }
    let ahead = "select make_partition(now() + ahead * ('1 ' || partition_by)::interval)
        from settings, generate_series(0, case partition_by when 'month' then 1 else 7 end) ahead";
    for row in client.query(ahead, &[]).await? {
        if let Some(reason) = row.get::<_, Option<&str>>(0) {
            warn!(reason, "there is no partition for the time to come");
        }
    }
    let expired = "select partition, state from expired_partitions()";
    for row in client.query(expired, &[]).await? {
        let (partition, state): (&str, &str) = (row.get(0), row.get(1));
        drop_partition(client, partition, state).await?;
        info!(partition, "dropped a partition that was past its time");
    }
    Ok(())
}

/// In steps of which each can be the last: none waits with a lock that others would wait behind.
async fn drop_partition(client: &Client, partition: &str, state: &str) -> Result<(), Error> {
    if state == "attached" {
        let mark = format!("comment on table {partition} is 'expired'");
        client.batch_execute(&mark).await?;
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
