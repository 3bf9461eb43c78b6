use std::fmt;
use std::time::Duration;

use crate::options::Options;

/// The counts of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// The options of the run.
    pub options: Options,
    /// Events that Kafka has acknowledged.
    pub produced: u64,
    /// Rows of the table.
    pub rows: u64,
    /// Distinct events in them.
    pub different: u64,
    /// At least this many events were stored by a process after another had stored them.
    pub again: u64,
    /// Dead letters, and records that were deleted before they were read.
    pub not_stored: u64,
    /// Processes that joined, were stopped, and were killed.
    pub joined: u32,
    /// See [`joined`](Self::joined).
    pub left: u32,
    /// See [`joined`](Self::joined).
    pub killed: u32,
    /// How often a process was assigned partitions.
    pub assignments: u64,
    /// From the first event to the last row.
    pub took: Duration,
}

impl Report {
    /// Whether every event was stored, and none twice.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let stored = [self.rows, self.different];
        stored == [self.produced; 2] && self.not_stored == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            options,
            produced,
            rows,
            different,
            again,
            not_stored,
            ..
        } = self;
        let (protocol, partitions) = (options.protocol, options.partitions);
        let seconds = self.took.as_secs_f64();
        writeln!(
            f,
            "group protocol {protocol}, {partitions} partitions, {seconds:.1} s"
        )?;
        let rate = self.produced as f64 / seconds;
        writeln!(
            f,
            "events produced           {produced} ({rate:.0} per second)"
        )?;
        writeln!(
            f,
            "missing                   {}",
            produced.saturating_sub(*different)
        )?;
        writeln!(
            f,
            "stored twice              {}",
            rows.saturating_sub(*different)
        )?;
        writeln!(f, "dead letters, lost        {not_stored}")?;
        writeln!(f, "delivered again, at least {again}")?;
        let (joined, left, killed) = (self.joined, self.left, self.killed);
        writeln!(
            f,
            "processes                 {joined} joined, {left} left by SIGTERM, {killed} by SIGKILL"
        )?;
        writeln!(f, "assignments               {}", self.assignments)?;
        f.write_str(if self.is_good() {
            "nothing lost, nothing stored twice"
        } else {
            "NOT OK"
        })
    }
}
