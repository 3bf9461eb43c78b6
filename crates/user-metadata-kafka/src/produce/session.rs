//! A connected rskafka client and its partition clients. A session is dropped at the first sign of
//! trouble, because rskafka would keep using a hung or misdirected connection.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rskafka::BackoffConfig;
use rskafka::client::error::{Error as ClientError, ProtocolError};
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rskafka::record::Record;

use super::classify::{Failure, cause, is_topic_refusal};
use super::{ConnectError, ProduceError};
use crate::security::client_config;
use crate::{KafkaOptions, Refusal, SaslMechanism, SaslOptions, TopicSpec, TopicState};

/// How often to look for a new topic: the brokers learn of it some milliseconds after the
/// controller has created it.
const TOPIC_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The largest response that is read, in bytes: enough for the topic list of a cluster with about
/// 100,000 partitions. rskafka allocates this much for a response that claims to be at least this
/// long, for example when a web server answers ("HTTP" read as a length is a gigabyte); its default
/// is 100 MiB.
const MAX_ANSWER: usize = 16 << 20;

pub(super) struct Session {
    client: Client,
    topic: String,
    options: KafkaOptions,
    partitions: Mutex<Listed>,
    writers: Mutex<HashMap<u32, Arc<PartitionClient>>>,
}

/// The number of partitions, and when it was listed.
#[derive(Debug, Clone, Copy)]
struct Listed {
    partitions: NonZeroU32,
    at: Instant,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("topic", &self.topic)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Connects and ensures the topic.
    pub(super) async fn open(
        options: &KafkaOptions,
        topic: &TopicSpec,
    ) -> Result<(Self, TopicState), ConnectError> {
        let client = deadline(options.connect_timeout(), log_in(options)).await??;
        let ensure = ensure(&client, topic, options.request_timeout());
        let state = match deadline(options.request_timeout(), ensure).await? {
            Ok(state) => state,
            Err(error) => {
                let refusal = refused(options, &error).await;
                return Err(refusal.map_or(error, ConnectError::from));
            }
        };
        let session = Self {
            client,
            topic: topic.name().to_owned(),
            options: options.clone(),
            partitions: Mutex::new(Listed {
                partitions: state.partitions,
                at: Instant::now(),
            }),
            writers: Mutex::default(),
        };
        Ok((session, state))
    }

    /// The number of partitions when it was last listed.
    pub(super) fn partitions(&self) -> NonZeroU32 {
        lock(&self.partitions).partitions
    }

    /// Writes one batch and returns its first offset.
    pub(super) async fn write(
        &self,
        partition: u32,
        records: Vec<Record>,
        compression: Compression,
    ) -> Result<u64, Failure> {
        let work = async {
            if lock(&self.partitions).at.elapsed() >= self.options.metadata_max_age() {
                self.list().await?;
            }
            let writer = self.writer(partition).await?;
            let offsets = writer.produce(records, compression).await?;
            Ok(offsets
                .first()
                .and_then(|offset| u64::try_from(*offset).ok())
                .unwrap_or_default())
        };
        match deadline(self.options.request_timeout(), work).await {
            Ok(Ok(offset)) => Ok(offset),
            Ok(Err(failure)) => {
                let (Failure::Session(error) | Failure::Batch(error)) = &failure;
                let Some(refusal) = refused(&self.options, error).await else {
                    return Err(failure);
                };
                Err(Failure::Session(ProduceError::Untrusted(refusal)))
            }
            Err(error) => Err(Failure::Session(error.into())),
        }
    }

    /// Lists the topic again: partitions may be added while it is written to, and it may be
    /// deleted.
    async fn list(&self) -> Result<(), Failure> {
        let Some(partitions) = count(&self.client, &self.topic).await? else {
            let gone = format!("the topic `{}` no longer exists", self.topic);
            return Err(Failure::Session(ProduceError::Unavailable(gone.into())));
        };
        *lock(&self.partitions) = Listed {
            partitions,
            at: Instant::now(),
        };
        Ok(())
    }

    async fn writer(&self, partition: u32) -> Result<Arc<PartitionClient>, Failure> {
        if let Some(writer) = lock(&self.writers).get(&partition) {
            return Ok(Arc::clone(writer));
        }
        // rskafka names the topic when it asks for the leader, which makes some brokers create a
        // topic that somebody has deleted.
        self.list().await?;
        let partitions = self.partitions();
        let number = i32::try_from(partition)
            .ok()
            .filter(|_| partition < partitions.get())
            .ok_or(Failure::Batch(ProduceError::NoSuchPartition {
                partition,
                partitions,
            }))?;
        // `Retry` would wait forever for a topic that does not exist.
        let writer = self
            .client
            .partition_client(&self.topic, number, UnknownTopicHandling::Error)
            .await?;
        let writer = Arc::new(writer);
        lock(&self.writers).insert(partition, Arc::clone(&writer));
        Ok(writer)
    }
}

