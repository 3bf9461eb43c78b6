//! Reads who connected, and from what, into databases and other sinks: flags → config → wiring →
//! signals.

mod args;
mod check;
mod config;
mod count;
mod file;
mod health;
mod offsets;
mod progress;
mod replay;
mod screen;
mod start_from;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use user_metadata_cli::{Admin, Failure, LogGuard, Recorder, ShutdownSignals, block_on, run};
use user_metadata_consumer::{Consumer, Summary};

use args::{Args, Command, ReadError};
use config::Config;
use health::ReaderHealth;
use replay::ReplayConfig;
use screen::Screen;

/// The time for batches in flight at the end.
const LAST_BATCHES: Duration = Duration::from_secs(10);

/// An event is some thirty allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run("metadata-consumer", || {
        let args = match Args::read(std::env::args_os().collect()) {
            Ok(args) => args,
            Err(ReadError::Flags(error)) => error.exit(),
            Err(ReadError::File { problems, is_check }) => return check::file(&problems, is_check),
        };
        match args.command.unwrap_or(Command::Run(args.run)) {
            Command::Run(args) => {
                let log = args.read.log;
                let config = Config::try_from(args)?;
                let log = Arc::new(log.start()?);
                // A sink that still blocks at the end is not waited for: its batch is not committed and
                // will be read again.
                block_on(&log, consume(config, Arc::clone(&log)))
            }
            Command::Replay(args) => {
                let log = args.read.log;
                let config = ReplayConfig::try_from(args)?;
                let screen = Screen::default();
                let log = Arc::new(log.start_on(screen.clone())?);
                block_on(&log, replay::replay(config, &screen, Arc::clone(&log)))
            }
            Command::CheckConfig(args) => {
                let log = args.read.log.start()?;
                block_on(&log, check::check(args))
            }
        }
    })
}

async fn consume(config: Config, log: Arc<LogGuard>) -> Result<(), Failure> {
    let signals = ShutdownSignals::catch().map_err(|error| Failure::runtime(&error))?;
    let recorder = Recorder::install().map_err(|error| Failure::runtime(&error))?;
    let reading = config.reading;
    let topic = reading.topic.clone();
    info!("consuming from {topic}");
    if let Some(warning) = reading.warning {
        warn!("{warning}");
    }
    let consumer = reading.consumer()?;
    let admin = Admin::bind(config.listen).await;
    let admin = admin.map_err(|error| Failure::runtime(&error))?;
    info!("status at http://{}/status", admin.address());

    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let health = ReaderHealth {
        consumer: consumer.status(),
        topic,
        log: Arc::clone(&log),
        stop: stop.clone(),
        started: Instant::now(),
    };
    let tasks = TaskTracker::new();
    let admin = tasks.spawn(admin.serve(Arc::new(health), recorder, ended.clone()));
    tasks.spawn(stop_at_signal(signals, stop.clone(), Arc::clone(&log)));
    let result = run_until(stop, consumer).await;
    ended.cancel();
    admin.await.map_err(|error| Failure::runtime(&error))?;
    result
}

async fn stop_at_signal(mut signals: ShutdownSignals, stop: CancellationToken, log: Arc<LogGuard>) {
    let signal = signals.next().await;
    info!(signal, "shutdown requested");
    stop.cancel();
    signals.exit_at_next(log).await;
}

/// Runs until `stop`, and then until the batches in flight are done, or [`LAST_BATCHES`] are over.
async fn run_until(stop: CancellationToken, consumer: Consumer) -> Result<(), Failure> {
    let mut running = std::pin::pin!(consumer.run(stop.clone()));
    let finished = tokio::select! {
        finished = &mut running => Some(finished),
        () = stop.cancelled() => timeout(LAST_BATCHES, &mut running).await.ok(),
    };
    match finished {
        Some(Ok(summary)) => say_what_was_done(&summary),
        Some(Err(error)) => return Err(Failure::runtime(&error)),
        None => warn!("ended while a sink was busy; its batch will be read again"),
    }
    Ok(())
}

fn say_what_was_done(summary: &Summary) {
    for sink in &summary.sinks {
        info!(
            sink = sink.name,
            written = sink.written,
            dead_lettered = sink.dead_lettered,
            "ended"
        );
    }
}
