use std::collections::VecDeque;

use serde_json::Value;
use user_metadata_testing::process::{Ended, MetadataConsumer};

use crate::act::Act;

/// The processes of the group.
pub(crate) struct Crowd {
    flags: Vec<String>,
    /// The oldest first.
    running: VecDeque<MetadataConsumer>,
    pub(crate) counts: Counts,
}

/// The counts of all processes, including those that have ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) joined: u32,
    pub(crate) left: u32,
    pub(crate) killed: u32,
    /// Events that they have reported as stored.
    pub(crate) written: u64,
    pub(crate) not_stored: u64,
    pub(crate) assignments: u64,
}

impl Crowd {
    pub(crate) fn new(flags: Vec<String>) -> Self {
        Self {
            flags,
            running: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    pub(crate) fn act(&mut self, act: Act) {
        match act {
            Act::Join => {
                let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
                self.running.push_back(MetadataConsumer::start(&flags));
                self.counts.joined += 1;
            }
            Act::Leave => self.end(|oldest| oldest.running.stop(), |counts| &mut counts.left),
            Act::Kill => self.end(|oldest| oldest.running.kill(), |counts| &mut counts.killed),
        }
    }

    /// Ends the oldest.
    fn end(
        &mut self,
        how: impl FnOnce(MetadataConsumer) -> Ended,
        count: impl FnOnce(&mut Counts) -> &mut u32,
    ) {
        let Some(oldest) = self.running.pop_front() else {
            return;
        };
        let before = Written::of(&oldest);
        let ended = how(oldest);
        let is_assignment =
            |line: &&String| line.contains("reading") && line.contains("partitions=");
        self.counts.assignments += ended.stderr.iter().filter(is_assignment).count() as u64;
        self.counts.not_stored += before.not_stored;
        // One that was stopped reports how many in its last lines.
        let last = ended.stderr.iter().rev().find_map(|line| written(line));
        self.counts.written += last.unwrap_or(before.written);
        *count(&mut self.counts) += 1;
    }

    /// Whether each running process has nothing left to read.
    pub(crate) fn is_done(&self) -> bool {
        self.running
            .iter()
            .all(|process| Written::of(process).lag == 0)
    }

    /// Asks all to stop.
    pub(crate) fn go(&mut self) {
        while !self.running.is_empty() {
            self.act(Act::Leave);
        }
    }
}

/// What a process reports about its sink.
struct Written {
    written: u64,
    not_stored: u64,
    lag: u64,
}

impl Written {
    fn of(process: &MetadataConsumer) -> Self {
        let status: Value = serde_json::from_str(&process.get("/status").body).unwrap_or_default();
        let number = |name: &str| status["sinks"][0][name].as_u64().unwrap_or(u64::MAX);
        Self {
            written: number("written"),
            not_stored: number("deadLettered") + number("lost"),
            lag: number("lagRecords"),
        }
    }
}

/// Reads a last line: `… ended sink="sqlite" written=1234 …`.
fn written(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("written=")?;
    rest.split_whitespace().next()?.parse().ok()
}
