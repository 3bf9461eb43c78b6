use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use user_metadata_testing::kafka::{Broker, Properties};
use user_metadata_testing::{Missing, Scratch, until};

use crate::act::Act;
use crate::crowd::Crowd;
use crate::options::Options;
use crate::report::Report;
use crate::target::Target;
use crate::topic::produce;

/// The least that a broker allows, so that the partitions of a killed member are soon reassigned.
const SESSION: Duration = Duration::from_secs(6);
/// How long there may be no progress: a killed member's session, a rebalance, a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs it and counts.
///
/// # Errors
///
/// [`Missing`] without Java, or if Kafka's jars can't be downloaded.
///
/// # Panics
///
/// If the broker, the start of a process, or the producer fails.
pub fn run(options: &Options) -> Result<Report, Missing> {
    let broker = broker()?;
    let scratch = Scratch::new("soak");
    let target = Target::new(scratch.file("events.sqlite"));
    let mut crowd = Crowd::new(flags(options, &broker, &target));
    crowd.act(Act::Join);
    crowd.act(Act::Join);
    let started = Instant::now();
    let produced = Arc::new(AtomicU64::new(0));
    let producing = start_producing(&broker, options, &produced);
    let total = options.total();
    for (turn, act) in Act::ALL.into_iter().cycle().enumerate() {
        if options.time.is_none() && turn == Act::ALL.len() {
            break;
        }
        let turn = turn as u64 + 1;
        let due = total * turn / (Act::ALL.len() as u64 + 1);
        let is_due = |rows: u64| match options.time {
            Some(_) => {
                started.elapsed() >= Options::EVERY * u32::try_from(turn).unwrap_or(u32::MAX)
            }
            None => rows >= due,
        };
        if !wait(&target, |rows| is_due(rows) || rows >= total) {
            break;
        }
        if target.rows() >= total || producing.is_finished() && options.time.is_some() {
            break;
        }
        crowd.act(act);
    }
    assert!(producing.join().is_ok(), "the events could not be produced");
    wait(&target, |rows| rows >= total);
    let took = started.elapsed();
    until("the last commit", PATIENCE, || {
        crowd.is_done().then_some(())
    });
    crowd.go();
    let produced = produced.load(Ordering::Relaxed);
    Ok(report(options, produced, &target, &crowd, took))
}

fn report(
    options: &Options,
    produced: u64,
    target: &Target,
    crowd: &Crowd,
    took: Duration,
) -> Report {
    let (stored, counts) = (target.stored(), crowd.counts);
    Report {
        options: options.clone(),
        produced,
        rows: stored.rows,
        different: stored.own,
        again: counts.written.saturating_sub(stored.rows),
        not_stored: counts.not_stored,
        joined: counts.joined,
        left: counts.left,
        killed: counts.killed,
        assignments: counts.assignments,
        took,
    }
}

/// Waits until it is done. Returns whether it was, or false if there was no more progress.
fn wait(target: &Target, mut is_so: impl FnMut(u64) -> bool) -> bool {
    let (mut rows, mut since) = (target.rows(), Instant::now());
    until("events", A_DAY, || {
        let now = target.rows();
        if now > rows {
            (rows, since) = (now, Instant::now());
        }
        if is_so(now) {
            return Some(true);
        }
        (since.elapsed() > PATIENCE).then_some(false)
    })
}

fn broker() -> Result<Broker, Missing> {
    let session = SESSION.as_millis();
    let properties = Properties::default()
        .with("group.consumer.min.session.timeout.ms", session)
        .with("group.consumer.session.timeout.ms", session)
        .with("group.consumer.min.heartbeat.interval.ms", 1000)
        .with("group.consumer.heartbeat.interval.ms", 1000);
    let mut broker = Broker::with(&properties)?;
    broker.restart();
    Ok(broker)
}

fn flags(options: &Options, broker: &Broker, target: &Target) -> Vec<String> {
    let session = format!("{}s", SESSION.as_secs());
    [
        ("--brokers", broker.address()),
        ("--partitions", options.partitions.to_string()),
        ("--group", "soak".to_owned()),
        ("--group-protocol", options.protocol.to_string()),
        ("--session-timeout", session),
        ("--sink", target.url()),
    ]
    .into_iter()
    .flat_map(|(flag, value)| [flag.to_owned(), value])
    .collect()
}

fn start_producing(
    broker: &Broker,
    options: &Options,
    produced: &Arc<AtomicU64>,
) -> std::thread::JoinHandle<()> {
    let (brokers, options, produced) = (broker.address(), options.clone(), Arc::clone(produced));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let done = match runtime {
            Ok(runtime) => runtime.block_on(produce(brokers, options, produced)),
            Err(error) => Err(error.into()),
        };
        assert!(done.is_ok(), "{done:?}");
    })
}
