use std::time::Duration;

use ::rdkafka::ClientConfig;
use ::rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use ::rdkafka::client::DefaultClientContext;
use ::rdkafka::types::RDKafkaErrorCode;
use futures_executor::block_on;

use crate::Failure;

/// Creates a topic whose files are deleted with it: with the default delay of a minute, the disk
/// would hold those of a dozen runs.
pub(crate) fn create(brokers: &str, topic: &str, partitions: i32) -> Result<(), Failure> {
    let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
        .set("file.delete.delay.ms", "0");
    done(block_on(
        admin(brokers)?.create_topics(&[topic], &options()),
    )?)
}

pub(crate) fn delete(brokers: &str, topic: &str) -> Result<(), Failure> {
    done(block_on(
        admin(brokers)?.delete_topics(&[topic], &options()),
    )?)
}

fn admin(brokers: &str) -> Result<AdminClient<DefaultClientContext>, Failure> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()?)
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)))
}

fn done(results: Vec<Result<String, (String, RDKafkaErrorCode)>>) -> Result<(), Failure> {
    for result in results {
        result.map_err(|(topic, error)| format!("{topic}: {error}"))?;
    }
    Ok(())
}
