use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, Resettable};
use clap::parser::ValueSource;
use clap::{
    Args as Group, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use user_metadata_cli::{
    HumanDuration, LogArgs, TopicArgs, at_least_one, socket_address, without_empty_variables,
};
use user_metadata_consumer::StartFrom;

use crate::file::{ConfigFile, Problem};
use crate::offsets::Offsets;
use crate::start_from::start_from;

// One field per flag, nothing computed.
#[derive(Debug, Parser)]
#[command(
    name = "metadata-consumer",
    version,
    about = "Reads who connected, and from what, from Kafka or an embedded log into databases and other sinks",
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Why the settings can't be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The command line or the environment is invalid, or asks for help.
    Flags(clap::Error),
    /// The file is invalid.
    File {
        problems: Vec<Problem>,
        /// Whether `check-config` is the command.
        is_check: bool,
    },
}

impl From<clap::Error> for ReadError {
    fn from(error: clap::Error) -> Self {
        Self::Flags(error)
    }
}

impl Args {
    /// Parses the command line and the environment, and adds settings of the file where these have
    /// none.
    pub(crate) fn read(mut words: Vec<OsString>) -> Result<Self, ReadError> {
        let command = without_empty_variables(Self::command());
        let matches = command.clone().try_get_matches_from(&words)?;
        let (name, given) = matches.subcommand().unwrap_or(("run", &matches));
        let Some(path) = given.get_one::<PathBuf>("config") else {
            return Ok(Self::from_arg_matches(&matches)?);
        };
        // Mistakes in the environment are not the file's.
        let settings = RunArgs::augment_args(clap::Command::new("file"))
            .mut_args(|arg| arg.env(Resettable::Reset));
        let file = ConfigFile::read(path, settings).map_err(|problems| ReadError::File {
            problems,
            is_check: name == "check-config",
        })?;
        let flags = command.find_subcommand(name).unwrap_or(&command);
        words.extend(file.flags(|flag| {
            let mut flags = flags.get_arguments();
            let arg = flags.find(|arg| arg.get_long() == Some(flag));
            let source = arg.and_then(|arg| given.value_source(arg.get_id().as_str()));
            let is_given = matches!(
                source,
                Some(ValueSource::CommandLine | ValueSource::EnvVariable)
            );
            // The start of a new group, which is not that of a replay.
            let is_other = name == "replay" && flag == "from";
            arg.is_some() && !is_given && !is_other
        }));
        let matches = command.try_get_matches_from(words)?;
        Ok(Self::from_arg_matches(&matches)?)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Reads into the sinks until stopped; the default command
    Run(RunArgs),
    /// Reads the topic or its dead letters into the sinks again, and ends
    Replay(ReplayArgs),
    /// Connects to everything and prints a line for each: whether it works, and if not, why; exits
    /// with 2 if anything is wrong
    CheckConfig(RunArgs),
}

/// The values of `--group-protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    Classic,
    Consumer,
}

#[derive(Debug, Group)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) member: MemberArgs,
    /// Where a sink without a position starts: `earliest`, `latest`, a time in RFC 3339 or in ms since
    /// the epoch
    #[arg(
        long,
        env = "METADATA_CONSUMER_FROM",
        default_value = "earliest",
        value_name = "WHEN",
        value_parser = start_from
    )]
    pub(crate) from: StartFrom,
    /// Address for operators: /livez, /readyz, /status and /metrics
    #[arg(
        long,
        env = "METADATA_CONSUMER_LISTEN",
        default_value = "127.0.0.1:8081",
        value_name = "IP:PORT",
        value_parser = socket_address
    )]
    pub(crate) listen: SocketAddr,
}

#[derive(Debug, Group)]
#[group(id = "replay")]
pub(crate) struct ReplayArgs {
    /// The dead letters of the sinks that --sink names, except those that were replayed before
    #[arg(long, conflicts_with_all = ["from", "until", "from_offset", "until_offset"])]
    pub(crate) dead_letters: bool,
    /// The events of the topic from WHEN on: `earliest`, a time in RFC 3339 or in ms since the epoch
    #[arg(long, value_name = "WHEN", value_parser = start_from)]
    pub(crate) from: Option<StartFrom>,
    /// Only events before WHEN
    #[arg(long, value_name = "WHEN", value_parser = start_from)]
    pub(crate) until: Option<StartFrom>,
    /// Only these partitions, starting at these offsets
    #[arg(long, value_name = "PARTITION:OFFSET,…")]
    pub(crate) from_offset: Option<Offsets>,
    /// In these partitions, only records before these offsets
    #[arg(long, value_name = "PARTITION:OFFSET,…")]
    pub(crate) until_offset: Option<Offsets>,
    /// Only count the records and print what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// What is read, as which group, and into which sinks.
#[derive(Debug, Group)]
pub(crate) struct ReadArgs {
    /// TOML file with these settings; flags and the environment override it
    #[arg(long, env = "METADATA_CONSUMER_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where events go (repeat, or separate by spaces): `stdout:`, `file:PATH`, `sqlite:PATH`,
    /// `postgres://USER@HOST/DATABASE`, `redis://HOST`, `mongodb://HOST/DB` (if built with it),
    /// `webhook:https://…`, `segment:`, `mixpanel:`, `amplitude:`, `posthog:`, `ga4:ID`; options
    /// follow as `?name=…&ip=full|truncate|none`, secrets as `?token-file=FILE`
    #[arg(
        long,
        env = "METADATA_CONSUMER_SINK",
        // A URL may have a password in it.
        hide_env_values = true,
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
        value_name = "GROUP",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) group: String,
    /// Maximum number of events in a batch for a sink
    #[arg(
        long,
        env = "METADATA_CONSUMER_BATCH_MAX_EVENTS",
        default_value = "1000",
        value_name = "N",
        value_parser = at_least_one::<NonZeroUsize>
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

/// This process as a member of its groups.
#[derive(Debug, Group)]
pub(crate) struct MemberArgs {
    /// Who assigns the partitions of a group: with `classic` a member, with `consumer` (KIP-848) the
    /// broker, which needs Kafka 4.0 [default: classic]
    #[arg(
        long,
        env = "METADATA_CONSUMER_GROUP_PROTOCOL",
        value_enum,
        hide_possible_values = true,
        value_name = "PROTOCOL"
    )]
    pub(crate) group_protocol: Option<Protocol>,
    /// A unique id of this process (static membership): restarted within the session timeout, it gets
    /// its partitions back without a rebalance; each sink is the member ID.NAME
    #[arg(long, env = "METADATA_CONSUMER_GROUP_INSTANCE_ID", value_name = "ID")]
    pub(crate) group_instance_id: Option<String>,
    /// How long without a heartbeat until the partitions of this process are given to others; brokers
    /// accept 6s to 30m, unless their group.min.session.timeout.ms and
    /// group.max.session.timeout.ms are changed. With `--group-protocol consumer` the broker decides
    /// [default: 10s]
    #[arg(long, env = "METADATA_CONSUMER_SESSION_TIMEOUT", value_name = "TIME")]
    pub(crate) session_timeout: Option<HumanDuration>,
}

impl MemberArgs {
    /// The first flag that is set.
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
