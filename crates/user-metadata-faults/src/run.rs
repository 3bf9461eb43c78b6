use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use user_metadata_testing::load::{SteadyJoins, TimedJoin};
use user_metadata_testing::process::{Lines, WsServer};
use user_metadata_testing::{Missing, kafka};

use crate::act::happen;
use crate::fault::Fault;
use crate::judge::judge;
use crate::kafka::Kafka;
use crate::options::Options;
use crate::sample::{Events, Sample, Sampler};
use crate::stage::{Notes, Stage, pass};
use crate::table::Row;
use crate::topic::{Record, distinct, records, stored};

const PER_SECOND: u32 = 200;
const USERS: u32 = 500;
/// Joins per second at the control server.
const CONTROL_PER_SECOND: u32 = 20;
/// One in this many joins has a long name, if that is the fault.
const LARGE_EVERY: u32 = 40;

/// All observations of one fault.
pub(crate) struct Seen {
    pub(crate) fault: Fault,
    pub(crate) brokers: u32,
    pub(crate) joins: Vec<TimedJoin>,
    /// The joins at the control server, which has no Kafka.
    pub(crate) control: Vec<TimedJoin>,
    /// The warnings and errors in ws-server's log.
    pub(crate) complaints: Vec<String>,
    /// How long a join may take in any case.
    pub(crate) soon: Duration,
    pub(crate) healthy: (Instant, Instant),
    pub(crate) faulty: (Instant, Instant),
    pub(crate) samples: Vec<(Instant, std::io::Result<Sample>)>,
    /// After all was delivered.
    pub(crate) events: Events,
    pub(crate) exit_code: Option<i32>,
    pub(crate) partitions: Option<u32>,
    pub(crate) records: Vec<Record>,
    /// The ids of all rows.
    pub(crate) stored: Vec<String>,
    pub(crate) notes: Notes,
}

/// Runs one fault: a healthy phase, the fault, a recovery phase, and the check of what arrived.
/// ws-server is not restarted in between, unless that is the fault.
pub(crate) fn run_fault(
    fault: Fault,
    options: &Options,
    cluster: &mut Kafka,
    runtime: &Runtime,
    journal: &mut Option<Lines>,
) -> Result<Row, Missing> {
    if fault == Fault::ClosedPort {
        cluster.iter_mut().for_each(|broker| broker.kill());
    } else {
        cluster.restart_dead();
    }
    let mut stage = Stage::set(fault, options, cluster)?;
    *journal = Some(stage.server.running.stderr().clone());
    let sampler = Sampler::begin(&stage.server, Arc::clone(&stage.pid));
    let load = load(fault, &stage.server);
    let control = SteadyJoins {
        address: stage.control.listen().address(),
        per_second: CONTROL_PER_SECOND,
        ..load
    };
    let (load, control) = runtime.block_on(async { (load.begin(), control.begin()) });

    let healthy;
    let mut faulty = (Instant::now(), Instant::now());
    if fault == Fault::ClosedPort {
        happen(fault, &mut stage, options.hold(fault))?;
        stage.wait_until_healthy();
        faulty.1 = Instant::now();
        healthy = phase(|| pass(options.healthy(fault)));
    } else {
        stage.wait_until_healthy();
        healthy = phase(|| pass(options.healthy(fault)));
        faulty.0 = Instant::now();
        happen(fault, &mut stage, options.hold(fault))?;
        *journal = Some(stage.server.running.stderr().clone());
        pass(options.afterwards());
        faulty.1 = Instant::now();
    }
    let (joins, control) = runtime.block_on(async { (load.stop().await, control.stop().await) });
    stage.wait_until_delivered();
    stage.wait_until_healthy();
    let samples = sampler.stop();
    let events = Events::read(&stage.status());
    look_back(stage, |stage| Seen {
        fault,
        brokers: u32::try_from(stage.cluster.size()).unwrap_or_default(),
        joins,
        control,
        complaints: Vec::new(),
        soon: options.soon(),
        healthy,
        faulty,
        samples,
        events,
        exit_code: None,
        partitions: None,
        records: Vec::new(),
        stored: Vec::new(),
        notes: std::mem::take(&mut stage.notes),
    })
}

/// Inspects what is left after ws-server has ended.
fn look_back(
    mut stage: Stage<'_>,
    seen: impl FnOnce(&mut Stage<'_>) -> Seen,
) -> Result<Row, Missing> {
    let mut seen = seen(&mut stage);
    let (brokers, topic) = (stage.cluster.addresses(), stage.topic.clone());
    let ended = stage.server.running.stop();
    seen.exit_code = ended.code;
    let is_complaint = |line: &String| line.contains(" WARN ") || line.contains(" ERROR ");
    seen.complaints = ended.stderr.into_iter().filter(is_complaint).collect();
    seen.partitions = kafka::partitions(&brokers, &topic)?;
    seen.records = records(&brokers, &topic)?;
    seen.stored = stored(&brokers, &topic, distinct(&seen.records).len());
    Ok(judge(&seen))
}

fn load(fault: Fault, server: &WsServer) -> SteadyJoins {
    SteadyJoins {
        address: server.listen().address(),
        per_second: PER_SECOND,
        users: USERS,
        large_every: if fault == Fault::TooLarge {
            LARGE_EVERY
        } else {
            0
        },
    }
}

fn phase(lasts: impl FnOnce()) -> (Instant, Instant) {
    let begin = Instant::now();
    lasts();
    (begin, Instant::now())
}
