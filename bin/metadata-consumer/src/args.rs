use std::net::SocketAddr;
use std::num::NonZeroUsize;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};
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

/// What `--group-protocol` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    Classic,
    Consumer,
}

#[derive(Debug, Group)]
pub(crate) struct RunArgs {
    /// Where events go: `stdout:`, `sqlite:PATH` (repeat, or separate by spaces); options follow as
    /// `?name=…&ip=full|truncate|none`
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
    #[command(flatten)]
    pub(crate) member: MemberArgs,
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

/// What this process is to its groups.
#[derive(Debug, Group)]
pub(crate) struct MemberArgs {
    /// How the processes of a group share out the partitions: by `classic` one of them does, by
    /// `consumer` (KIP-848) the broker, which needs Kafka 4.0 [default: classic]
    #[arg(
        long,
        env = "METADATA_CONSUMER_GROUP_PROTOCOL",
        value_enum,
        hide_possible_values = true,
        value_name = "PROTOCOL"
    )]
    pub(crate) group_protocol: Option<Protocol>,
    /// An id of this process alone: restarted within the session timeout, it has its partitions
    /// back and the others don't notice; each sink is the static member ID.NAME
    #[arg(long, env = "METADATA_CONSUMER_GROUP_INSTANCE_ID", value_name = "ID")]
    pub(crate) group_instance_id: Option<String>,
    /// After how long without a sign of life a group gives the partitions of this process to
    /// others; with `--group-protocol consumer` the broker decides [default: 10s]
    #[arg(long, env = "METADATA_CONSUMER_SESSION_TIMEOUT", value_name = "TIME")]
    pub(crate) session_timeout: Option<HumanDuration>,
}

impl MemberArgs {
    /// The first that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        [
            ("group-protocol", self.group_protocol.is_some()),
            ("group-instance-id", self.group_instance_id.is_some()),
            ("session-timeout", self.session_timeout.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, is_given)| is_given.then_some(flag))
    }
}
