use std::net::SocketAddr;

use user_metadata_cli::{Carrier, FlagError, Topic};
use user_metadata_consumer::{BuildError, Consumer, ConsumerBuilder};
#[cfg(feature = "kafka")]
use user_metadata_consumer::{GroupProtocol, OptionsError};
use user_metadata_log::OpenError;
use user_metadata_sinks::{ParseSinkError, SinkUrl};

#[cfg(feature = "kafka")]
use crate::args::Protocol;
use crate::args::{MemberArgs, ReadArgs, RunArgs};

/// The validated flags of `run`. Nothing is open yet.
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) reading: Reading,
}

/// What is read, as which group, and into which sinks; validated, and nothing is open yet.
pub(crate) struct Reading {
    /// What is read, for people.
    pub(crate) topic: String,
    /// A warning to log at the start.
    pub(crate) warning: Option<&'static str>,
    pub(crate) builder: ConsumerBuilder,
    is_embedded: bool,
    sinks: Vec<SinkUrl>,
}

impl TryFrom<RunArgs> for Config {
    type Error = FlagError;

    fn try_from(args: RunArgs) -> Result<Self, FlagError> {
        let mut reading = Reading::try_from(args.read)?;
        let builder = join_as(reading.builder, reading.is_embedded, &args.member)?;
        reading.builder = builder.start_from(args.from);
        Ok(Self {
            listen: args.listen,
            reading,
        })
    }
}

impl TryFrom<ReadArgs> for Reading {
    type Error = FlagError;

    fn try_from(args: ReadArgs) -> Result<Self, FlagError> {
        let topic = args.topic.check("metadata-consumer")?;
        let sinks = sink_urls(&args.sink).into_iter();
        let sinks =
            sinks.map(|sink| sink.map_err(|error| FlagError::new("sink", error.to_string())));
        let builder = read_from(Consumer::builder(), &topic)?
            .topic(topic.spec.name())
            .partitions(topic.spec.partitions())
            .replication_factor(topic.spec.replication_factor())
            .group(args.group)
            .batch_max_events(args.batch_max_events)
            .batch_max_wait(args.batch_max_wait.get());
        Ok(Self {
            sinks: sinks.collect::<Result<_, _>>()?,
            warning: topic.warning(),
            topic: topic.to_string(),
            is_embedded: topic.carrier == Carrier::Embedded,
            builder,
        })
    }
}

/// Every sink of the flags, or what is wrong with it.
pub(crate) fn sink_urls(given: &[String]) -> Vec<Result<SinkUrl, ParseSinkError>> {
    let urls = given.iter().flat_map(|urls| urls.split_whitespace());
    urls.map(str::parse).collect()
}

fn read_from(builder: ConsumerBuilder, topic: &Topic) -> Result<ConsumerBuilder, FlagError> {
    match &topic.carrier {
        #[cfg(feature = "kafka")]
        Carrier::Kafka(options) => Ok(builder.kafka(options.clone())),
        #[cfg(not(feature = "kafka"))]
        Carrier::Kafka(_) => Err(FlagError::built_without_kafka()),
        Carrier::Embedded => Ok(builder.log(&topic.data_dir)),
    }
}

/// Applies the flags for groups of several processes, if any are set.
fn join_as(
    builder: ConsumerBuilder,
    is_embedded: bool,
    args: &MemberArgs,
) -> Result<ConsumerBuilder, FlagError> {
    match args.given() {
        Some(flag) if is_embedded => {
            let problem = "only Kafka has groups of several processes; add its brokers, e.g. \
                           --brokers kafka-1:9092";
            Err(FlagError::new(flag, problem))
        }
        #[cfg(feature = "kafka")]
        _ => Ok(member(builder, args)),
        #[cfg(not(feature = "kafka"))]
        _ => Ok(builder),
    }
}

