use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;
use tracing::debug;
use user_metadata_events::partition_for_key;

use crate::health::{Health, Trouble};
use crate::outbox::Outbox;
use crate::partition_queue::{Batch, PartitionQueue, QueuedEvent};
use crate::transport::{SendError, Transport};
use crate::{DropReason, backoff, delivered};

/// Delivers events from the outbox to the topic: chooses the partition of each, and keeps one batch
/// per partition in flight.
pub(crate) struct Relay<T: Transport> {
    transport: Arc<T>,
    outbox: Arc<Outbox>,
    health: Arc<Health>,
    queues: BTreeMap<u32, PartitionQueue>,
    attempts: FuturesUnordered<BoxFuture<'static, Attempt>>,
    max_batch_bytes: usize,
}

/// A batch and the result of sending it.
type Attempt = (Batch, Result<u64, SendError>);

impl<T: Transport> Relay<T> {
    pub(crate) fn new(transport: T, outbox: Arc<Outbox>, health: Arc<Health>) -> Self {
        Self {
            transport: Arc::new(transport),
            outbox,
            health,
            queues: BTreeMap::new(),
            attempts: FuturesUnordered::new(),
            max_batch_bytes: Outbox::BATCH_BYTES,
        }
    }

    /// Delivers until no handle is left and nothing is pending.
    pub(crate) async fn run(mut self) {
        let connected = connect(&*self.transport, &self.outbox, &self.health);
        tokio::select! {
            biased;
            () = self.outbox.finished() => {}
            () = connected => self.deliver().await,
        }
        if let Some(transport) = Arc::into_inner(self.transport) {
            transport.close().await;
        }
    }

    async fn deliver(&mut self) {
        let mut is_open = true;
        while is_open || !self.attempts.is_empty() {
            tokio::select! {
                biased;
                Some((batch, result)) = self.attempts.next() => self.settle(batch, result),
                has_more = self.outbox.gathered(), if is_open => {
                    is_open = has_more;
                    self.assign();
                }
            }
        }
    }

    /// Assigns what waits in the outbox to the partitions.
    fn assign(&mut self) {
        let events = self.outbox.take();
        self.assign_events(events);
    }

    fn assign_events(&mut self, events: impl IntoIterator<Item = QueuedEvent>) {
        let partitions = self.transport.partitions();
        for event in events {
            let partition = partition_for_key(event.key(), partitions);
            self.queues
                .entry(partition)
                .or_default()
                .waiting
                .push_back(event);
        }
        let partitions: Vec<u32> = self.queues.keys().copied().collect();
        for partition in partitions {
            self.send_next(partition);
        }
    }

    /// Sends the next batch of a partition unless one is in flight.
    fn send_next(&mut self, partition: u32) {
        let queue = self.queues.entry(partition).or_default();
        if queue.busy {
            return;
        }
        if let Some(batch) = queue.next_batch(partition, self.max_batch_bytes) {
            queue.busy = true;
            self.send(batch);
        }
    }

    fn send(&self, batch: Batch) {
        let transport = Arc::clone(&self.transport);
        self.attempts.push(Box::pin(async move {
            if batch.failures > 0 {
                sleep(backoff::delay(batch.failures)).await;
            }
            let result = transport
                .send(batch.partition, Arc::clone(&batch.events))
                .await;
            (batch, result)
        }));
    }

    /// Acts on the result of a batch.
    fn settle(&mut self, batch: Batch, result: Result<u64, SendError>) {
        let partition = batch.partition;
        let is_gone = partition >= self.transport.partitions().get();
        match result {
            Ok(offset) => self.acknowledge(&batch, offset),
            Err(error @ (SendError::TooLarge | SendError::Rejected(_))) => {
                self.halve(batch, &error)
            }
            Err(SendError::NoSuchPartition) if is_gone => self.deal_again(batch),
            Err(error) => return self.send_again(batch, error),
        }
        self.health.end(Trouble::Partition(partition));
    }

    fn acknowledge(&mut self, batch: &Batch, offset: u64) {
        self.outbox.published(&batch.receipts);
        for (event, offset) in batch.events.iter().zip(offset..) {
            delivered::log(event, batch.partition, offset);
        }
        let larger = self.max_batch_bytes + self.max_batch_bytes / 16;
        self.max_batch_bytes = larger.min(Outbox::BATCH_BYTES);
        self.free(batch.partition);
    }

    fn send_again(&self, batch: Batch, error: SendError) {
        let pending = self.outbox.accounting().pending;
        let trouble = Trouble::Partition(batch.partition);
        self.health.begin(trouble, error.reason(), pending);
        let failures = batch.failures.saturating_add(1);
        self.send(Batch { failures, ..batch });
    }

    /// Sends the first half of a batch that was refused; gives up a single event.
    fn halve(&mut self, mut batch: Batch, error: &SendError) {
        let is_too_large = matches!(error, SendError::TooLarge);
        if let [event] = &**batch.events {
            debug!(event_id = %event.id(), %error, "an event is given up");
            let reason = if is_too_large {
                DropReason::TooLarge
            } else {
                DropReason::Rejected
            };
            self.outbox.dropped(reason, &batch.receipts);
            return self.free(batch.partition);
        }
        if is_too_large {
            self.max_batch_bytes = self.max_batch_bytes.min(batch.bytes() / 2);
        }
        let rest = batch.split_off(batch.receipts.len() / 2);
        self.queues
            .entry(batch.partition)
            .or_default()
            .put_back(rest);
        self.send(Batch {
            failures: 0,
            ..batch
        });
    }

    /// Assigns the events of a partition that is gone to those that are left.
    fn deal_again(&mut self, mut batch: Batch) {
        let queue = self.queues.remove(&batch.partition).unwrap_or_default();
        let events = batch.split_off(0).into_iter().chain(queue.waiting);
        self.assign_events(events);
    }

    /// No batch of the partition is in flight any more.
    fn free(&mut self, partition: u32) {
        self.queues.entry(partition).or_default().busy = false;
        self.send_next(partition);
    }
}

async fn connect<T: Transport>(transport: &T, outbox: &Outbox, health: &Health) {
    for failures in 1.. {
        let Err(error) = transport.connect().await else {
            break;
        };
        let pending = outbox.accounting().pending;
        health.begin(Trouble::Connection, error.reason(), pending);
        sleep(backoff::delay(failures)).await;
    }
    health.end(Trouble::Connection);
}
