use tokio::task::spawn_blocking;
use tracing::info;
use user_metadata_cli::{Carrier, Failure, FlagError, ShutdownSignals, Topic};
use user_metadata_log::{LogOptions, LogSync};
#[cfg(feature = "kafka")]
use user_metadata_publisher::{DiskOutbox, KafkaTarget, kafka, kafka_on_disk};
use user_metadata_publisher::{LogTarget, Publisher, PublisherOptions, PublisherTask, embedded};

use crate::args::{OutboxKind, PublishArgs, SyncKind};
#[cfg(feature = "kafka")]
use {std::path::Path, user_metadata_log::DataDir};

/// Where events go.
#[derive(Debug)]
pub(crate) enum Target {
    /// With the outbox on disk, or without: in memory.
    #[cfg(feature = "kafka")]
    Kafka(KafkaTarget, Option<DiskOutbox>),
    Embedded(LogTarget),
}

impl Target {
    pub(crate) fn new(topic: Topic, args: &PublishArgs) -> Result<Self, FlagError> {
        // Validated even if unused, so that a mistake is found early.
        let options = log_options(args, topic.spec.partitions())?;
        match topic.carrier {
            #[cfg(feature = "kafka")]
            Carrier::Kafka(kafka) => {
                let mut target = KafkaTarget::with_topic(kafka, topic.spec);
                target.compression = compression(args);
                let outbox = disk_outbox(args, &topic.data_dir, options.sync);
                Ok(Self::Kafka(target, outbox))
            }
            #[cfg(not(feature = "kafka"))]
            Carrier::Kafka(_) => Err(FlagError::built_without_kafka()),
            Carrier::Embedded if args.outbox == Some(OutboxKind::Disk) => Err(FlagError::new(
                "outbox",
                "the embedded log is on disk already; add --brokers, or remove this flag",
            )),
            Carrier::Embedded => {
                let mut target = LogTarget::new(topic.data_dir);
                target.options = options;
                Ok(Self::Embedded(target))
            }
        }
    }

    /// Creates the publisher; locks the embedded log, or the outbox on disk.
    pub(crate) fn publisher(
        self,
        options: PublisherOptions,
    ) -> Result<(Publisher, PublisherTask), FlagError> {
        match self {
            #[cfg(feature = "kafka")]
            Self::Kafka(target, None) => Ok(kafka(target, options)),
            #[cfg(feature = "kafka")]
            Self::Kafka(target, Some(disk)) => kafka_on_disk(target, disk, options)
                .map_err(|error| FlagError::refused("data-dir", &error)),
            Self::Embedded(target) => {
                embedded(target, options).map_err(|error| FlagError::refused("data-dir", &error))
            }
        }
    }
}

/// Opens a file that may be large, or damaged and to be read as a whole; `None` if a signal comes
/// first. The file is then left as it is, as after a SIGKILL.
pub(crate) async fn unless_stopped<T: Send + 'static>(
    signals: &mut ShutdownSignals,
    open: impl FnOnce() -> Result<T, FlagError> + Send + 'static,
) -> Result<Option<T>, Failure> {
    tokio::select! {
        opened = spawn_blocking(open) => {
            let opened = opened.map_err(|error| Failure::runtime(&error))?;
            Ok(Some(opened?))
        }
        signal = signals.next() => {
            info!(signal, "shutdown requested during the start");
            Ok(None)
        }
    }
}

/// On disk by default.
#[cfg(feature = "kafka")]
fn disk_outbox(args: &PublishArgs, data_dir: &Path, sync: LogSync) -> Option<DiskOutbox> {
    if args.outbox == Some(OutboxKind::Memory) {
        return None;
    }
    let mut outbox = DiskOutbox::new(DataDir::new(data_dir).outbox_path());
    outbox.sync = sync;
    if let Some(bytes) = args.outbox_max_bytes {
        outbox.max_bytes = bytes.get();
    }
    Some(outbox)
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
            "too small for a log; write e.g. 1GiB, and at least 1MiB",
        ));
    }
    let mut options = LogOptions::default();
    options.partitions = partitions;
    options.retention = Some(args.log_retention.get());
    options.max_bytes = Some(max_bytes);
    options.sync = match args.log_sync {
        SyncKind::Normal => LogSync::Normal,
        SyncKind::Full => LogSync::Full,
    };
    Ok(options)
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
