use tokio_postgres::{Client, Error};
use user_metadata_consumer::SinkError;

use super::connect::{Connector, quoted};
use super::error::bounded;
use super::schema::{self, Wanted};
use crate::url::PostgresUrl;

/// What a start would create or change, as words that follow "a start would"; creates and changes
/// nothing. Fails if the user lacks a privilege that a start needs, as far as that can be known.
pub(crate) async fn changes(url: &PostgresUrl) -> Result<Vec<String>, SinkError> {
    let connector = Connector::new(url).map_err(SinkError::fatal)?;
    let connected = connector.connect().await?;
    let (client, limit) = (&connected.client, connector.limit());
    let changes = schema::changes(client, &Wanted::of(url), limit).await?;
    let looking = "checking the privileges";
    let is_there = bounded(looking, limit, schema::version(client)).await?;
    let problem = match is_there {
        Some(_) => bounded(looking, limit, lacking(client, url, !changes.is_empty())).await?,
        None => bounded(looking, limit, hindrance(client, url)).await?,
    };
    problem.map_or(Ok(changes), |problem| Err(SinkError::fatal(problem)))
}

/// The privileges on the existing tables that the user lacks.
async fn lacking(
    client: &Client,
    url: &PostgresUrl,
    is_to_be_changed: bool,
) -> Result<Option<String>, Error> {
    let mut needed = vec![
        ("settings", "select"),
        ("events", "select"),
        ("events", "insert"),
    ];
    if is_to_be_changed {
        needed.push(("settings", "update"));
    }
    for (is_wanted, table) in [
        (url.tables.users, "users"),
        (url.tables.sessions, "sessions"),
    ] {
        if is_wanted {
            needed.extend(["select", "insert", "update"].map(|right| (table, right)));
        }
    }
    let (tables, rights): (Vec<&str>, Vec<&str>) = needed.into_iter().unzip();
    let query = "select string_agg(needed || ' on ' || of, ', ')
        from unnest($1::text[], $2::text[]) as t (of, needed)
        where not has_table_privilege(of, needed)";
    let row = client.query_one(query, &[&tables, &rights]).await?;
    let lacking: Option<String> = row.get(0);
    Ok(lacking.map(|rights| format!("the user lacks privileges: grant {rights}")))
}

/// Why the tables can't be created.
async fn hindrance(client: &Client, url: &PostgresUrl) -> Result<Option<String>, Error> {
    let query = "select case
            when $1::text is not null and to_regnamespace($1) is null
                then has_database_privilege(current_database(), 'create')
            else coalesce(has_schema_privilege(current_schema(), 'create'), false)
        end,
        (select min(relname::text) from pg_class
            where relnamespace = to_regnamespace(quote_ident(current_schema()))
                and relname in ('settings', 'events', 'users', 'sessions',
                    'browser_share', 'os_share', 'device_share'))";
    let schema = url.schema.as_deref().map(quoted);
    let row = client.query_one(query, &[&schema]).await?;
    let (may_create, taken): (bool, Option<String>) = (row.get(0), row.get(1));
    Ok(match (may_create, taken) {
        (false, _) => Some(
            "the user may not create tables; grant it CREATE, or name a schema of its own: \
             `?schema=NAME`"
                .to_owned(),
        ),
        (true, Some(table)) => Some(format!(
            "there is a table {table} of another program; name a schema that has none: `?schema=NAME`"
        )),
        (true, None) => None,
    })
}
