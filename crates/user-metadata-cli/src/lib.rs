#![doc = include_str!("../README.md")]

mod admin;
mod args;
mod environment;
mod exit;
mod kafka;
mod listen;
mod logging;
mod output;
mod recorder;
mod shutdown;
mod units;

pub use admin::{Admin, Health, Readiness};
pub use args::{Carrier, FlagError, Topic, TopicArgs};
pub use environment::without_empty_variables;
pub use exit::{Failure, block_on, in_words, run};
pub use kafka::{KafkaArgs, SaslKind};
pub use listen::{ListenError, listen};
pub use logging::{LogArgs, LogFormat, LogGuard};
pub use output::print;
pub use recorder::{Recorder, RecorderError};
pub use shutdown::ShutdownSignals;
pub use units::{
    ByteSize, HumanDuration, at_least_one, positive_duration, positive_size, socket_address,
};
