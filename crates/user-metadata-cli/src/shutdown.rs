use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::LogGuard;

/// SIGINT and SIGTERM, caught as long as this exists.
#[derive(Debug)]
pub struct ShutdownSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl ShutdownSignals {
    /// Catches both signals from now on. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// The operating system refuses to set a handler.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next of either and returns its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    /// Exits with 128 + the signal's number, as shells do, at the next signal.
    pub async fn exit_at_next(mut self, log: Arc<LogGuard>) {
        let code = match self.next().await {
            "SIGINT" => 130,
            _ => 143,
        };
        tracing::warn!("second signal: exiting at once");
        log.close();
        std::process::exit(code);
    }
}
