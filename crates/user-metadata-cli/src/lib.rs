#![doc = include_str!("../README.md")]

mod admin;
mod args;
mod exit;
mod logging;
mod recorder;
mod shutdown;
mod units;

pub use admin::{Admin, AdminError, Health, Readiness};
pub use args::{Carrier, FlagError, Topic, TopicArgs};
pub use exit::{Failure, run};
pub use logging::{LogArgs, LogFormat, LogGuard};
pub use recorder::{Recorder, RecorderError};
pub use shutdown::ShutdownSignals;
pub use units::{Bytes, HumanDuration};
