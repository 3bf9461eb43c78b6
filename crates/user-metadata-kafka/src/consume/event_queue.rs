//! The queue from the member's task to the caller. One message is ready, the others wait here, and
//! the task fetches nothing while any message waits. So the queue holds at most a batch per poll in
//! flight, plus the group events that occur while the caller is busy.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{ConsumeError, GroupEvent};

/// What the caller receives.
#[derive(Debug)]
pub(super) enum Message {
    /// An event for the caller.
    Event(GroupEvent),
    /// The member has ended.
    Failed(ConsumeError),
    /// Received when the caller comes back for more, so everything before it is processed.
    HandOver(oneshot::Sender<()>),
}

#[derive(Debug)]
pub(super) struct EventQueue {
    sender: mpsc::Sender<Message>,
    waiting: Mutex<VecDeque<Message>>,
    batches: AtomicU64,
}

impl EventQueue {
    pub(super) fn new() -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(1);
        let queue = Self {
            sender,
            waiting: Mutex::default(),
            batches: AtomicU64::new(0),
        };
        (queue, receiver)
    }

    /// How many messages with records have ever been queued.
    pub(super) fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Queues `message` and passes on what the caller has room for.
    pub(super) fn push(&self, message: Message) {
        if matches!(message, Message::Event(GroupEvent::Records(_))) {
            self.batches.fetch_add(1, Ordering::Relaxed);
        }
        let mut waiting = self.waiting();
        match (waiting.back(), &message) {
            // Nobody needs to know of an outage that was over before it was reported.
            (
                Some(Message::Event(GroupEvent::Unavailable { .. })),
                Message::Event(GroupEvent::Recovered),
            ) => drop(waiting.pop_back()),
            _ => waiting.push_back(message),
        }
        while !waiting.is_empty() {
            let Ok(permit) = self.sender.try_reserve() else {
                return;
            };
            if let Some(message) = waiting.pop_front() {
                permit.send(message);
            }
        }
    }

    /// Whether more than one message waits for the caller.
    pub(super) fn is_full(&self) -> bool {
        !self.waiting().is_empty()
    }

    /// Waits until the caller has room for all queued messages, or is gone. Cancel safe.
    pub(super) async fn drain(&self) {
        while self.is_full() {
            let Ok(permit) = self.sender.reserve().await else {
                // Nobody will receive them, and a handover must not wait for that.
                self.waiting().clear();
                return;
            };
            if let Some(message) = self.waiting().pop_front() {
                permit.send(message);
            }
        }
    }

    /// Waits until the caller has processed everything pushed so far, or is gone.
    pub(super) async fn hand_over(&self) {
        let (done, dealt_with) = oneshot::channel();
        self.push(Message::HandOver(done));
        // An error means that the caller is gone, which is as good.
        drop(tokio::join!(self.drain(), dealt_with));
    }

    /// Waits, and passes messages on meanwhile. Returns whether the caller is still there.
    pub(super) async fn keep_up_for(&self, wait: Duration) -> bool {
        let keep_up = async {
            self.drain().await;
            self.closed().await;
        };
        tokio::time::timeout(wait, keep_up).await.is_err()
    }

    /// Notifies the caller that nothing more will come, and waits until it is gone: it may still
    /// commit its records in flight.
    pub(super) async fn fail(&self, error: ConsumeError) {
        self.push(Message::Failed(error));
        self.drain().await;
        self.closed().await;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits until the caller is gone. Cancel safe.
    pub(super) async fn closed(&self) {
        self.sender.closed().await;
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Message>> {
        // No code panics while it holds the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(partition: u32) -> GroupEvent {
        GroupEvent::Assigned(vec![partition])
    }

    async fn take(receiver: &mut mpsc::Receiver<Message>) -> GroupEvent {
        match receiver.recv().await.unwrap() {
            Message::Event(event) => event,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn messages_come_in_order_and_the_second_waits() {
        let (queue, mut receiver) = EventQueue::new();
        queue.push(Message::Event(assigned(0)));
        assert!(!queue.is_full());
        queue.push(Message::Event(assigned(1)));
        assert!(queue.is_full());
        let (first, ()) = tokio::join!(take(&mut receiver), queue.drain());
        assert_eq!(first, assigned(0));
        assert!(!queue.is_full());
        assert_eq!(take(&mut receiver).await, assigned(1));
    }

    #[tokio::test]
    async fn handing_over_waits_until_the_caller_comes_back() {
        let (queue, mut receiver) = EventQueue::new();
        queue.push(Message::Event(assigned(0)));
        let hand_over = queue.hand_over();
        tokio::pin!(hand_over);
        tokio::select! {
            () = &mut hand_over => panic!("nobody has come back"),
            event = take(&mut receiver) => assert_eq!(event, assigned(0)),
        }
        let come_back = async { drop(receiver.recv().await) };
        tokio::join!(hand_over, come_back);
    }

    #[tokio::test]
    async fn nothing_waits_for_a_caller_that_is_gone() {
        let (queue, receiver) = EventQueue::new();
        queue.push(Message::Event(assigned(0)));
        queue.push(Message::Event(assigned(1)));
        drop(receiver);
        queue.hand_over().await;
        queue.closed().await;
        assert!(queue.is_closed());
    }

    #[tokio::test]
    async fn an_outage_that_is_over_before_it_is_reported_is_not_reported() {
        let (queue, mut receiver) = EventQueue::new();
        let reason = String::new();
        for event in [
            assigned(0),
            assigned(1),
            GroupEvent::Unavailable { reason },
            GroupEvent::Recovered,
        ] {
            queue.push(Message::Event(event));
        }
        take(&mut receiver).await;
        queue.drain().await;
        assert_eq!(take(&mut receiver).await, assigned(1));
        assert!(!queue.is_full());
    }
}