#[cfg(feature = "kafka")]
fn member(mut builder: ConsumerBuilder, args: &MemberArgs) -> ConsumerBuilder {
    if let Some(protocol) = args.group_protocol {
        builder = builder.group_protocol(match protocol {
            Protocol::Classic => GroupProtocol::Classic,
            Protocol::Consumer => GroupProtocol::Consumer,
        });
    }
    if let Some(id) = &args.group_instance_id {
        builder = builder.group_instance_id(id);
    }
    if let Some(timeout) = args.session_timeout {
        builder = builder.session_timeout(timeout.get());
    }
    builder
}

impl Reading {
    /// The sinks' names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.sinks
            .iter()
            .map(|sink| sink.name().to_owned())
            .collect()
    }

    /// Opens the sinks and joins their groups.
    pub(crate) fn consumer(self) -> Result<Consumer, FlagError> {
        self.open()?.build().map_err(|error| refused(&error))
    }

    /// Opens the sinks.
    pub(crate) fn open(self) -> Result<ConsumerBuilder, FlagError> {
        let mut builder = self.builder;
        for spec in self.sinks {
            let name = spec.name().to_owned();
            let sink = spec
                .open()
                .map_err(|error| FlagError::refused("sink", &error))?;
            builder = builder.sink(name, sink);
        }
        Ok(builder)
    }
}

/// Why the consumer can't be built, with the flag that fixes it.
pub(crate) fn refused(error: &BuildError) -> FlagError {
    let flag = match error {
        BuildError::DuplicateSink { name } => {
            return FlagError::new("sink", format!("{error}, e.g. `?name={name}-2`"));
        }
        BuildError::NoSink | BuildError::SinkName { .. } => "sink",
        BuildError::Log(log) => log_flag(log),
        #[cfg(feature = "kafka")]
        BuildError::Options(OptionsError::GroupInstanceId(_)) => "group-instance-id",
        _ => "group",
    };
    FlagError::refused(flag, error)
}

fn log_flag(error: &OpenError) -> &'static str {
    match error {
        OpenError::InUse { .. } | OpenError::GroupName { .. } => "group",
        _ => "data-dir",
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use user_metadata_cli::Failure;

    use super::*;
    use crate::args::{Args, Command};

    fn config(flags: &[&str]) -> Result<Config, FlagError> {
        let flags = [&["metadata-consumer"], flags].concat();
        let args = Args::try_parse_from(flags).unwrap();
        Config::try_from(match args.command {
            Some(Command::Run(args)) => args,
            Some(other) => panic!("{other:?}"),
            None => args.run,
        })
    }

    #[test]
    fn run_is_the_command_that_is_meant_without_one() {
        for flags in [&["--group", "g"][..], &["run", "--group", "g"]] {
            let builder = format!("{:?}", config(flags).unwrap().reading.builder);
            assert!(builder.contains(r#"group: "g""#), "{builder}");
        }
    }

    #[cfg(all(feature = "stdout", feature = "sqlite"))]
    #[test]
    fn sinks_come_one_by_one_or_separated_by_spaces() {
        let flags = [
            "--sink",
            "stdout: sqlite:a.db",
            "--sink",
            "sqlite:b.db?name=b",
        ];
        let config = config(&flags).unwrap();
        let names: Vec<_> = config.reading.sinks.iter().map(SinkUrl::name).collect();
        assert_eq!(names, ["stdout", "sqlite", "b"]);
    }

    #[test]
    fn an_unknown_sink_is_refused_with_the_known_ones() {
        let Err(error) = config(&["--sink", "mysql:x"]) else {
            panic!("mysql is not a sink");
        };
        assert!(error.to_string().starts_with("--sink: "), "{error}");
    }

    #[test]
    fn two_sinks_of_one_name_are_refused_with_a_remedy() {
        let data = tempfile::tempdir().unwrap();
        let data = data.path().to_str().unwrap();
        let sinks = ["--data-dir", data, "--sink", "stdout:", "--sink", "stdout:"];
        let error = config(&sinks).unwrap().reading.consumer().unwrap_err();
        let failure = Failure::from(error);
        let message = failure.to_string();
        assert!(matches!(failure, Failure::Configuration(_)), "{message}");
        assert!(
            message.starts_with("--sink: two sinks are named `stdout`"),
            "{message}"
        );
        assert!(message.contains("?name=stdout-2"), "{message}");
    }
}
