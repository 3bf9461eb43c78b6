use std::sync::atomic::{AtomicU64, Ordering};

use crate::Failure;

/// As many users as in the publisher's events.
const USERS: u64 = 50_000;

/// Makes records of the same sizes as those of user-metadata-publisher.
pub(crate) struct Records {
    values: Vec<Vec<u8>>,
    next: AtomicU64,
    /// The timestamp of all events, in ms since the Unix epoch.
    pub(crate) timestamp_ms: i64,
}

/// A record.
pub(crate) struct Record {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

impl Records {
    /// Reads a file with one JSON event per line.
    pub(crate) fn read(path: &str) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)?;
        let timestamp = text.split(r#""timestamp":"#).nth(1);
        let timestamp = timestamp.and_then(|rest| rest.split(',').next());
        Ok(Self {
            values: text.lines().map(|line| line.as_bytes().to_vec()).collect(),
            next: AtomicU64::new(0),
            timestamp_ms: timestamp.ok_or("an event without a time")?.parse()?,
        })
    }

    /// The next record; its users are in a random order that is the same in every run.
    pub(crate) fn make(&self) -> Record {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut value = self.values[number as usize % self.values.len()].clone();
        let key = format!("user-{:05}", number.wrapping_mul(2_654_435_761) % USERS).into_bytes();
        value[Record::USER..][..key.len()].copy_from_slice(&key);
        Record { key, value }
    }
}

impl Record {
    /// `{"id":"` and 26 characters, `","userId":"` and the user.
    const ID: std::ops::Range<usize> = 7..33;
    const USER: usize = 45;

    pub(crate) fn headers(&self) -> [(&'static str, &[u8]); 6] {
        [
            ("ce_specversion", b"1.0"),
            ("ce_id", &self.value[Self::ID]),
            ("ce_type", b"user-metadata.joined.v1"),
            ("ce_source", b"/ws-server/bench"),
            ("ce_time", b"2025-11-23T00:00:00.000Z"),
            ("content-type", b"application/json"),
        ]
    }

    /// Its size in a batch, as the publisher counts it.
    pub(crate) fn size(&self) -> usize {
        let headers = self.headers();
        let headers = headers.iter().map(|(name, value)| name.len() + value.len());
        self.key.len() + self.value.len() + headers.sum::<usize>() + 100
    }
}
