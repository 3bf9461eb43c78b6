use std::sync::Arc;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use user_metadata_cli::{Failure, FlagError, LogGuard, ShutdownSignals, print};
use user_metadata_consumer::{
    ReplayError, ReplayProgress, ReplayRequest, SinkProgress, StartFrom, Summary, UnixMillis,
};

use crate::LAST_BATCHES;
use crate::args::ReplayArgs;
use crate::config::{Reading, refused};
use crate::count::describe;
use crate::offsets::Offsets;
use crate::progress::shown;
use crate::screen::Screen;
use crate::stop_at_signal;

/// The validated flags of `replay`.
pub(crate) struct ReplayConfig {
    reading: Reading,
    what: ReplayRequest,
    is_dry: bool,
}

impl TryFrom<ReplayArgs> for ReplayConfig {
    type Error = FlagError;

    fn try_from(args: ReplayArgs) -> Result<Self, FlagError> {
        let what = if args.dead_letters {
            ReplayRequest::DeadLetters
        } else {
            if args.from.is_none() && args.from_offset.is_none() {
                let problem = "add what to replay: --dead-letters, --from WHEN (e.g. --from \
                               earliest) or --from-offset PARTITION:OFFSET,…";
                return Err(FlagError::new("from", problem));
            }
            ReplayRequest::Events {
                from: moment("from", args.from)?,
                until: moment("until", args.until)?,
                from_offsets: args.from_offset.map(|offsets| offsets.0),
                until_offsets: args
                    .until_offset
                    .map(|offsets| offsets.0)
                    .unwrap_or_default(),
            }
        };
        Ok(Self {
            reading: args.read.try_into()?,
            what,
            is_dry: args.dry_run,
        })
    }
}

fn moment(flag: &'static str, when: Option<StartFrom>) -> Result<Option<UnixMillis>, FlagError> {
    match when {
        None => Ok(None),
        Some(StartFrom::Earliest) if flag == "from" => Ok(None),
        Some(StartFrom::At(time)) => Ok(Some(time)),
        Some(_) => {
            let problem = "a replay needs a time in the past; write e.g. 2026-11-24T08:00:00Z";
            Err(FlagError::new(flag, problem))
        }
    }
}

/// Replays to the end, or until a signal.
pub(crate) async fn replay(
    config: ReplayConfig,
    screen: &Screen,
    log: Arc<LogGuard>,
) -> Result<(), Failure> {
    let signals = ShutdownSignals::catch().map_err(|error| Failure::runtime(&error))?;
    let ReplayConfig {
        reading,
        what,
        is_dry,
    } = config;
    info!("replaying from {}", reading.topic);
    if let Some(warning) = reading.warning {
        warn!("{warning}");
    }
    if is_dry {
        let names: Vec<String> = reading.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let counter = match reading.builder.count_replay(&names, &what).await {
            Ok(counter) => counter,
            Err(error) => return nothing_or(&what, &error),
        };
        let count = shown(&counter.progress(), screen, counter.run()).await;
        let count = count.map_err(|error| Failure::runtime(&error))?;
        return print(&describe(&count, &names));
    }
    let replay = match reading.open()?.replay(&what).await {
        Ok(replay) => replay,
        Err(error) => return nothing_or(&what, &error),
    };
    let stop = CancellationToken::new();
    tokio::spawn(stop_at_signal(signals, stop.clone(), log));
    let progress = replay.progress();
    let run = async {
        let mut running = std::pin::pin!(replay.run(stop.clone()));
        tokio::select! {
            ended = &mut running => ended.map(Some),
            // Batches in flight are finished, within a limit.
            () = stop.cancelled() => timeout(LAST_BATCHES, running).await.ok().transpose(),
        }
    };
    let ended = shown(&progress, screen, run).await;
    let summary = ended.map_err(|error| Failure::runtime(&error))?;
    settle(&progress, summary.as_ref(), &what)
}

/// A missing dead-letter topic has no letters, which is not an error.
fn nothing_or(what: &ReplayRequest, error: &ReplayError) -> Result<(), Failure> {
    match (what, error) {
        (ReplayRequest::DeadLetters, ReplayError::NoTopic { .. }) => {
            info!("there are no dead letters");
            Ok(())
        }
        (_, ReplayError::Build(error)) => Err(refused(error).into()),
        (_, ReplayError::NoTopic { .. } | ReplayError::NoPartition { .. }) => {
            Err(Failure::configuration(error))
        }
        _ => Err(Failure::runtime(error)),
    }
}

/// Reports what was done, and what was not. There is no summary if it was stopped while a sink was
/// busy.
fn settle(
    progress: &ReplayProgress,
    summary: Option<&Summary>,
    what: &ReplayRequest,
) -> Result<(), Failure> {
    let (mut rejected, mut is_done) = (0, true);
    for sink in progress.sinks() {
        let mut ended = summary.iter().flat_map(|summary| &summary.sinks);
        let ended = ended.find(|ended| ended.name == sink.name);
        info!(
            sink = sink.name,
            written = ended.map(|ended| ended.written),
            left_out = sink.left_out,
            rejected = sink.rejected,
            "replayed"
        );
        rejected += sink.rejected;
        // The reader of a pipe may close it.
        if !sink.is_done() && !ended.is_some_and(|ended| ended.is_closed) {
            is_done = false;
            warn!(sink = sink.name, "{}", how_to_continue(&sink, what));
        }
    }
    if !is_done {
        let problem = "stopped before the end; the log says how to continue";
        return Err(Failure::Runtime(problem.to_owned()));
    }
    if rejected > 0 {
        let again = match what {
            ReplayRequest::DeadLetters => {
                "; with a new name as --group, all dead letters are replayed again"
            }
            _ => "",
        };
        let problem = format!(
            "{rejected} rejected again; the log has their positions, and with \
             RUST_LOG=user_metadata_consumer=debug the reasons{again}"
        );
        return Err(Failure::Runtime(problem));
    }
    Ok(())
}

fn how_to_continue(sink: &SinkProgress, what: &ReplayRequest) -> String {
    match what {
        ReplayRequest::DeadLetters => {
            "not all letters are replayed; run the same command to continue".to_owned()
        }
        _ => {
            let (from, until) = Offsets::ahead(&sink.partitions);
            format!(
                "not all events are replayed; to continue, run the same command with --from-offset \
                 {from} --until-offset {until}"
            )
        }
    }
}
