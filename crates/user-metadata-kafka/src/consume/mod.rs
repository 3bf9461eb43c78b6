//! Consuming in a group, on krafka.

mod admin;
mod care;
mod classify;
mod commits;
mod consumer;
mod error;
mod event;
mod fetch;
mod incident;
mod listener;
mod login;
mod member;
mod offsets;
mod options;
mod outlet;
mod place;
mod progress;
mod range;
mod reach;

pub use admin::TopicAdmin;
pub use consumer::GroupConsumer;
pub use error::ConsumeError;
pub use event::{GroupEvent, GroupRecord, PartitionLag};
pub use options::{ConsumeStart, GroupOptions, GroupProtocol};
pub use range::{PartitionBounds, TopicReader};
