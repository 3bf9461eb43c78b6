use std::time::Duration;

use user_metadata_testing::{Missing, is_ci};

use crate::fault::Fault;
use crate::sample::Events;

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) fault: Fault,
    pub(crate) brokers: u32,
    /// `None` if it did not run to the end.
    pub(crate) figures: Option<Figures>,
    pub(crate) verdict: Verdict,
}

#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) joins: usize,
    pub(crate) healthy_p99: Duration,
    pub(crate) faulty_p99: Duration,
    /// The counts of the last ws-server.
    pub(crate) events: Events,
    /// Records whose event is in the topic already.
    pub(crate) duplicates: usize,
}

#[derive(Debug)]
pub(crate) enum Verdict {
    Ok,
    NotOk(Vec<String>),
    /// An outbox in memory promises nothing in this fault.
    NeedsDisk,
    /// This machine lacks what the fault needs.
    Skipped(Missing),
}

impl Verdict {
    /// With `CI=true` nothing may be missing.
    pub(crate) fn is_well(&self) -> bool {
        match self {
            Self::Ok | Self::NeedsDisk => true,
            Self::NotOk(_) => false,
            Self::Skipped(_) => !is_ci(),
        }
    }

    fn in_words(&self) -> String {
        match self {
            Self::Ok => "ok".to_owned(),
            Self::NotOk(problems) => format!("NOT OK: {}", problems.join("; ")),
            Self::NeedsDisk => "not run: for --outbox disk".to_owned(),
            Self::Skipped(missing) => format!("not run: needs {missing}"),
        }
    }
}

impl Row {
    /// A fault that did not run to the end.
    pub(crate) fn without(fault: Fault, brokers: u32, verdict: Verdict) -> Self {
        Self {
            fault,
            brokers,
            figures: None,
            verdict,
        }
    }
}

const COLUMNS: [&str; 11] = [
    "fault",
    "brokers",
    "joins",
    "p99 ratio",
    "accepted",
    "recovered",
    "published",
    "pending",
    "dropped",
    "duplicates",
    "verdict",
];

pub(crate) fn print_head() {
    println!("| {} |", COLUMNS.join(" | "));
    println!("|{}", "---|".repeat(COLUMNS.len()));
}

pub(crate) fn print(row: &Row) {
    let figures = match &row.figures {
        Some(figures) => cells(figures),
        None => [const { String::new() }; 8],
    };
    println!(
        "| {} | {} | {} | {} |",
        row.fault.name(),
        row.brokers,
        figures.join(" | "),
        // A line break or a pipe would end the cell.
        row.verdict
            .in_words()
            .replace('\n', " ")
            .replace('|', "\\|"),
    );
}

fn cells(figures: &Figures) -> [String; 8] {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let (healthy, faulty) = (ms(figures.healthy_p99), ms(figures.faulty_p99));
    let events = &figures.events;
    [
        figures.joins.to_string(),
        format!("{:.1} ({healthy:.1} → {faulty:.1} ms)", faulty / healthy),
        events.accepted.to_string(),
        events.recovered.to_string(),
        events.published.to_string(),
        events.pending.to_string(),
        events.dropped.to_string(),
        figures.duplicates.to_string(),
    ]
}
