//! Reading a Kafka topic in a consumer group, and appending to one.

mod feed;
mod source;
mod writer;

pub(crate) use feed::KafkaFeed;
pub use writer::KafkaTopicWriter;
