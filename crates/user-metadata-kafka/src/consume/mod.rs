//! Consuming as a member of a group, on krafka.

mod admin;
mod classify;
mod commits;
mod consumer;
mod end_offsets;
mod error;
mod event;
mod event_queue;
mod fetch;
mod incident;
mod listener;
mod login;
mod member;
mod offsets;
mod options;
mod progress;
mod start_offsets;
mod topic_reader;
mod upkeep;

pub use admin::TopicAdmin;
pub use consumer::GroupConsumer;
pub use error::ConsumeError;
pub use event::{GroupEvent, GroupRecord, PartitionLag};
pub use options::{ConsumeStart, GroupOptions, GroupProtocol};
pub use topic_reader::{PartitionBounds, TopicReader};
