use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe, catch_unwind};

use tokio::runtime::Runtime;
use user_metadata_testing::process::Lines;

use crate::fault::Fault;
use crate::kafka::{Kafka, Kind};
use crate::options::{Options, Outbox};
use crate::run::run_fault;
use crate::table::{self, Row, Verdict};

/// How many lines of ws-server's log are shown if a fault is not ok.
const JOURNAL: usize = 50;

/// Runs all selected faults and prints the table; returns whether all are ok.
pub(crate) fn run(options: &Options) -> Result<bool, std::io::Error> {
    let runtime = Runtime::new()?;
    let mut matrix = Matrix {
        options,
        runtime: &runtime,
        clusters: BTreeMap::new(),
    };
    // The panic of a wait is shown in the table instead.
    panic::set_hook(Box::new(|_| {}));
    table::print_head();
    let mut is_well = true;
    for (fault, brokers) in chosen(options) {
        let row = matrix.row(fault, brokers);
        table::print(&row);
        is_well &= row.verdict.is_well();
    }
    Ok(is_well)
}

/// A cluster of each kind is used for fault after fault, each with a topic of its own.
struct Matrix<'a> {
    options: &'a Options,
    runtime: &'a Runtime,
    clusters: BTreeMap<Kind, Kafka>,
}

impl Matrix<'_> {
    fn row(&mut self, fault: Fault, brokers: u32) -> Row {
        if fault.needs_disk() && self.options.outbox == Outbox::Memory {
            return Row::without(fault, brokers, Verdict::NeedsDisk);
        }
        let kind = Kind::of(fault, brokers);
        let mut cluster = match self
            .clusters
            .remove(&kind)
            .map_or_else(|| Kafka::start(kind), Ok)
        {
            Ok(cluster) => cluster,
            Err(missing) => return Row::without(fault, brokers, Verdict::Skipped(missing)),
        };
        let mut journal = None;
        let run = || {
            run_fault(
                fault,
                self.options,
                &mut cluster,
                self.runtime,
                &mut journal,
            )
        };
        let row = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(row)) => {
                self.clusters.insert(kind, cluster);
                row
            }
            Ok(Err(missing)) => Row::without(fault, brokers, Verdict::Skipped(missing)),
            // Waits panic when their deadline passes.
            Err(said) => Row::without(fault, brokers, Verdict::NotOk(vec![words(&*said)])),
        };
        if !row.verdict.is_well() {
            show(&journal, fault, brokers);
        }
        row
    }
}

/// Sorted by the number of brokers, so that no cluster is started twice.
fn chosen(options: &Options) -> Vec<(Fault, u32)> {
    let is_named = |fault| options.faults.is_empty() || options.faults.contains(&fault);
    // After a refused login, the next one may be 30 s later.
    let is_quick = |fault| fault != Fault::Credentials || options.faults.contains(&fault);
    let is_in_short = |fault, brokers| (brokers == 1 && is_quick(fault)) || fault == Fault::Killed;
    let all = [1, 3].into_iter().flat_map(|brokers| {
        let faults = Fault::ALL.into_iter();
        faults
            .filter(move |fault| fault.brokers().contains(&brokers))
            .map(move |fault| (fault, brokers))
    });
    all.filter(|(fault, brokers)| {
        is_named(*fault) && (!options.is_short || is_in_short(*fault, *brokers))
    })
    .collect()
}

fn words(said: &(dyn std::any::Any + Send)) -> String {
    let text = said.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| said.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

fn show(journal: &Option<Lines>, fault: Fault, brokers: u32) {
    let Some(journal) = journal else { return };
    let mut lines = journal.so_far();
    lines.retain(|line| !line.contains("user_metadata::delivered"));
    let fault = fault.name();
    eprintln!("\nThe end of ws-server's log without events, {fault} with {brokers}:");
    for line in &lines[lines.len().saturating_sub(JOURNAL)..] {
        eprintln!("  {line}");
    }
}
