//! The built-in sinks keep what `Sink` promises.
#![cfg(all(
    feature = "stdout",
    feature = "sqlite",
    feature = "file",
    feature = "webhook",
    feature = "segment",
    feature = "mixpanel",
    feature = "amplitude",
    feature = "posthog",
    feature = "ga4"
))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use user_metadata_consumer::BoxError;
use user_metadata_consumer::conformance::{StoredEvent, Subject, check};
use user_metadata_events::UserMetadataEvent;

/// How a target behaves that does not respond for a while.
fn wait_until(time: Instant) {
    while let Some(left) = time.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

mod sqlite {
    use rusqlite::{Connection, OpenFlags};
    use user_metadata_sinks::SqliteSink;

    use super::*;
    use crate::support::row::event_of;

    struct Database {
        _dir: TempDir,
        path: PathBuf,
        /// Holds the file while it is to be unavailable.
        holder: Option<Connection>,
    }

    impl Subject for Database {
        type Sink = SqliteSink;

        async fn open(&mut self) -> Result<SqliteSink, BoxError> {
            Ok(SqliteSink::open(&self.path)?)
        }

        async fn stored(&mut self) -> Result<Vec<StoredEvent>, BoxError> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
            let connection = Connection::open_with_flags(&self.path, flags)?;
            let mut query = connection.prepare(AS_JSON)?;
            let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
            let events = rows.map(|row| {
                let (columns, details): (String, Option<String>) = row?;
                Ok(event_of(&columns, details.as_deref().unwrap_or("{}"))?.into())
            });
            events.collect()
        }

        async fn set_available(&mut self, available: bool) -> Result<bool, BoxError> {
            self.holder = None;
            if !available {
                let holder = Connection::open(&self.path)?;
                holder.execute_batch("BEGIN IMMEDIATE")?;
                self.holder = Some(holder);
            }
            Ok(true)
        }

        async fn hold_up(&mut self, time: Duration) -> Result<bool, BoxError> {
            let holder = Connection::open(&self.path)?;
            holder.execute_batch("BEGIN IMMEDIATE")?;
            std::thread::spawn(move || {
                wait_until(Instant::now() + time);
                holder.execute_batch("COMMIT").unwrap();
            });
            Ok(true)
        }
    }

    const AS_JSON: &str = "SELECT json_object(
            'id', id, 'userId', user_id, 'username', username, 'sessionId', session_id,
            'timestamp', timestamp,
            'metadata', json_object('ip', ip, 'userAgent', user_agent, 'browser', browser, 'os', os,
                'device', device, 'language', language),
            'connectionInfo', json_object('clientId', client_id, 'ipAddress', ip,
                'connectionTime', connection_time)),
        details FROM events ORDER BY rowid";

    #[tokio::test]
    async fn the_sqlite_sink_keeps_its_promise() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users.sqlite");
        let database = Database {
            _dir: dir,
            path,
            holder: None,
        };
        check(database).await.unwrap();
    }
}

mod ndjson {
    use std::fs::{self, OpenOptions};
    use std::io;
    use std::sync::{Arc, Mutex};

    use user_metadata_sinks::NdjsonSink;

    use super::*;

    struct File {
        _dir: TempDir,
        path: PathBuf,
        /// When the reader of the file goes on.
        stopped_until: Arc<Mutex<Instant>>,
    }

    /// A pipe whose reader pauses now and then.
    struct Pipe {
        file: fs::File,
        stopped_until: Arc<Mutex<Instant>>,
    }

    impl io::Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let until = *self.stopped_until.lock().unwrap();
            wait_until(until);
            self.file.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.file.flush()
        }
    }

    impl Subject for File {
        type Sink = NdjsonSink;

        async fn open(&mut self) -> Result<NdjsonSink, BoxError> {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(&self.path)?;
            Ok(NdjsonSink::new(Pipe {
                file,
                stopped_until: Arc::clone(&self.stopped_until),
            })?)
        }

        async fn stored(&mut self) -> Result<Vec<StoredEvent>, BoxError> {
            let lines = fs::read_to_string(&self.path)?;
            let decode = |line: &str| UserMetadataEvent::decode(Some(line.as_bytes()));
            let events = lines.split_terminator('\n').map(decode);
            events.map(|event| Ok(event?.into())).collect()
        }

        async fn hold_up(&mut self, time: Duration) -> Result<bool, BoxError> {
            *self.stopped_until.lock().unwrap() = Instant::now() + time;
            Ok(true)
        }

        fn deduplicates(&self) -> bool {
            false
        }
    }

    #[tokio::test]
    async fn the_sink_of_lines_keeps_its_promise() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.ndjson");
        let file = File {
            _dir: dir,
            path,
            stopped_until: Arc::new(Mutex::new(Instant::now())),
        };
        check(file).await.unwrap();
    }
}

