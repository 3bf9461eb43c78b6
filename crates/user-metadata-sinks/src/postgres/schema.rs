use std::time::Duration;

use tokio_postgres::{Client, Error};
use user_metadata_consumer::SinkError;

use super::connect::quoted;
use super::error::bounded;
use crate::tables::Tables;
use crate::url::PostgresUrl;

/// What this version writes to.
const VERSION: i32 = 1;
const CREATE: &str = include_str!("schema.sql");

/// How long tables may be made: an index on one that has grown takes its time.
const MAKE: Duration = Duration::from_secs(60 * 60);

/// Held while tables are made or changed. Without it, of processes that start at the same moment
/// most fail, whatever `if not exists` there is.
const LOCK: &str = "select pg_advisory_xact_lock(1970106221, 1)";

/// Tables that were not wanted before, or not there, get what `events` has.
const FILL_USERS: &str = "insert into users (user_id, username, first_seen, last_seen, events,
        browser, os, device, language, ip)
    select distinct on (user_id) user_id, username, min(timestamp) over w, max(timestamp) over w,
        count(*) over w, browser, os, device, language, ip
    from events window w as (partition by user_id) order by user_id, timestamp desc, id desc";
const FILL_SESSIONS: &str =
    "insert into sessions (user_id, session_id, started_at, last_seen, events,
        browser, os, device, ip)
    select distinct on (user_id, session_id) user_id, session_id, min(timestamp) over w,
        max(timestamp) over w, count(*) over w, browser, os, device, ip
    from events window w as (partition by user_id, session_id)
    order by user_id, session_id, timestamp desc, id desc";

/// What the URL wants to be otherwise than the database has it.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    schema: Option<String>,
    keep: Option<u32>,
    partition: Option<&'static str>,
    index_ip: bool,
    tables: Tables,
}

impl Wanted {
    pub(super) fn of(url: &PostgresUrl) -> Self {
        Self {
            schema: url.schema.clone(),
            keep: url.keep,
            partition: url.partition,
            index_ip: url.index_ip,
            tables: url.tables,
        }
    }
}

/// From when to when an event may be, in microseconds before and after now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) past: i64,
    pub(super) future: i64,
}

/// Makes what is missing, and nothing twice, however many start at once.
pub(super) async fn prepare(
    client: &mut Client,
    wanted: &Wanted,
    limit: Duration,
) -> Result<Window, SinkError> {
    if !bounded("a look at the tables", limit, is_ready(client, wanted)).await? {
        bounded("making the tables", MAKE, make(client, wanted)).await?;
    }
    let settings = "select schema_version,
        (extract(epoch from least(accept_past, keep)) * 1000000)::bigint,
        (extract(epoch from accept_future) * 1000000)::bigint
        from settings";
    let row = bounded(
        "a look at the settings",
        limit,
        client.query_one(settings, &[]),
    )
    .await?;
    let found: i32 = row.get(0);
    if found > VERSION {
        return Err(SinkError::fatal(format!(
            "the database has schema version {found}, and this version of the software knows up to \
             {VERSION}; use a newer version, or another `?schema=NAME`"
        )));
    }
    Ok(Window {
        past: row.get(1),
        future: row.get(2),
    })
}

/// Whether there is nothing to be made or set. A user who may only write needs no more than this.
async fn is_ready(client: &Client, wanted: &Wanted) -> Result<bool, Error> {
    if !has_schema(client).await? {
        return Ok(false);
    }
    let query = "select ($1::int is null or keep is not distinct from make_interval(days => $1))
            and ($2::text is null or partition_by = $2)
            and (not $3::bool or to_regclass('events_ip') is not null)
        from settings";
    if lacks(client, wanted.tables.users, "users").await?
        || lacks(client, wanted.tables.sessions, "sessions").await?
    {
        return Ok(false);
    }
    let days = wanted.days();
    let row = client
        .query_one(query, &[&days, &wanted.partition, &wanted.index_ip])
        .await?;
    Ok(row.get(0))
}

/// Whether a table that is wanted has nothing, though there are events.
async fn lacks(client: &Client, is_wanted: bool, table: &str) -> Result<bool, Error> {
    if !is_wanted {
        return Ok(false);
    }
    let query = format!("select exists (select from events) and not exists (select from {table})");
    Ok(client.query_one(&query, &[]).await?.get(0))
}

/// Whether the tables are there. `settings` may be a table of somebody else.
async fn has_schema(client: &Client) -> Result<bool, Error> {
    let query = "select exists (select from information_schema.columns
        where table_schema = current_schema() and table_name = 'settings'
            and column_name = 'schema_version')";
    Ok(client.query_one(query, &[]).await?.get(0))
}

async fn make(client: &mut Client, wanted: &Wanted) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    transaction
        .batch_execute("set local statement_timeout = 0")
        .await?;
    if let Some(schema) = &wanted.schema {
        let query = "select to_regnamespace($1) is null";
        if transaction
            .query_one(query, &[&quoted(schema)])
            .await?
            .get(0)
        {
            let create = format!("create schema {}", quoted(schema));
            transaction.batch_execute(&create).await?;
        }
    }
    if !has_schema(transaction.client()).await? {
        transaction.batch_execute(CREATE).await?;
    }
    let set = "update settings set keep = coalesce(make_interval(days => $1::int), keep),
        partition_by = coalesce($2::text, partition_by)";
    transaction
        .execute(set, &[&wanted.days(), &wanted.partition])
        .await?;
    if wanted.index_ip {
        let index = "create index if not exists events_ip on events (ip, timestamp)";
        transaction.batch_execute(index).await?;
    }
    for (is_wanted, table, fill) in [
        (wanted.tables.users, "users", FILL_USERS),
        (wanted.tables.sessions, "sessions", FILL_SESSIONS),
    ] {
        if lacks(transaction.client(), is_wanted, table).await? {
            // Nobody adds to what is being counted.
            transaction
                .batch_execute("lock table events in share mode")
                .await?;
            if lacks(transaction.client(), is_wanted, table).await? {
                transaction.batch_execute(fill).await?;
            }
        }
    }
    transaction.commit().await
}

impl Wanted {
    fn days(&self) -> Option<i32> {
        self.keep.and_then(|days| days.try_into().ok())
    }
}
