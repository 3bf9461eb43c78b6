use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::error::ReplayError;
use super::plan::ReplayPlan;
use super::progress::ReplayProgress;
use super::request::ReplayRequest;
use crate::consumer::{Backend, Feed, Start};
use crate::pipeline::{BatchLimits, Monitor};
use crate::{Consumer, ConsumerStatus, RunError, Summary};

#[cfg(feature = "kafka")]
use super::kafka::KafkaReplay;
#[cfg(feature = "embedded")]
use super::log::LogReplay;

/// Reads events or dead letters again into sinks, and ends; made by
/// [`ConsumerBuilder::replay`](crate::ConsumerBuilder::replay).
///
/// It does not affect the groups that consume the topic. What a sink rejects stays in its topic and
/// is counted, and the positions of the first hundred are logged.
#[must_use = "nothing happens until it runs"]
pub struct Replay {
    consumer: Consumer,
    progress: ReplayProgress,
}

impl Replay {
    /// A handle to the progress, also while it runs.
    #[must_use]
    pub fn progress(&self) -> ReplayProgress {
        self.progress.clone()
    }

    /// Reads up to the end of the topic as of when the replay was made, or until `stop`, like
    /// [`Consumer::run`]. In the summary, `dead_lettered` counts the rejected events.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`RunError`] if a sink has failed for good; the others have done their part.
    pub async fn run(self, stop: CancellationToken) -> Result<Summary, RunError> {
        self.consumer.run(stop).await
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

/// What a replay reads, and as which group.
pub(crate) struct ReplaySettings {
    pub(crate) backend: Backend,
    pub(crate) topic: String,
    pub(crate) dead_letters: String,
    pub(crate) group: String,
    pub(crate) limits: BatchLimits,
}

/// Determines for each sink what to read.
pub(crate) async fn open(
    settings: &ReplaySettings,
    sinks: Vec<(String, Start)>,
    request: &ReplayRequest,
) -> Result<Replay, ReplayError> {
    let (mut pipelines, mut monitors, mut tracks) = (Vec::new(), Vec::new(), Vec::new());
    for (name, start) in sinks {
        let name = Arc::from(name);
        let plan = ReplayPlan::new(settings, &name, request);
        tracks.push(Arc::clone(&plan.progress));
        let topic = plan.topic.clone();
        let group = plan.group.clone().unwrap_or_default();
        let feed = match &settings.backend {
            #[cfg(feature = "kafka")]
            Backend::Kafka(options) => {
                let replay = KafkaReplay::open(options, plan).await?;
                Feed::kafka_replay(topic, settings.limits, replay)
            }
            #[cfg(feature = "embedded")]
            Backend::Log(dir) => {
                let path = log_path(dir, request);
                let replay = LogReplay::open(dir, &path, plan)?;
                Feed::log_replay(topic, settings.limits, replay)
            }
        };
        let monitor = Monitor::new(&name, group).of_replay();
        monitors.push(monitor.shared());
        pipelines.push((monitor, feed, start));
    }
    Ok(Replay {
        consumer: Consumer::new(pipelines, ConsumerStatus::new(monitors)),
        progress: ReplayProgress::new(tracks),
    })
}

#[cfg(feature = "embedded")]
pub(super) fn log_path(
    dir: &user_metadata_log::DataDir,
    request: &ReplayRequest,
) -> std::path::PathBuf {
    match request {
        ReplayRequest::DeadLetters => dir.dead_letters_path(),
        ReplayRequest::Events { .. } => dir.topic_path(),
    }
}
