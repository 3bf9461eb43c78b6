use std::time::Duration;

use tokio_postgres::{Client, Error};
use user_metadata_consumer::SinkError;

use super::connect::quoted;
use super::error::bounded;
use super::values::Micros;
use crate::tables::Tables;
use crate::url::{Keep, PostgresUrl};

/// The schema version of this software.
const VERSION: i32 = 1;
const CREATE: &str = include_str!("schema.sql");

/// How long creating tables may take: an index on a large table takes its time.
const MAKE: Duration = Duration::from_secs(60 * 60);

/// Held while the tables of a schema are created or changed. Without it, most of several processes
/// that start at the same moment fail, in spite of `if not exists`.
const LOCK: &str =
    "select pg_advisory_xact_lock(1970106221, hashtext(coalesce($1::text, current_schema(), '')))";

/// Tables that were disabled or missing before are filled from `events`.
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

/// The settings that the URL asks for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    schema: Option<String>,
    keep: Option<Keep>,
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

/// The database's settings about the time of events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// How long before and after now an event may be, in microseconds.
    pub(super) past: i64,
    pub(super) future: i64,
    /// Events before this were counted, and then dropped by retention.
    pub(super) counted_until: Micros,
}

/// Creates what is missing, and nothing twice, however many processes start at once.
pub(super) async fn prepare(
    client: &mut Client,
    wanted: &Wanted,
    limit: Duration,
) -> Result<Window, SinkError> {
    if changes(client, wanted, limit).await?.is_empty() {
        return window(client, limit).await;
    }
    let newer = bounded("creating the tables", MAKE, make(client, wanted)).await?;
    // Another version may have created them in the meantime.
    refuse_newer(newer)?;
    window(client, limit).await
}

/// What is to be created or changed before events can be written, as words that follow "a start
/// would"; creates and changes nothing. A user who may only write needs no more than this.
pub(super) async fn changes(
    client: &Client,
    wanted: &Wanted,
    limit: Duration,
) -> Result<Vec<String>, SinkError> {
    let looking = "a look at the tables";
    let version = bounded(looking, limit, version(client)).await?;
    refuse_newer(version)?;
    match version {
        Some(_) => bounded(looking, limit, differences(client, wanted)).await,
        None => Ok(vec!["create its tables".to_owned()]),
    }
}

async fn window(client: &Client, limit: Duration) -> Result<Window, SinkError> {
    let settings = "select (extract(epoch from least(accept_past, keep)) * 1000000)::bigint,
        (extract(epoch from accept_future) * 1000000)::bigint, counted_until
        from settings";
    let asking = client.query_one(settings, &[]);
    let row = bounded("a look at the settings", limit, asking).await?;
    Ok(Window {
        past: row.get(0),
        future: row.get(1),
        counted_until: row.get(2),
    })
}

fn refuse_newer(version: Option<i32>) -> Result<(), SinkError> {
    match version {
        Some(found) if found > VERSION => Err(SinkError::fatal(format!(
            "the database has schema version {found}, and this version of the software knows up to \
             {VERSION}; use a newer version, or another `?schema=NAME`"
        ))),
        _ => Ok(()),
    }
}

/// How the existing tables and settings differ from what is wanted.
async fn differences(client: &Client, wanted: &Wanted) -> Result<Vec<String>, Error> {
    let query = "select 'set `keep` to ' || coalesce(make_interval(days => $2::int)::text, 'off')
                || ' (it is ' || coalesce(keep::text, 'off') || ')'
            from settings where $1::bool and keep is distinct from make_interval(days => $2::int)
        union all select format('set `partition` to %s (it is %s)', $3::text, partition_by)
            from settings where partition_by <> $3::text
        union all select 'create the index on (ip, timestamp)'
            where $4::bool and to_regclass('events_ip') is null";
    let (is_given, days) = wanted.keep();
    let found = client
        .query(
            query,
            &[&is_given, &days, &wanted.partition, &wanted.index_ip],
        )
        .await?;
    let mut differences: Vec<String> = found.iter().map(|row| row.get(0)).collect();
    for (is_wanted, table, _) in wanted.totals() {
        if lacks(client, is_wanted, table).await? {
            differences.push(format!("fill `{table}` from `events`"));
        }
    }
    Ok(differences)
}

/// Whether an enabled table is empty although there are events.
async fn lacks(client: &Client, is_wanted: bool, table: &str) -> Result<bool, Error> {
    if !is_wanted {
        return Ok(false);
    }
    let query = format!("select exists (select from events) and not exists (select from {table})");
    Ok(client.query_one(&query, &[]).await?.get(0))
}

/// The version of the tables, if they exist. `settings` may be another program's table.
pub(super) async fn version(client: &Client) -> Result<Option<i32>, Error> {
    let query = "select exists (select from information_schema.columns
        where table_schema = current_schema() and table_name = 'settings'
            and column_name = 'schema_version')";
    if !client.query_one(query, &[]).await?.get::<_, bool>(0) {
        return Ok(None);
    }
    let query = "select schema_version from settings";
    Ok(Some(client.query_one(query, &[]).await?.get(0)))
}

/// Returns the version that existed before: if that is newer, nothing is changed.
async fn make(client: &mut Client, wanted: &Wanted) -> Result<Option<i32>, Error> {
    let transaction = client.transaction().await?;
    transaction.execute(LOCK, &[&wanted.schema]).await?;
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
    let found = version(transaction.client()).await?;
    match found {
        Some(found) if found > VERSION => return Ok(Some(found)),
        Some(_) => {}
        None => transaction.batch_execute(CREATE).await?,
    }
    let (is_given, days) = wanted.keep();
    let set = "update settings set partition_by = coalesce($3::text, partition_by),
        keep = case when $1::bool then make_interval(days => $2::int) else keep end";
    transaction
        .execute(set, &[&is_given, &days, &wanted.partition])
        .await?;
    if wanted.index_ip {
        let index = "create index if not exists events_ip on events (ip, timestamp)";
        transaction.batch_execute(index).await?;
    }
    for (is_wanted, table, fill) in wanted.totals() {
        if lacks(transaction.client(), is_wanted, table).await? {
            // Nobody may add events while they are counted.
            transaction
                .batch_execute("lock table events in share mode")
                .await?;
            if lacks(transaction.client(), is_wanted, table).await? {
                transaction.batch_execute(fill).await?;
            }
        }
    }
    transaction.commit().await?;
    Ok(found)
}

impl Wanted {
    /// Whether the URL says how long events are kept, and how many days; `None` is for ever.
    fn keep(&self) -> (bool, Option<i32>) {
        match self.keep {
            None => (false, None),
            Some(Keep::Forever) => (true, None),
            Some(Keep::Days(days)) => (true, Some(days)),
        }
    }

    /// Each table of totals: whether it is enabled, its name, and the statement that fills it.
    const fn totals(&self) -> [(bool, &'static str, &'static str); 2] {
        let Tables { users, sessions } = self.tables;
        [
            (users, "users", FILL_USERS),
            (sessions, "sessions", FILL_SESSIONS),
        ]
    }
}
