//! Reading the contents of a topic without a group, against a real Kafka.
#![cfg(all(feature = "consume", feature = "produce"))]
#![allow(clippy::unwrap_used)] // helpers

mod support;

use std::collections::BTreeMap;

use support::{LONG, admin, filled, topic, within};
use user_metadata_kafka::TopicReader;
use user_metadata_testing::require;

#[tokio::test]
async fn a_position_is_never_beyond_what_was_handed_out() {
    let kafka = require!(support::shared());
    let topic = topic("positions", 2);
    filled(&kafka, &topic, 10).await;
    let reader = TopicReader::connect(&kafka, topic.name(), 3).await;
    let mut reader = reader.unwrap();
    reader.start_at(&[(0, 0), (1, 0)]).await.unwrap();
    // The first fetch is rejected for one partition, and returns all records of the other.
    admin::delete_records_before(&kafka, &topic, 5).await;
    let mut handed_out = BTreeMap::from([(0, 5), (1, 0)]);
    within(LONG, async {
        while handed_out != BTreeMap::from([(0, 10), (1, 10)]) {
            for record in reader.next().await.unwrap() {
                handed_out.insert(record.partition, record.offset + 1);
            }
            let positions = reader.positions().await;
            assert_eq!(
                positions,
                handed_out.clone().into_iter().collect::<Vec<_>>()
            );
        }
    })
    .await;
    reader.close().await;
}