/// Connects to a broker as the user that the options name.
async fn log_in(options: &KafkaOptions) -> Result<Client, ConnectError> {
    let gate = options.gate();
    let permit = gate.acquire().await?;
    let mut builder = ClientBuilder::new(permit.brokers(options.brokers()).to_vec())
        .client_id(options.client_id())
        .max_message_size(MAX_ANSWER)
        .backoff_config(no_retries());
    if let Some(tls) = options.tls() {
        let config = client_config(tls).map_err(|error| ConnectError::Unavailable(error.into()))?;
        builder = builder.tls_config(Arc::new(config));
    }
    if let Some(sasl) = options.sasl() {
        builder = builder.sasl_config(to_rskafka(sasl));
    }
    let built = builder.build().await.map_err(unavailable);
    let error = built.as_ref().err();
    let refusal = permit.finish(options, error.map(|error| error as &dyn Error));
    match (built, refusal) {
        (_, Some(refusal)) => Err(refusal.into()),
        (Err(ConnectError::Unavailable(cause)), None) => {
            Err(ConnectError::Unavailable(options.no_login(cause)))
        }
        (built, None) => built,
    }
}

fn to_rskafka(sasl: &SaslOptions) -> SaslConfig {
    let user = Credentials::new(sasl.username().to_owned(), sasl.password().to_owned());
    match sasl.mechanism() {
        SaslMechanism::Plain => SaslConfig::Plain(user),
        SaslMechanism::ScramSha256 => SaslConfig::ScramSha256(user),
        SaslMechanism::ScramSha512 => SaslConfig::ScramSha512(user),
    }
}

/// The refusal in an error of a call after the login: from another broker, or from another host
/// name of the same one.
async fn refused(options: &KafkaOptions, error: &(dyn Error + Sync)) -> Option<Refusal> {
    let refusal = options.refusal(error)?;
    let pause = options.refusal_pause();
    options.gate().refused(&refusal, pause).await;
    Some(refusal)
}

/// Creates the topic unless it exists. Only the list of all topics is requested, because a broker
/// with auto-creation creates any topic that a metadata request names.
async fn ensure(
    client: &Client,
    topic: &TopicSpec,
    timeout: Duration,
) -> Result<TopicState, ConnectError> {
    let mut created = false;
    let mut found = count(client, topic.name()).await.map_err(unavailable)?;
    if found.is_none() {
        created = create(client, topic, timeout).await?;
    }
    loop {
        if let Some(partitions) = found {
            return Ok(TopicState {
                partitions,
                requested: topic.partitions(),
                created,
            });
        }
        tokio::time::sleep(TOPIC_POLL_INTERVAL).await;
        found = count(client, topic.name()).await.map_err(unavailable)?;
    }
}

/// Returns whether this call created the topic.
async fn create(
    client: &Client,
    topic: &TopicSpec,
    timeout: Duration,
) -> Result<bool, ConnectError> {
    // `TopicSpec::new` has checked that both fit.
    let partitions = i32::try_from(topic.partitions().get()).unwrap_or(i32::MAX);
    let replication_factor = i16::try_from(topic.replication_factor().get()).unwrap_or(i16::MAX);
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let controller = client.controller_client().map_err(unavailable)?;
    let answer = controller
        .create_topic(topic.name(), partitions, replication_factor, timeout_ms)
        .await;
    match answer {
        Ok(()) => Ok(true),
        Err(ClientError::ServerError {
            protocol_error: ProtocolError::TopicAlreadyExists,
            ..
        }) => Ok(false),
        Err(error) if is_topic_refusal(&error) => Err(ConnectError::TopicRefused {
            topic: topic.name().to_owned(),
            source: cause(error),
        }),
        Err(error) => Err(unavailable(error)),
    }
}

/// The number of partitions of a topic; `None` if it does not exist (yet).
async fn count(client: &Client, topic: &str) -> Result<Option<NonZeroU32>, ClientError> {
    let topics = client.list_topics().await?;
    let partitions = topics
        .iter()
        .find(|listed| listed.name == topic)
        .map_or(0, |listed| listed.partitions.len());
    Ok(u32::try_from(partitions).ok().and_then(NonZeroU32::new))
}

/// Returns the first error at once: rskafka's own retries nest, and its deadline counts only the
/// waits between them.
fn no_retries() -> BackoffConfig {
    BackoffConfig {
        deadline: Some(Duration::ZERO),
        ..BackoffConfig::default()
    }
}

/// rskafka applies no timeout: a call to a frozen broker would hang forever.
async fn deadline<F: Future>(limit: Duration, future: F) -> Result<F::Output, ConnectError> {
    tokio::time::timeout(limit, future)
        .await
        .map_err(|_| ConnectError::Timeout(limit))
}

fn unavailable(error: ClientError) -> ConnectError {
    ConnectError::Unavailable(cause(error))
}

/// No code panics while it holds one of these locks, so their contents are always consistent.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
