//! The PostgreSQL sink keeps what `Sink` promises.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::error::Error;

use support::row::event_of;
use user_metadata_consumer::BoxError;
use user_metadata_consumer::conformance::{StoredEvent, Subject, check};
use user_metadata_sinks::{BuiltinSink, SinkUrl};
use user_metadata_testing::postgres::{Database, Server};
use user_metadata_testing::require;

/// A database on a server of its own, which may be away.
struct Target {
    server: Server,
    database: Database,
    options: &'static str,
    is_away: bool,
}

impl Subject for Target {
    type Sink = BuiltinSink;

    async fn open(&mut self) -> Result<BuiltinSink, BoxError> {
        let url: SinkUrl = format!("{}?{}", self.database.url(), self.options).parse()?;
        Ok(url.open()?)
    }

    async fn stored(&mut self) -> Result<Vec<StoredEvent>, BoxError> {
        let rows = self.database.query(AS_JSON);
        let events = rows.iter().map(|row| {
            let row = text(row)?;
            let (columns, details) = row.split_once('\u{1f}').ok_or("no such row")?;
            Ok::<_, Box<dyn Error + Send + Sync>>(event_of(columns, details)?.into())
        });
        events.collect()
    }

    async fn set_available(&mut self, available: bool) -> Result<bool, BoxError> {
        if available && self.is_away {
            self.server.restart();
        } else if !available {
            self.server.crash();
        }
        self.is_away = !available;
        Ok(true)
    }

    /// A table has no order.
    fn is_ordered(&self) -> bool {
        false
    }
}

/// In hexadecimal digits, since `psql` leaves out characters that it can't show.
fn text(hex: &str) -> Result<String, BoxError> {
    let bytes = hex.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        u8::from_str_radix(pair, 16)
    });
    Ok(String::from_utf8(bytes.collect::<Result<_, _>>()?)?)
}

/// Whichever of the schemas has the table.
const AS_JSON: &str = "SET search_path = public, \"Who \"\"joins\"\"\";
    SELECT encode(convert_to(json_build_object(
        'id', id, 'userId', user_id, 'username', username, 'sessionId', session_id,
        'timestamp', (extract(epoch from timestamp) * 1000)::bigint,
        'metadata', json_build_object('ip', host(ip), 'userAgent', user_agent, 'browser', browser,
            'os', os, 'device', device, 'language', language),
        'connectionInfo', json_build_object('clientId', client_id, 'ipAddress', host(ip),
            'connectionTime', (extract(epoch from connection_time) * 1000)::bigint))
    || E'\\x1f' || coalesce(details::text, '{}'), 'UTF8'), 'hex') FROM events ORDER BY timestamp, id";

fn target(options: &'static str) -> Result<Target, user_metadata_testing::Missing> {
    let server = Server::start()?;
    Ok(Target {
        database: server.database(),
        server,
        options,
        is_away: false,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sink_keeps_its_promise() {
    check(require!(target(""))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_over_one_connection_and_with_all_tables() {
    let options = "connections=1&sessions=on&index=ip&partition=day&schema=Who%20%22joins%22";
    check(require!(target(options))).await.unwrap();
}
