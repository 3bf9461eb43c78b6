//! From a source to a sink: batches, retries, dead letters, commits.
#![cfg_attr(
    not(any(feature = "kafka", feature = "embedded")),
    allow(
        dead_code,
        unused_imports,
        reason = "the conformance kit alone uses a part"
    )
)]

mod backoff;
mod batch;
mod dead_letter;
mod intake;
mod lag;
#[cfg(any(test, feature = "conformance"))]
pub(crate) mod memory;
mod monitor;
mod run;
mod source;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use backoff::delay;
pub(crate) use dead_letter::LetterCause;
pub(crate) use intake::{BatchLimits, Intake};
pub(crate) use lag::{Lag, Lags};
pub(crate) use monitor::{Monitor, Trouble};
pub(crate) use run::{End, Pipeline};
pub(crate) use source::{Fetched, Input, LossCause, PartitionOffsets, Source, to_unix_millis};
pub(crate) use words::in_words;
