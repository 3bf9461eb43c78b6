use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::feed::{Feed, FeedKind};
use crate::Sink;
use crate::pipeline::{End, Intake, Monitor, Pipeline};

/// Runs one sink to its end. One box per task, so that sinks can be chosen at run time.
pub(crate) type Start = Box<dyn FnOnce(Monitor, Feed, CancellationToken) -> Running + Send>;

type Running = Pin<Box<dyn Future<Output = End> + Send>>;

pub(super) fn start(sink: impl Sink) -> Start {
    Box::new(move |monitor, feed, stop| Box::pin(run(sink, monitor, feed, stop)))
}

async fn run(sink: impl Sink, monitor: Monitor, feed: Feed, stop: CancellationToken) -> End {
    let topic = Arc::from(feed.topic);
    match feed.kind {
        #[cfg(feature = "kafka")]
        FeedKind::Kafka(kafka) => match kafka.join(&monitor, &stop).await {
            Ok(source) => {
                let intake = Intake::new(source, monitor, topic, feed.limits);
                Pipeline::new(intake, sink, stop).run().await
            }
            Err(end) => end,
        },
        #[cfg(feature = "embedded")]
        FeedKind::Log(source) => {
            let intake = Intake::new(source, monitor, topic, feed.limits);
            Pipeline::new(intake, sink, stop).run().await
        }
        #[cfg(feature = "kafka")]
        FeedKind::KafkaReplay(replay) => {
            let intake = Intake::new(*replay, monitor, topic, feed.limits);
            Pipeline::new(intake, sink, stop).run().await
        }
        #[cfg(feature = "embedded")]
        FeedKind::LogReplay(replay) => {
            let intake = Intake::new(*replay, monitor, topic, feed.limits);
            Pipeline::new(intake, sink, stop).run().await
        }
    }
}
