use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use user_metadata_kafka::CLIENT_LOG_LIMITS;

use crate::FlagError;

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct LogArgs {
    /// Format of the log on standard error; RUST_LOG filters it
    #[arg(
        long,
        env = "USER_METADATA_LOG_FORMAT",
        value_enum,
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Writes the rest of the log when dropped; keep it until the program ends.
#[derive(Debug)]
pub struct LogGuard {
    lost: ErrorCounter,
    worker: Mutex<Option<WorkerGuard>>,
}

/// How many lines are buffered for a slow terminal before further ones are lost.
const BUFFERED_LINES: usize = 16_384;

impl LogArgs {
    /// Starts logging to standard error: `info` and above unless `RUST_LOG` says otherwise. The
    /// Kafka clients' own lines, below errors, must be asked for by name: an outage is one warning.
    ///
    /// A thread writes, so a stalled terminal stalls nothing else; lines that it can't take are
    /// counted.
    ///
    /// # Errors
    ///
    /// [`FlagError`] when `RUST_LOG` is no filter.
    pub fn start(self) -> Result<LogGuard, FlagError> {
        self.start_on(std::io::stderr())
    }

    /// The same, for a program that has more to show on standard error: the lines go through
    /// `screen`, one after the other.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_on(
        self,
        screen: impl std::io::Write + Send + 'static,
    ) -> Result<LogGuard, FlagError> {
        let filter = filter().map_err(|error| {
            FlagError::new(
                "log-format",
                format!("RUST_LOG: {error}; write e.g. RUST_LOG=info"),
            )
        })?;
        let (writer, worker) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(BUFFERED_LINES)
            .thread_name("log")
            .finish(screen);
        let lost = writer.error_counter();
        let registry = tracing_subscriber::registry().with(filter);
        let layer = tracing_subscriber::fmt::layer().with_writer(writer);
        match self.log_format {
            LogFormat::Text => registry.with(layer.with_ansi(use_colour())).init(),
            LogFormat::Json => registry.with(layer.json().flatten_event(true)).init(),
        }
        Ok(LogGuard {
            lost,
            worker: Mutex::new(Some(worker)),
        })
    }
}

impl LogGuard {
    /// How many lines were lost because standard error did not take them in time.
    #[must_use]
    pub fn lost_lines(&self) -> usize {
        self.lost.dropped_lines()
    }

    /// Writes the rest of the log, for a process that exits without dropping this. Gives up after
    /// about a second if standard error is blocked. Later lines are lost.
    pub fn close(&self) {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        drop(worker.take());
    }
}

fn filter() -> Result<EnvFilter, ParseError> {
    let asked_for = std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let asked_for = asked_for.filter(|directives| !directives.trim().is_empty());
    // The later of two directives for the same target wins.
    let directives = [
        CLIENT_LOG_LIMITS.join(","),
        asked_for.unwrap_or_else(|| "info".to_owned()),
    ];
    EnvFilter::builder().parse(directives.join(","))
}

/// As <https://no-color.org> asks.
fn use_colour() -> bool {
    std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