mod file {
    use std::fs;

    use user_metadata_sinks::{FileSink, Rotation};

    use super::*;

    struct Files {
        dir: TempDir,
        away: PathBuf,
    }

    impl Files {
        fn folder(&self) -> PathBuf {
            self.dir.path().join("events")
        }
    }

    impl Subject for Files {
        type Sink = FileSink;

        async fn open(&mut self) -> Result<FileSink, BoxError> {
            let rotation = Rotation {
                max_bytes: 40_000,
                keep: 100.try_into()?,
            };
            Ok(FileSink::open(
                self.folder().join("x.ndjson"),
                Some(rotation),
            )?)
        }

        async fn stored(&mut self) -> Result<Vec<StoredEvent>, BoxError> {
            let numbered = (1..=100).rev().map(|number| format!("x.ndjson.{number}"));
            let mut stored = Vec::new();
            for name in numbered.chain(["x.ndjson".to_owned()]) {
                let Ok(lines) = fs::read_to_string(self.folder().join(name)) else {
                    continue;
                };
                assert!(lines.is_empty() || lines.ends_with('\n'));
                for line in lines.lines() {
                    stored.push(UserMetadataEvent::decode(Some(line.as_bytes()))?.into());
                }
            }
            Ok(stored)
        }

        async fn set_available(&mut self, available: bool) -> Result<bool, BoxError> {
            match (available, self.away.exists()) {
                (true, true) => fs::rename(&self.away, self.folder())?,
                (false, false) => fs::rename(self.folder(), &self.away)?,
                _ => {}
            }
            Ok(true)
        }

        fn deduplicates(&self) -> bool {
            false
        }
    }

    #[tokio::test]
    async fn the_file_sink_keeps_its_promise() {
        let dir = tempfile::tempdir().unwrap();
        let away = dir.path().join("away");
        check(Files { dir, away }).await.unwrap();
    }
}

mod http {
    use user_metadata_sinks::BuiltinSink;

    use super::*;
    use crate::support::vendor::page::is_placeholder;
    use crate::support::vendor::{Fake, Vendor};

    struct Platform(Fake);

    impl Subject for Platform {
        type Sink = BuiltinSink;

        async fn open(&mut self) -> Result<BuiltinSink, BoxError> {
            // All of the address, since the events are compared.
            Ok(self.0.sink("&ip=full"))
        }

        async fn stored(&mut self) -> Result<Vec<StoredEvent>, BoxError> {
            Ok(self.0.state().stored.clone())
        }

        async fn set_available(&mut self, available: bool) -> Result<bool, BoxError> {
            self.0.state().is_away = !available;
            Ok(true)
        }

        fn deduplicates(&self) -> bool {
            self.0.vendor != Vendor::Ga4
        }

        fn is_ordered(&self) -> bool {
            self.0.vendor != Vendor::Ga4
        }

        fn takes(&self, event: &UserMetadataEvent) -> bool {
            self.0.vendor != Vendor::Mixpanel || !is_placeholder(&event.user_id)
        }
    }

    macro_rules! vendors {
        ($($test:ident: $vendor:ident),* $(,)?) => {
            $(
                #[tokio::test]
                async fn $test() {
                    check(Platform(Fake::start(Vendor::$vendor).await)).await.unwrap();
                }
            )*
        };
    }
    vendors! {
        the_webhook_keeps_its_promise: Webhook,
        the_segment_sink_keeps_its_promise: Segment,
        the_mixpanel_sink_keeps_its_promise: Mixpanel,
        the_amplitude_sink_keeps_its_promise: Amplitude,
        the_posthog_sink_keeps_its_promise: Posthog,
        the_ga4_sink_keeps_its_promise: Ga4,
    }
}
