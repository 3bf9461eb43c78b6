use std::error::Error;
use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;

use user_metadata_events::EncodedEvent;

/// Delivers events to a topic. The relay has one [`send`](Self::send) in flight per partition, so a
/// partition keeps the order.
pub(crate) trait Transport: Send + Sync + 'static {
    /// Gets ready to send. Called first, and until it succeeds; returns in bounded time.
    fn connect(&self) -> impl Future<Output = Result<(), SendError>> + Send;

    /// How many partitions the topic has now, as far as is known.
    fn partitions(&self) -> NonZeroU32;

    /// Appends `events` to `partition`, all or none, and returns the offset of the first once they
    /// are acknowledged; returns in bounded time. After an error they may have been appended all
    /// the same.
    fn send(
        &self,
        partition: u32,
        events: Arc<Vec<EncodedEvent>>,
    ) -> impl Future<Output = Result<u64, SendError>> + Send;

    /// Releases everything, so that another process can take over.
    fn close(self) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        async {}
    }
}

/// Why events were not acknowledged, and so what to do with them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Send them again after a back-off.
    #[error("{}", .0.detail)]
    Unavailable(Reason),
    /// Send their halves; give up a single one.
    #[error("batch is too large")]
    TooLarge,
    /// Send their halves to find the bad one; give up a single one.
    #[error("{0}")]
    Rejected(String),
    /// The topic has fewer partitions than it had: choose them again.
    #[error("there is no such partition any more")]
    NoSuchPartition,
}

/// What is wrong, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    /// For anybody: it names no address.
    pub(crate) summary: String,
    /// For the operator: with the causes.
    pub(crate) detail: String,
    /// Whether an operator has to fix it: waiting does not help.
    pub(crate) is_refusal: bool,
}

impl Reason {
    pub(crate) fn new(words: impl Into<String>) -> Self {
        let summary = words.into();
        Self {
            detail: summary.clone(),
            summary,
            is_refusal: false,
        }
    }
}

impl From<&dyn Error> for Reason {
    fn from(error: &dyn Error) -> Self {
        Self {
            summary: error.to_string(),
            detail: in_words(error),
            is_refusal: false,
        }
    }
}

impl SendError {
    pub(crate) fn unavailable(error: &dyn Error) -> Self {
        Self::Unavailable(error.into())
    }

    /// Kafka refuses this process, or this process does not trust it. The producer keeps the long
    /// waits between two logins, so it is tried again like everything else.
    #[cfg(feature = "kafka")]
    pub(crate) fn untrusted(error: &dyn Error) -> Self {
        let reason = Reason::from(error);
        Self::Unavailable(Reason {
            is_refusal: true,
            ..reason
        })
    }

    /// What is wrong while the events are not accepted.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Unavailable(reason) => reason,
            error => Reason::new(error.to_string()),
        }
    }
}

/// An error and its causes in one line.
pub(crate) fn in_words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.ends_with(&text) {
            words = format!("{words}: {text}");
        }
        cause = error.source();
    }
    words
}
