//! What the end-to-end tests share.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

pub(crate) mod outbox;

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use user_metadata_testing::load::{Client, Join, Load, Report};
use user_metadata_testing::process::WsServer;
use user_metadata_testing::until;

/// A browser's headers, for joins that don't come from a browser.
pub(crate) const HEADERS: [(&str, &str); 2] = [
    (
        "user-agent",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/120.0.0.0 Safari/537.36",
    ),
    ("accept-language", "en-US,en;q=0.9"),
];

/// Chrome on Windows 11 for `Browser::pass_as`: only the hints have the full version, and tell it
/// from Windows 10.
pub(crate) fn chrome_on_windows_11() -> Value {
    let brands = |version: &str| {
        json!([
            { "brand": "Not_A Brand", "version": "99" },
            { "brand": "Chromium", "version": version },
            { "brand": "Google Chrome", "version": version },
        ])
    };
    json!({
        "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
                      Gecko) Chrome/141.0.0.0 Safari/537.36",
        "acceptLanguage": "de-CH,de",
        "platform": "Win32",
        "userAgentMetadata": {
            "brands": brands("141"),
            "fullVersionList": brands("141.0.7390.123"),
            "platform": "Windows",
            "platformVersion": "15.0.0",
            "architecture": "x86",
            "bitness": "64",
            "model": "",
            "mobile": false,
            "wow64": false,
        },
    })
}

/// The log line of an acknowledged event.
pub(crate) const DELIVERED: &str = "📊 Published user metadata for John (user-123)";

/// John joins once; the server's reply.
pub(crate) async fn john_joins(server: &WsServer) -> Value {
    let address = server.listen().address();
    let mut client = Client::connect(address, &HEADERS).await.unwrap();
    client.join("user-123", "John").await.unwrap()
}

/// Joins at a steady pace, and requires an answer to each.
pub(crate) fn joins(server: &WsServer, joins: u32, per_second: u32) -> JoinHandle<Report<Join>> {
    let load = Load {
        address: server.listen().address(),
        connections: joins,
        per_second: Some(per_second),
        at_once: 200,
    };
    tokio::spawn(async move {
        let report = load.join().await;
        assert!(report.failures.is_empty(), "{:?}", report.failures);
        assert_eq!(report.done.len(), usize::try_from(joins).unwrap());
        report
    })
}

/// What the sink has stored.
pub(crate) struct Database(Connection);

impl Database {
    /// Waits until the sink has created it.
    pub(crate) fn open(path: &str) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let open = || Connection::open_with_flags(path, flags).ok();
        let database = Self(until("the database", Duration::from_secs(30), open));
        database.0.busy_timeout(Duration::from_secs(10)).unwrap();
        until("the table", Duration::from_secs(30), || {
            database.0.prepare("SELECT id FROM events").ok().map(drop)
        });
        database
    }

    pub(crate) fn rows(&self) -> usize {
        let count = "SELECT count(*) FROM events";
        let rows: i64 = self.0.query_row(count, [], |row| row.get(0)).unwrap();
        rows.try_into().unwrap()
    }

    pub(crate) fn wait_for_rows(&self, rows: usize) {
        until(&format!("{rows} rows"), Duration::from_secs(120), || {
            (self.rows() >= rows).then_some(())
        });
    }

    pub(crate) fn ids(&self) -> BTreeSet<String> {
        let mut ids = self.0.prepare("SELECT id FROM events").unwrap();
        let ids = ids.query_map([], |row| row.get(0)).unwrap();
        ids.map(Result::unwrap).collect()
    }

    /// Columns of the one row of a user, as text; empty for null.
    pub(crate) fn row_of(&self, user_id: &str, columns: &str) -> Vec<String> {
        let query = format!("SELECT {columns} FROM events WHERE user_id = ?1");
        let count = columns.split(',').count();
        let cells = |row: &Row<'_>| {
            let cells = (0..count).map(|cell| row.get::<_, Option<String>>(cell));
            cells.collect::<Result<Vec<_>, _>>()
        };
        let cells = self.0.query_row(&query, [user_id], cells).unwrap();
        cells.into_iter().map(Option::unwrap_or_default).collect()
    }
}

/// The stored events are exactly those that were promised.
pub(crate) fn assert_exactly_once(promised: &Report<Join>, database: &Database) {
    let promised = promised.done.iter().map(|join| join.event_id.clone());
    let promised: Vec<String> = promised.collect();
    database.wait_for_rows(promised.len());
    assert_eq!(database.rows(), promised.len());
    let promised: BTreeSet<String> = promised.into_iter().collect();
    let stored = database.ids();
    let lost: Vec<_> = promised.difference(&stored).collect();
    let unexpected: Vec<_> = stored.difference(&promised).collect();
    assert!(
        lost.is_empty() && unexpected.is_empty(),
        "lost {lost:?}, unexpected {unexpected:?}"
    );
}
