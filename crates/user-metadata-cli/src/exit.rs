use std::process::ExitCode;

use crate::{FlagError, LogGuard};

/// Why a program exits with a code other than 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Exit code 2: nothing was started; the message names the flag and the remedy.
    #[error("{0}")]
    Configuration(String),
    /// Exit code 1: it failed while running.
    #[error("{0}")]
    Runtime(String),
}

impl Failure {
    /// An invalid configuration, with all causes of the error.
    #[must_use]
    pub fn configuration(error: &dyn std::error::Error) -> Self {
        Self::Configuration(in_words(error))
    }

    /// A failure while running, with all causes of the error.
    #[must_use]
    pub fn runtime(error: &dyn std::error::Error) -> Self {
        Self::Runtime(in_words(error))
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Configuration(_) => 2,
            Self::Runtime(_) => 1,
        }
    }
}

impl From<FlagError> for Failure {
    fn from(error: FlagError) -> Self {
        Self::configuration(&error)
    }
}

/// The error and all its causes, separated by `: `.
#[must_use]
pub fn in_words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut words: Vec<String> = causes.map(ToString::to_string).collect();
    // Some errors include their cause.
    words.dedup_by(|cause, error| error.ends_with(&**cause));
    words.join(": ")
}

/// Runs a program's tasks on all processors, and closes its log when `main` has ended, without
/// waiting for tasks that still block.
///
/// # Errors
///
/// [`Failure::Runtime`] if threads can't be started, and what `main` returns.
pub fn block_on(
    log: &LogGuard,
    main: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(&error))?;
    let result = runtime.block_on(main);
    runtime.shutdown_background();
    // Tasks that are never dropped may own it, too.
    log.close();
    result
}

/// Runs a program's `main`, prints to standard error why it failed, and returns its exit code.
pub fn run(program: &str, main: impl FnOnce() -> Result<(), Failure>) -> ExitCode {
    match main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{program}: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
