use std::net::SocketAddr;
use std::num::NonZeroUsize;

use clap::{Args as Group, Parser, Subcommand};
use user_metadata_cli::{HumanDuration, LogArgs, TopicArgs};

use crate::from::From;

// One field per flag, nothing computed.
#[derive(Debug, Parser)]
#[command(
    name = "metadata-consumer",
    version,
    about = "Reads who connected, and from what, out of Kafka or an embedded log into databases and other sinks",
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl Args {
    /// What `run` gets, whether it is written or not.
    pub(crate) fn run(self) -> RunArgs {
        match self.command {
            Some(Command::Run(args)) => args,
            None => self.run,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Reads into the sinks until it is stopped; what happens without a command, too
    Run(RunArgs),
}

#[derive(Debug, Group)]
pub(crate) struct RunArgs {
    /// Where events go (repeat, or separate by spaces): `stdout:`, `file:PATH`, `sqlite:PATH`,
    /// `webhook:https://…`, `segment:`, `mixpanel:`, `amplitude:`, `posthog:`, `ga4:ID`; options
    /// follow as `?name=…&ip=full|truncate|none`, secrets as `?token-file=FILE`
    #[arg(
        long,
        env = "METADATA_CONSUMER_SINK",
        default_value = "stdout:",
        value_name = "URL"
    )]
    pub(crate) sink: Vec<String>,
    #[command(flatten)]
    pub(crate) topic: TopicArgs,
    /// The consumer group; each sink reads as GROUP.NAME
    #[arg(
        long,
        env = "METADATA_CONSUMER_GROUP",
        default_value = "user-metadata",
        value_name = "GROUP"
    )]
    pub(crate) group: String,
    /// Where a sink starts that has no position yet: `earliest`, `latest`, a time in RFC 3339 or in
    /// ms since the epoch
    #[arg(
        long,
        env = "METADATA_CONSUMER_FROM",
        default_value = "earliest",
        value_name = "WHEN"
    )]
    pub(crate) from: From,
    /// Where operators find /livez, /readyz, /status and /metrics
    #[arg(
        long,
        env = "METADATA_CONSUMER_LISTEN",
        default_value = "127.0.0.1:8081",
        value_name = "IP:PORT"
    )]
    pub(crate) listen: SocketAddr,
    /// How many events a sink gets at a time
    #[arg(
        long,
        env = "METADATA_CONSUMER_BATCH_MAX_EVENTS",
        default_value = "1000",
        value_name = "N"
    )]
    pub(crate) batch_max_events: NonZeroUsize,
    /// How long an event may wait for its batch to fill
    #[arg(
        long,
        env = "METADATA_CONSUMER_BATCH_MAX_WAIT",
        default_value = "200ms",
        value_name = "TIME"
    )]
    pub(crate) batch_max_wait: HumanDuration,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}
