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
    about = "Reads who connected, and from what, out of Kafka or an embedded log into databases and other sinks",
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What can't be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The command line or the environment, or somebody asks for help.
    Flags(clap::Error),
    /// The file.
    File {
        problems: Vec<Problem>,
        /// Whether that is what was asked.
        is_check: bool,
    },
}

impl From<clap::Error> for ReadError {
    fn from(error: clap::Error) -> Self {
        Self::Flags(error)
    }
}

impl Args {
    /// Reads the command line and the environment, and adds of the file that these name what they
    /// don't say.
    pub(crate) fn read(mut words: Vec<OsString>) -> Result<Self, ReadError> {
        let command = without_empty_variables(Self::command());
        let matches = command.clone().try_get_matches_from(&words)?;
        let (name, given) = matches.subcommand().unwrap_or(("run", &matches));
        let Some(path) = given.get_one::<PathBuf>("config") else {
            return Ok(Self::from_arg_matches(&matches)?);
        };
        // What is wrong in the environment is none of the file's mistakes.
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
            // Where a replay begins is another question than where a new group does.
            let is_other = name == "replay" && flag == "from";
            arg.is_some() && !is_given && !is_other
        }));
        let matches = command.try_get_matches_from(words)?;
        Ok(Self::from_arg_matches(&matches)?)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Reads into the sinks until it is stopped; what happens without a command, too
    Run(RunArgs),
    /// Reads again what is in the topic, or its dead letters, into the sinks, and ends
    Replay(ReplayArgs),
    /// Connects to everything, says line by line what is right and what is wrong, and ends: with 2
    /// if anything is wrong
    CheckConfig(RunArgs),
}

/// What `--group-protocol` takes.
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
    /// Where a sink starts that has no position yet: `earliest`, `latest`, a time in RFC 3339 or in
    /// ms since the epoch
    #[arg(
        long,
        env = "METADATA_CONSUMER_FROM",
        default_value = "earliest",
        value_name = "WHEN",
        value_parser = start_from
    )]
    pub(crate) from: StartFrom,
    /// Where operators find /livez, /readyz, /status and /metrics
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
    /// The dead letters of the sinks that are given with --sink, by their names: those that were
    /// not replayed before
    #[arg(long, conflicts_with_all = ["from", "until", "from_offset", "until_offset"])]
    pub(crate) dead_letters: bool,
    /// The events of the topic that happened at WHEN or later: `earliest`, a time in RFC 3339 or in
    /// ms since the epoch
    #[arg(long, value_name = "WHEN", value_parser = start_from)]
    pub(crate) from: Option<StartFrom>,
    /// Only those that happened before WHEN
    #[arg(long, value_name = "WHEN", value_parser = start_from)]
    pub(crate) until: Option<StartFrom>,
    /// Only these partitions, from these offsets on
    #[arg(long, value_name = "PARTITION:OFFSET,…")]
    pub(crate) from_offset: Option<Offsets>,
    /// In these partitions only what lies before these offsets
    #[arg(long, value_name = "PARTITION:OFFSET,…")]
    pub(crate) until_offset: Option<Offsets>,
    /// Only count what there is and say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// What is read, by whom, and into what.
#[derive(Debug, Group)]
pub(crate) struct ReadArgs {
    /// A file with these settings, in TOML; flags and the environment come before it
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
    /// How many events a sink gets at a time
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
    /// others; brokers take 6s to 30m, unless their group.min.session.timeout.ms and
    /// group.max.session.timeout.ms say otherwise. With `--group-protocol consumer` the broker
    /// decides [default: 10s]
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
