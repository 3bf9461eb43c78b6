use std::path::PathBuf;

use clap::{Args as Group, Subcommand};
use user_metadata_cli::{LogArgs, TopicArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// Lists the outbox and damaged files that were set aside: events, bytes, and the times of the
    /// first and the last event
    Ls(OutboxFile),
    /// Prints the waiting events, one JSON object per line
    Cat(OutboxFile),
    /// Delivers the waiting events to Kafka and removes them; the server must not be running
    #[command(mut_arg("brokers", |brokers| brokers.help("Kafka bootstrap brokers, comma-separated")))]
    Replay(Box<ReplayArgs>),
}

#[derive(Debug, Group)]
pub(crate) struct OutboxFile {
    /// Directory of the outbox
    #[arg(
        long,
        env = "USER_METADATA_DATA_DIR",
        default_value = "./data",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
    /// Another file, e.g. one that was set aside [default: outbox.db in --data-dir]
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Group)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) topic: TopicArgs,
    /// Another file, e.g. one that was set aside [default: outbox.db in --data-dir]
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}
