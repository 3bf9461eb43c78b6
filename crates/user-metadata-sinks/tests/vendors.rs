//! What is specific to one vendor.
#![cfg(all(
    feature = "webhook",
    feature = "segment",
    feature = "mixpanel",
    feature = "amplitude",
    feature = "posthog",
    feature = "ga4"
))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use serde_json::json;
use support::in_words;
use support::posting::{STATUS, event, events, ids, stored, unavailable};
use support::vendor::{Fake, Fault, Vendor};
use user_metadata_consumer::{Sink, SinkError};

#[tokio::test]
async fn amplitude_gives_up_the_events_of_users_over_their_quota_and_no_others() {
    let fake = Fake::start(Vendor::Amplitude).await;
    let quota = json!({"code": 429, "error": "Too many requests for some devices and users",
        "exceeded_daily_quota_users": {"greedy": 500_001}, "throttled_events": [0]});
    fake.fail_with(Fault::Answer(429, &[], quota));
    let batch = [event(0, "greedy"), event(1, "modest")];
    let mut sink = fake.sink("");
    let rejections = sink.write(&batch).await.unwrap();
    assert_eq!(rejections.len(), 1);
    assert_eq!(rejections[0].index, 0);
    assert_eq!(stored(&fake), ids(&batch[1..]));

    let throttled =
        json!({"code": 429, "throttled_events": [0], "throttled_users": {"modest": 31}});
    fake.fail_with(Fault::Answer(429, &[], throttled));
    let (retry_after, _) = unavailable(sink.write(&batch[1..]).await.unwrap_err());
    assert_eq!(retry_after, Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn a_project_over_its_quota_loses_nothing() {
    let fake = Fake::start(Vendor::Posthog).await;
    let quota = json!({"status": 1, "quota_limited": ["events"]});
    fake.fail_with(Fault::Answer(200, &[], quota));
    let batch = events(2);
    let mut sink = fake.sink("");
    let (retry_after, source) = unavailable(sink.write(&batch).await.unwrap_err());
    assert_eq!(retry_after, Some(Duration::from_secs(300)));
    assert!(in_words(&*source).contains("quota"));
    assert_eq!(sink.write(&batch).await.unwrap(), []);
    assert_eq!(stored(&fake), ids(&batch));
}

#[tokio::test]
async fn ga4_is_asked_what_it_thinks_of_the_events_before_the_first() {
    let fake = Fake::start(Vendor::Ga4).await;
    let mut sink = fake.sink("");
    sink.prepare().await.unwrap();
    assert_eq!(fake.state().requests[0].uri.path(), "/debug/mp/collect");
    assert_eq!(fake.state().stored, []);
    let messages = json!({"validationMessages": [{"fieldPath": "events",
        "description": "Event at index: [0] has invalid name [x].", "validationCode": "NAME_INVALID"}]});
    fake.fail_with(Fault::Answer(200, &[], messages));
    let error = sink.prepare().await.unwrap_err();
    assert!(matches!(error, SinkError::Fatal(_)), "{error:?}");
    assert!(in_words(&error).contains("invalid name [x]"), "{error:?}");
    fake.fail_with(STATUS(500));
    assert!(matches!(
        sink.prepare().await,
        Err(SinkError::Unavailable { .. })
    ));
}

#[tokio::test]
async fn ga4_takes_no_event_of_last_week() {
    let fake = Fake::start(Vendor::Ga4).await;
    let old = support::event(1, |_| {});
    let rejections = fake
        .sink("")
        .write(&[old, event(2, "user-1")])
        .await
        .unwrap();
    assert_eq!(rejections.len(), 1);
    assert!(rejections[0].reason.contains("72 hours"), "{rejections:?}");
    assert_eq!(fake.state().stored.len(), 1);
}

#[tokio::test]
async fn the_same_events_have_the_same_webhook_id_when_they_come_again() {
    let fake = Fake::start(Vendor::Webhook).await;
    let mut sink = fake.sink("");
    let batch = events(2);
    fake.fail_with(STATUS(500));
    assert!(sink.write(&batch).await.is_err());
    sink.write(&batch).await.unwrap();
    sink.write(&events(3)[2..]).await.unwrap();
    let requests = fake.state().requests.clone();
    let ids: Vec<_> = requests
        .iter()
        .map(|request| &request.headers["webhook-id"])
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
}
