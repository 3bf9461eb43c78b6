//! A producer that outlives its connections.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use super::classify::Failure;
use super::session::Session;
use super::{Compression, ConnectError, ProduceError, RecordBatch};
use crate::{KafkaOptions, KafkaRecord, TopicSpec, TopicState};

/// Creates the topic if it does not exist, and returns its state. Call it before anything else that
/// names the topic: a broker with auto-creation creates a topic, with its own number of partitions,
/// for anyone who merely asks about it.
///
/// # Errors
///
/// [`ConnectError`], within the connect and the request timeout.
pub async fn ensure_topic(
    options: &KafkaOptions,
    topic: &TopicSpec,
) -> Result<TopicState, ConnectError> {
    let (_session, state) = Session::open(options, topic).await?;
    Ok(state)
}

/// Writes batches to the partitions of one topic, acknowledged by all in-sync replicas.
///
/// It reconnects by itself: after an error, the next call discovers the cluster again, ensures the
/// topic and continues. It never waits between attempts; the back-off is up to the caller. So is
/// the order within a partition: one call in flight per partition.
#[derive(Debug)]
pub struct Producer {
    options: KafkaOptions,
    topic: TopicSpec,
    found: TopicState,
    current: Mutex<Current>,
    /// Held while connecting. Each attempt at a port that is not a broker may cost memory, and a
    /// broker that returns should see one connection, not one per partition.
    connecting: tokio::sync::Mutex<()>,
}

/// The session in use, and the number of partitions as of the last one.
#[derive(Debug)]
struct Current {
    session: Option<Arc<Session>>,
    partitions: NonZeroU32,
}

impl Producer {
    /// Connects, and creates the topic if it does not exist.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], within the connect and the request timeout.
    pub async fn connect(options: &KafkaOptions, topic: &TopicSpec) -> Result<Self, ConnectError> {
        let (session, found) = Session::open(options, topic).await?;
        Ok(Self {
            options: options.clone(),
            topic: topic.clone(),
            found,
            current: Mutex::new(Current {
                partitions: session.partitions(),
                session: Some(Arc::new(session)),
            }),
            connecting: tokio::sync::Mutex::default(),
        })
    }

    /// The state of the topic when [`connect`](Self::connect) found or created it.
    #[must_use]
    pub fn topic_state(&self) -> TopicState {
        self.found
    }

    /// The number of partitions of the topic; after a batch was produced, no older than
    /// [`metadata_max_age`](KafkaOptions::metadata_max_age).
    #[must_use]
    pub fn partitions(&self) -> NonZeroU32 {
        self.current().partitions
    }

    /// Writes `records` as one batch and returns the offset of the first, 0 if there are none. The
    /// records are borrowed, so the caller still has them after an error. If the connection broke
    /// since the last call (brokers close idle ones), it is made again at once.
    ///
    /// # Errors
    ///
    /// [`ProduceError`], within two connect and three request timeouts.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have written the batch.
    pub async fn produce(
        &self,
        partition: u32,
        records: &[KafkaRecord],
        compression: Compression,
    ) -> Result<u64, ProduceError> {
        let batch = || records.iter().cloned().collect();
        self.produce_with(partition, batch, compression).await
    }

    /// [`produce`](Self::produce), with the batch built for each attempt. An attempt consumes its
    /// records, so a caller that holds them in another form does not have to keep a copy in this
    /// one.
    ///
    /// # Errors
    ///
    /// As [`produce`](Self::produce).
    ///
    /// # Cancel safety
    ///
    /// As [`produce`](Self::produce).
    pub async fn produce_with(
        &self,
        partition: u32,
        batch: impl Fn() -> RecordBatch,
        compression: Compression,
    ) -> Result<u64, ProduceError> {
        let in_use = self.current().session.clone();
        if let Some(session) = in_use {
            match self.write(&session, partition, batch(), compression).await {
                Err(Failure::Session(ProduceError::Unavailable(error))) => {
                    tracing::debug!(error, partition, "the connection broke; reconnecting");
                }
                Err(Failure::Session(error) | Failure::Batch(error)) => return Err(error),
                Ok(offset) => return Ok(offset),
            }
        }
        let session = self.connect_again().await?;
        self.write(&session, partition, batch(), compression)
            .await
            .map_err(|(Failure::Session(error) | Failure::Batch(error))| error)
    }

    async fn write(
        &self,
        session: &Arc<Session>,
        partition: u32,
        batch: RecordBatch,
        compression: Compression,
    ) -> Result<u64, Failure> {
        let result = session
            .write(partition, batch.into_rskafka(), compression.to_rskafka())
            .await;
        let mut current = self.current();
        current.partitions = session.partitions();
        if matches!(result, Err(Failure::Session(_)))
            && current
                .session
                .as_ref()
                .is_some_and(|in_use| Arc::ptr_eq(in_use, session))
        {
            current.session = None;
        }
        result
    }

    /// Several partitions may get here at the same time; they share the first session.
    async fn connect_again(&self) -> Result<Arc<Session>, ConnectError> {
        let limit = self.options.connect_timeout();
        let turn = tokio::time::timeout(limit, self.connecting.lock()).await;
        let _turn = turn.map_err(|_| ConnectError::Timeout(limit))?;
        if let Some(session) = self.current().session.clone() {
            return Ok(session);
        }
        let (session, _) = Session::open(&self.options, &self.topic).await?;
        let mut current = self.current();
        current.partitions = session.partitions();
        let session = Arc::new(session);
        current.session = Some(Arc::clone(&session));
        Ok(session)
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Current> {
        // No code panics while it holds the lock.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
