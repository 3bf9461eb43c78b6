//! Reading a Kafka topic in a consumer group, and appending to one.

mod feed;
mod source;
mod writer;

pub(crate) use feed::KafkaFeed;
pub(crate) use source::to_fetched;
pub use writer::KafkaTopicWriter;
