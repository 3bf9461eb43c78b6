use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::info;
use user_metadata_cli::{Carrier, Failure, FlagError, LogGuard, ShutdownSignals, block_on};
use user_metadata_log::DataDir;
use user_metadata_publisher::{
    DiskOutbox, KafkaTarget, PublisherMonitor, PublisherOptions, PublisherStatus, PublisherTask,
    kafka_on_disk,
};

use super::args::ReplayArgs;
use super::file::{checked_outbox, existing};
use crate::target::unless_stopped;

/// Delivers the events of an outbox to Kafka.
pub(crate) fn run(args: ReplayArgs) -> Result<(), Failure> {
    let topic = args.topic.check("ws-server")?;
    let words = topic.to_string();
    let Carrier::Kafka(options) = topic.carrier else {
        let problem = "a replay needs Kafka; write e.g. --brokers kafka-1:9092";
        return Err(FlagError::new("brokers", problem).into());
    };
    let outbox = DiskOutbox::new(match args.file {
        Some(file) => checked_outbox(file)?,
        None => existing("data-dir", DataDir::new(&topic.data_dir).outbox_path())?,
    });
    let target = KafkaTarget::with_topic(options, topic.spec);
    let log = Arc::new(args.log.start()?);
    block_on(&log, deliver(target, outbox, words, Arc::clone(&log)))
}

async fn deliver(
    target: KafkaTarget,
    outbox: DiskOutbox,
    words: String,
    log: Arc<LogGuard>,
) -> Result<(), Failure> {
    let mut signals = ShutdownSignals::catch().map_err(|error| Failure::runtime(&error))?;
    info!("replaying {} to {words}", outbox.path.display());
    let open = move || {
        kafka_on_disk(target, outbox, PublisherOptions::default())
            .map_err(|error| FlagError::refused("data-dir", &error))
    };
    let Some((publisher, task)) = unless_stopped(&mut signals, open).await? else {
        return Err(Failure::Runtime("nothing was delivered".to_owned()));
    };
    let monitor = publisher.monitor();
    drop(publisher);
    let mut delivery = Box::pin(with_progress(task, &monitor));
    tokio::select! {
        () = &mut delivery => {}
        signal = signals.next() => {
            info!(signal, "stopping the replay");
            tokio::spawn(signals.exit_at_next(log));
        }
    }
    // Waits for the disk, which may be slow.
    drop(delivery);
    let events = monitor.accounting();
    let (recovered, published, pending) = (events.recovered, events.published, events.pending);
    let dropped = events.dropped.total();
    info!(recovered, published, pending, dropped, "ended");
    match (pending, monitor.status()) {
        // It could not be opened, or delivered events could not be removed.
        (0, PublisherStatus::Degraded { detail, .. }) => Err(Failure::Runtime(detail)),
        (0, _) => Ok(()),
        (left, _) => Err(Failure::Runtime(format!(
            "{left} events are left in the outbox"
        ))),
    }
}

async fn with_progress(task: PublisherTask, monitor: &PublisherMonitor) {
    let mut ticks = interval(Duration::from_secs(2));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let task = task.run();
    tokio::pin!(task);
    loop {
        tokio::select! {
            _ = &mut task => return,
            _ = ticks.tick() => {
                let events = monitor.accounting();
                info!("{} of {} events delivered", events.published, events.recovered);
            }
        }
    }
}
