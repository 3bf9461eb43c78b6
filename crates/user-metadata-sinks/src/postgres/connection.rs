use std::collections::HashSet;
use std::net::IpAddr;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, join, try_join};
use tokio_postgres::{Client, Error, GenericClient, Statement, Transaction};
use user_metadata_consumer::SinkError;

use super::connect::{Connected, Connector};
use super::copy::encode;
use super::error::bounded;
use super::row::{COLUMNS, Row};
use super::schema::{self, Wanted, Window};
use super::totals::{SESSIONS, USERS, add_sessions, add_users};
use super::values::{Json, Micros, Uuid};
use crate::tables::Tables;

/// A connection with its prepared statements.
pub(super) struct Connection {
    connected: Connected,
    tables: Tables,
    pub(super) window: Window,
    ensure: Statement,
    copy: Statement,
    insert: Statement,
    users: Statement,
    sessions: Statement,
    is_in_transaction: bool,
    /// For the data of a COPY.
    buffer: BytesMut,
}

impl Connection {
    /// Connects, and creates the tables if they are missing.
    pub(super) async fn open(
        connector: &Connector,
        wanted: &Wanted,
        tables: Tables,
    ) -> Result<Self, SinkError> {
        let mut connected = connector.connect().await?;
        let limit = connector.limit();
        let window = schema::prepare(&mut connected.client, wanted, limit).await?;
        bounded("preparing", limit, Self::with(connected, window, tables)).await
    }

    async fn with(connected: Connected, window: Window, tables: Tables) -> Result<Self, Error> {
        let client = &connected.client;
        let ensure = "select at, ensure_partition(at), counted_until
            from unnest($1::timestamptz[]) at, settings";
        let copy = format!("copy events ({COLUMNS}) from stdin (format binary)");
        let insert = format!(
            "insert into events ({COLUMNS})
            select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[],
                $6::timestamptz[], $7::uuid[], $8::inet[], $9::text[], $10::text[], $11::text[],
                $12::text[], $13::text[], $14::jsonb[])
            on conflict do nothing returning timestamp, id"
        );
        Ok(Self {
            ensure: client.prepare(ensure).await?,
            copy: client.prepare(&copy).await?,
            insert: client.prepare(&insert).await?,
            users: client.prepare(USERS).await?,
            sessions: client.prepare(SESSIONS).await?,
            connected,
            tables,
            window,
            is_in_transaction: false,
            buffer: BytesMut::new(),
        })
    }

    /// Whether it is unusable: closed, or interrupted in the middle of a transaction.
    pub(super) fn is_spent(&self) -> bool {
        self.client().is_closed() || self.is_in_transaction
    }

    const fn client(&self) -> &Client {
        &self.connected.client
    }

    /// Ensures a partition for each moment; returns those that can't have one, and why.
    pub(super) async fn ensure(
        &mut self,
        moments: &[Micros],
    ) -> Result<Vec<(Micros, String)>, Error> {
        let rows = self.client().query(&self.ensure, &[&moments]).await?;
        // A dropped partition may have been created again since this was read last.
        if let Some(row) = rows.first() {
            self.window.counted_until = row.get(2);
        }
        let refused = rows
            .iter()
            .filter_map(|row| Some((row.get(0), row.get::<_, Option<_>>(1)?)));
        Ok(refused.collect())
    }

    /// Stores rows of which none is stored yet, or fails.
    pub(super) async fn copy(&mut self, rows: &[Row<'_>]) -> Result<(), Error> {
        let client = &self.connected.client;
        let counted_until = self.window.counted_until;
        let copying = copy(client, &self.copy, rows, &mut self.buffer);
        if !self.tables.users && !self.tables.sessions {
            // A transaction by itself.
            return copying.await;
        }
        // Not tokio-postgres' own transaction, which waits for the answer to BEGIN.
        self.is_in_transaction = true;
        let stored = async {
            try_join!(client.batch_execute("BEGIN"), copying)?;
            let rows: Vec<_> = rows
                .iter()
                .filter(|row| row.timestamp >= counted_until)
                .collect();
            let statements = (&self.users, &self.sessions);
            add_totals(client, self.tables, statements, &rows).await
        };
        let stored = stored.await;
        let end = if stored.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = client.batch_execute(end).await;
        self.is_in_transaction = ended.is_err();
        stored.and(ended)
    }

    /// Stores those of the rows that are not stored yet.
    pub(super) async fn insert(&mut self, rows: &[Row<'_>]) -> Result<(), Error> {
        let transaction = self.connected.client.transaction().await?;
        let stored = insert(&transaction, &self.insert, rows).await?;
        let mut stored: HashSet<(Micros, Uuid)> = stored.into_iter().collect();
        // Of two with the same key, one is stored.
        let rows: Vec<_> = rows
            .iter()
            .filter(|row| stored.remove(&row.key()))
            .filter(|row| row.timestamp >= self.window.counted_until)
            .collect();
        let statements = (&self.users, &self.sessions);
        add_totals(&transaction, self.tables, statements, &rows).await?;
        transaction.commit().await
    }
}

async fn add_totals<'a>(
    client: &impl GenericClient,
    tables: Tables,
    (users, sessions): (&Statement, &Statement),
    rows: &[&'a Row<'a>],
) -> Result<(), Error> {
    let users = async {
        match tables.users {
            true => add_users(client, users, rows).await,
            false => Ok(()),
        }
    };
    let sessions = async {
        match tables.sessions {
            true => add_sessions(client, sessions, rows).await,
            false => Ok(()),
        }
    };
    // If the first fails, the second fails for the same reason.
    let (users, sessions) = join!(users, sessions);
    users.and(sessions)
}

async fn copy(
    client: &Client,
    statement: &Statement,
    rows: &[Row<'_>],
    buffer: &mut BytesMut,
) -> Result<(), Error> {
    let mut sink = pin!(client.copy_in::<_, Bytes>(statement).await?);
    for part in encode(rows, buffer) {
        sink.send(part).await?;
    }
    sink.finish().await.map(drop)
}

/// Returns the keys of the rows that were new.
async fn insert(
    transaction: &Transaction<'_>,
    statement: &Statement,
    rows: &[Row<'_>],
) -> Result<Vec<(Micros, Uuid)>, Error> {
    fn column<'a, T>(rows: &'a [Row<'a>], value: impl Fn(&'a Row<'a>) -> T) -> Vec<T> {
        rows.iter().map(value).collect()
    }
    let ips: Vec<Option<IpAddr>> = column(rows, |row| row.ip);
    let stored = transaction
        .query(
            statement,
            &[
                &column(rows, |row| row.id),
                &column(rows, |row| &*row.user_id),
                &column(rows, |row| &*row.username),
                &column(rows, |row| &*row.session_id),
                &column(rows, |row| row.timestamp),
                &column(rows, |row| row.connection_time),
                &column(rows, |row| row.client_id),
                &ips,
                &column(rows, |row| row.user_agent.as_deref()),
                &column(rows, |row| row.browser.as_deref()),
                &column(rows, |row| row.os.as_deref()),
                &column(rows, |row| row.device.as_deref()),
                &column(rows, |row| row.language.as_deref()),
                &column(rows, |row| row.details.as_deref().map(Json)),
            ],
        )
        .await?;
    Ok(stored.iter().map(|row| (row.get(0), row.get(1))).collect())
}
