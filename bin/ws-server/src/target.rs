use user_metadata_cli::{Carrier, FlagError, Topic};
use user_metadata_log::{DataDir, LogOptions, LogSync};
#[cfg(feature = "kafka")]
use user_metadata_publisher::{KafkaTarget, kafka};
use user_metadata_publisher::{LogTarget, Publisher, PublisherOptions, PublisherTask, embedded};

use crate::args::{PublishArgs, SyncKind};
use crate::config::longer_than_nothing;

/// Where events go.
#[derive(Debug)]
pub(crate) enum Target {
    #[cfg(feature = "kafka")]
    Kafka(KafkaTarget),
    Embedded(LogTarget),
}

impl Target {
    pub(crate) fn new(topic: Topic, args: &PublishArgs) -> Result<Self, FlagError> {
        // Checked whether it is used or not: a typo shows on the first day.
        let options = log_options(args, topic.spec.partitions())?;
        match topic.carrier {
            #[cfg(feature = "kafka")]
            Carrier::Kafka(options) => Ok(Self::Kafka(KafkaTarget {
                options,
                topic: topic.spec,
                compression: compression(args),
            })),
            #[cfg(not(feature = "kafka"))]
            Carrier::Kafka(_) => Err(FlagError::built_without_kafka()),
            Carrier::Embedded(path) => Ok(Self::Embedded(LogTarget {
                dir: DataDir::new(path),
                options,
            })),
        }
    }

    /// Makes the publisher; takes the embedded log for this process alone.
    pub(crate) fn publisher(
        self,
        options: PublisherOptions,
    ) -> Result<(Publisher, PublisherTask), FlagError> {
        match self {
            #[cfg(feature = "kafka")]
            Self::Kafka(target) => Ok(kafka(target, options)),
            Self::Embedded(target) => {
                embedded(target, options).map_err(|error| FlagError::refused("data-dir", &error))
            }
        }
    }
}

fn log_options(
    args: &PublishArgs,
    partitions: std::num::NonZeroU32,
) -> Result<LogOptions, FlagError> {
    const LEAST: u64 = 1 << 20;
    let max_bytes = args.log_max_bytes.get();
    if max_bytes < LEAST {
        return Err(FlagError::new(
            "log-max-bytes",
            "too small for a log; write e.g. 1GiB, or 1MiB at the least",
        ));
    }
    Ok(LogOptions {
        partitions,
        retention: Some(longer_than_nothing("log-retention", args.log_retention)?),
        max_bytes: Some(max_bytes),
        sync: match args.log_sync {
            SyncKind::Normal => LogSync::Normal,
            SyncKind::Full => LogSync::Full,
        },
    })
}

#[cfg(feature = "kafka")]
fn compression(args: &PublishArgs) -> user_metadata_kafka::Compression {
    use user_metadata_kafka::Compression;

    use crate::args::CompressionKind;

    match args.compression {
        CompressionKind::None => Compression::None,
        CompressionKind::Lz4 => Compression::Lz4,
        CompressionKind::Zstd => Compression::Zstd,
    }
}
