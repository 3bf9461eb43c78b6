//! A WebSocket server that publishes who joined, and from what: flags → config → wiring → signals.

mod args;
mod config;
mod health;
#[cfg(feature = "kafka")]
mod outbox;
mod target;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use health::ServerHealth;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};
use user_metadata_capture::{CacheOptions, Capture, Parser};
use user_metadata_cli::{
    Admin, Failure, LogGuard, Recorder, ShutdownSignals, block_on, listen, run,
};
use user_metadata_publisher::PublisherMonitor;
use user_metadata_ws::{Drained, Server};

use args::Args;
use config::{Config, open_files};
use target::unless_stopped;

/// Events are allocated on one thread and freed on another, which with the system's allocator takes
/// a quarter of the processor time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run("ws-server", || {
        let args = Args::read();
        #[cfg(feature = "kafka")]
        if let Some(args::Command::Outbox(command)) = args.command {
            return outbox::run(command);
        }
        let log = args.log;
        let config = Config::try_from(args)?;
        let log = Arc::new(log.start()?);
        block_on(&log, serve(config, Arc::clone(&log)))
    })
}

/// The time for the last events, even if the connections have used up the drain timeout.
const LAST_EVENTS: Duration = Duration::from_secs(1);

async fn serve(config: Config, log: Arc<LogGuard>) -> Result<(), Failure> {
    let mut signals = ShutdownSignals::catch().map_err(|error| Failure::runtime(&error))?;
    let recorder = Recorder::install().map_err(|error| Failure::runtime(&error))?;
    info!("publishing to {}", config.topic);
    if let Some(warning) = config.warning {
        warn!("{warning}");
    }
    warn_of_few_files(config.server.max_connections);
    let open = move || config.target.publisher(config.publisher);
    let Some((publisher, publishing)) = unless_stopped(&mut signals, open).await? else {
        return Ok(());
    };
    let admin = Admin::bind(config.admin_listen).await;
    let admin = admin.map_err(|error| Failure::runtime(&error))?;
    let listening = listen(config.listen).await;
    let (listener, address) = listening.map_err(|error| Failure::runtime(&error))?;
    info!("listening on http://{address} (WebSocket at /ws)");

    let monitor = publisher.monitor();
    let drain_timeout = config.server.drain_timeout;
    let parser = Parser::new().cached(CacheOptions::default());
    let capture = Capture::new(parser, config.capture);
    let server = Server::new(config.server, capture, publisher);
    let health = ServerHealth {
        server: server.status(),
        publisher: monitor.clone(),
        topic: config.topic,
        log: Arc::clone(&log),
        started: Instant::now(),
    };
    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let tasks = TaskTracker::new();
    let admin = tasks.spawn(admin.serve(Arc::new(health), recorder, ended.clone()));
    let mut publishing = tasks.spawn(publishing.run());
    let mut serving = tasks.spawn(server.serve(listener, stop.clone()));

    tokio::select! {
        signal = signals.next() => info!(signal, "shutdown requested"),
        end = &mut serving => return Err(Failure::Runtime(format!("the server ended by itself: {end:?}"))),
        end = &mut publishing => {
            return Err(Failure::Runtime(format!("the publisher ended by itself: {end:?}")));
        }
    }
    tasks.spawn(signals.exit_at_next(Arc::clone(&log)));
    stop.cancel();
    let deadline = tokio::time::Instant::now() + drain_timeout;
    let drained = serving.await.map_err(|error| Failure::runtime(&error))?;
    let deadline = deadline.max(tokio::time::Instant::now() + LAST_EVENTS);
    // In time or not, the last line accounts for all events.
    if timeout_at(deadline, &mut publishing).await.is_err() {
        publishing.abort();
        drop(publishing.await);
    }
    ended.cancel();
    admin.await.map_err(|error| Failure::runtime(&error))?;
    say_what_became_of_all(&monitor, drained);
    Ok(())
}

fn warn_of_few_files(max_connections: usize) {
    let files = open_files();
    if max_connections > files {
        warn!(
            max_connections,
            files, "--max-connections is higher than the limit of open files; see `ulimit -n`"
        );
    }
}

/// The last line accounts for all events: published, or how many are lost.
fn say_what_became_of_all(publisher: &PublisherMonitor, drained: Drained) {
    let events = publisher.accounting();
    let (accepted, recovered) = (events.accepted, events.recovered);
    let (published, pending) = (events.published, events.pending);
    let (dropped, cut_off) = (events.dropped.total(), drained.cut_off);
    let kept = publisher.pending_on_disk().min(pending);
    let numbers = format!("{published} published, {pending} pending, {dropped} dropped");
    if pending > kept {
        let lost = pending - kept;
        error!(
            accepted,
            recovered, kept, cut_off, "ended: {numbers}; {lost} pending are lost"
        );
    } else {
        info!(accepted, recovered, kept, cut_off, "ended: {numbers}");
    }
}
