//! The producer that outlives its sessions.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use super::classify::Failure;
use super::session::Session;
use super::{Compression, ConnectError, ProduceError, RecordBatch};
use crate::{KafkaOptions, KafkaRecord, TopicSpec, TopicState};

/// Makes the topic if the cluster lacks it, and says what is there. Call it before anything else
/// that names the topic: a broker with auto-creation makes a topic with its own number of
/// partitions for whoever merely asks about one.
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
/// It connects again by itself: after an error the next call finds the cluster anew, ensures the
/// topic and goes on. It never waits between attempts; the back-off is the caller's. Order within
/// a partition is the caller's too: one call in flight per partition.
#[derive(Debug)]
pub struct Producer {
    options: KafkaOptions,
    topic: TopicSpec,
    found: TopicState,
    current: Mutex<Current>,
    /// Held by who makes a session: something at a broker's port that is none may cost memory with
    /// each attempt, and a broker that is back is not met by as many as there are partitions.
    connecting: tokio::sync::Mutex<()>,
}

/// The session in use, and the partitions that the last one saw.
#[derive(Debug)]
struct Current {
    session: Option<Arc<Session>>,
    partitions: NonZeroU32,
}

impl Producer {
    /// Connects, and makes the topic if it is not there.
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

    /// The topic as it was found or made by [`connect`](Self::connect).
    #[must_use]
    pub fn topic_state(&self) -> TopicState {
        self.found
    }

    /// The partitions of the topic, numbered from 0; no older than
    /// [`metadata_max_age`](KafkaOptions::metadata_max_age) after a batch was produced.
    #[must_use]
    pub fn partitions(&self) -> NonZeroU32 {
        self.current().partitions
    }

    /// Writes `records` as one batch and returns the offset of the first of them, 0 if there is
    /// none. The records are borrowed, so that the caller still has them after an error. A
    /// connection that broke since the last call (brokers close idle ones) is made anew at once.
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

    /// [`produce`](Self::produce), with the batch made for each attempt: an attempt uses up its
    /// records, so whoever holds them in a form of its own need not hold a copy in this one.
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
                    tracing::debug!(error, partition, "the connection broke, making a new one");
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

    /// Several partitions may come here at the same time; the first session made is everybody's.
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
