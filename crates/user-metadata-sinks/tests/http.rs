//! How the sinks that post react to a vendor's responses, and to none.
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

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use support::in_words;
use support::posting::{STATUS, event, events, ids, stored, unavailable};
use support::vendor::{Fake, Fault, VENDORS, Vendor};
use user_metadata_consumer::{Delivery, Sink, SinkError};

#[tokio::test]
async fn requests_are_what_the_vendors_pages_ask_for() {
    for vendor in VENDORS {
        if vendor == Vendor::Ga4 {
            // Its events must be of today: see its own test.
            continue;
        }
        for ip in ["full", "truncate", "none"] {
            let fake = Fake::start(vendor).await;
            let mut sink = fake.sink(&format!("&ip={ip}"));
            let bare = support::delivery(&support::fixture("minimal.json"));
            let batch = [support::event(1, |_| {}), bare];
            assert_eq!(sink.write(&batch).await.unwrap(), []);
            let request = fake.state().requests[0].clone();
            let names = ["authorization", "content-encoding", "webhook-id"];
            let headers = names.map(|name| Some((name, request.headers.get(name)?.to_str().ok()?)));
            let headers: Vec<_> = headers.into_iter().flatten().collect();
            let shown = format!(
                "POST {}\n{headers:?}\n{}",
                request.uri,
                serde_json::to_string_pretty(&request.json()).unwrap()
            );
            insta::assert_snapshot!(format!("{vendor:?}-{ip}"), shown);
        }
    }
}

#[tokio::test]
async fn by_default_no_vendor_gets_a_whole_address() {
    for vendor in VENDORS {
        let fake = Fake::start(vendor).await;
        let batch = [event(1, "user-1")];
        let whole = batch[0].event.metadata.ip.as_ref().unwrap().to_string();
        fake.sink("").write(&batch).await.unwrap();
        let body = String::from_utf8(fake.state().requests[0].body.clone()).unwrap();
        assert!(!body.contains(&whole), "{vendor:?}: {body}");
    }
}

#[tokio::test]
async fn what_fails_for_a_while_comes_again_and_is_not_lost() {
    for vendor in VENDORS {
        for fault in [
            STATUS(408),
            STATUS(429),
            STATUS(500),
            STATUS(503),
            STATUS(404),
            STATUS(302),
            Fault::BreaksOff,
            Fault::Silence,
        ] {
            let fake = Fake::start(vendor).await;
            // Short only where it has to pass: this machine may be slow.
            let is_silent = matches!(fault, Fault::Silence);
            let mut sink = fake.sink(if is_silent { "&timeout=1s" } else { "" });
            fake.fail_with(fault.clone());
            let batch = events(3);
            let error = sink.write(&batch).await.unwrap_err();
            let (_, source) = unavailable(error);
            let words = in_words(&*source);
            assert!(words.contains(&fake.address.to_string()), "{words}");
            assert_eq!(sink.write(&batch).await.unwrap(), []);
            assert_eq!(stored(&fake), ids(&batch), "{vendor:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_vendor_that_is_not_there_is_unavailable() {
    let fake = Fake::start(Vendor::Segment).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap().to_string();
    drop(listener);
    let url = fake.url("").replace(&fake.address.to_string(), &nobody);
    let mut sink = url
        .parse::<user_metadata_sinks::SinkUrl>()
        .unwrap()
        .open()
        .unwrap();
    let error = sink.write(&events(1)).await.unwrap_err();
    let words = in_words(&*unavailable(error).1);
    assert!(
        words.starts_with(&format!("http://{nobody} does not answer")),
        "{words}"
    );
}

#[tokio::test]
async fn a_vendor_says_how_long_to_wait() {
    for vendor in VENDORS {
        let fake = Fake::start(vendor).await;
        let mut sink = fake.sink("");
        for status in [429, 503] {
            let headers = &[("retry-after", "17")];
            fake.fail_with(Fault::Answer(status, headers, json!({})));
            let error = sink.write(&events(1)).await.unwrap_err();
            let (retry_after, _) = unavailable(error);
            assert_eq!(retry_after, Some(Duration::from_secs(17)), "{vendor:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_key_ends_the_sink_and_no_error_quotes_it() {
    for vendor in VENDORS {
        let fake = Fake::start(vendor).await;
        let wrong = match vendor {
            Vendor::Webhook => "whsec_c3dvcmRmaXNoc3dvcmRmaXNoc3dvcmRmaXNo",
            _ => "swordfish-wrong",
        };
        fake.change_key(wrong);
        let mut sink = fake.sink("");
        if vendor == Vendor::Ga4 {
            // It never says so.
            fake.fail_with(STATUS(403));
        }
        let error = sink.write(&events(1)).await.unwrap_err();
        assert!(matches!(error, SinkError::Fatal(_)), "{vendor:?} {error:?}");
        let words = in_words(&error) + &format!("{error:?} {sink:?}");
        assert!(words.contains("check the secret in /"), "{words}");
        for secret in [wrong, "swordfish", "c3dvcmRmaXNo", "/hook"] {
            assert!(!words.contains(secret), "{vendor:?}: {words}");
        }
    }
}

#[tokio::test]
async fn what_is_too_large_for_one_request_comes_in_smaller_ones() {
    for vendor in VENDORS {
        let fake = Fake::start(vendor).await;
        fake.state().max_bytes = Some(4_000);
        let batch = events(30);
        assert_eq!(fake.sink("").write(&batch).await.unwrap(), []);
        assert_eq!(stored(&fake), ids(&batch), "{vendor:?}");
        let copies = fake.state().stored.len();
        assert_eq!(copies, 30, "{vendor:?}");
    }
}

#[tokio::test]
async fn an_event_that_is_too_large_alone_is_rejected_alone() {
    for vendor in VENDORS {
        let fake = Fake::start(vendor).await;
        let mut batch = events(5);
        let json = |delivery: &Delivery| delivery.event.encode().unwrap().len();
        let usual = json(&batch[0]);
        batch[2]
            .event
            .extra
            .insert("long".into(), "x".repeat(9_000).into());
        batch[2].event.metadata.language = Some("y".repeat(9_000));
        assert!(json(&batch[2]) > usual + 9_000);
        fake.state().max_bytes = Some(8_000);
        let rejections = fake.sink("").write(&batch).await.unwrap();
        let rejected: Vec<_> = rejections.iter().map(|rejection| rejection.index).collect();
        // The part of an event that it accepts is short.
        let expected = if vendor == Vendor::Ga4 {
            vec![]
        } else {
            vec![2]
        };
        assert_eq!(rejected, expected, "{vendor:?} {rejections:?}");
        assert_eq!(stored(&fake).len(), 5 - expected.len());
    }
}

#[tokio::test]
async fn exactly_the_events_are_rejected_that_the_vendor_rejects() {
    for vendor in VENDORS {
        if vendor == Vendor::Ga4 {
            // It never says so.
            continue;
        }
        let fake = Fake::start(vendor).await;
        fake.state().bad_users = vec!["bad"];
        let user = |number| {
            if [3, 4, 17].contains(&number) {
                "bad"
            } else {
                "good"
            }
        };
        let batch: Vec<_> = (0..20).map(|number| event(number, user(number))).collect();
        let rejections = fake.sink("").write(&batch).await.unwrap();
        let rejected: Vec<_> = rejections.iter().map(|rejection| rejection.index).collect();
        assert_eq!(rejected, [3, 4, 17], "{vendor:?}");
        let good = batch
            .iter()
            .filter(|delivery| delivery.event.user_id == "good");
        let good: BTreeSet<_> = good.map(|delivery| delivery.event.id).collect();
        assert_eq!(stored(&fake), good, "{vendor:?}");
        let reason = &rejections[0].reason;
        insta::assert_snapshot!(format!("{vendor:?}-reason"), reason);
    }
}

#[tokio::test]
async fn what_is_settled_is_not_sent_again_with_the_rest() {
    let fake = Fake::start(Vendor::Ga4).await;
    let mut sink = fake.sink("");
    let batch = events(20);
    for fault in [5, 6].map(|_| STATUS(503)) {
        fake.fail_with(fault);
    }
    assert!(sink.write(&batch).await.is_err());
    let before = fake.state().stored.len();
    assert!((1..20).contains(&before), "{before}");
    assert_eq!(sink.write(&batch).await.unwrap(), []);
    assert_eq!(fake.state().stored.len(), 20, "each of them once");
    assert_eq!(stored(&fake), ids(&batch));
}

#[tokio::test]
async fn connections_are_used_again() {
    let fake = Fake::start(Vendor::Mixpanel).await;
    let mut sink = fake.sink("");
    for number in 0..20 {
        sink.write(&[event(number, "user-1")]).await.unwrap();
    }
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn an_answer_without_end_is_not_kept_in_memory() {
    let fake = Fake::start(Vendor::Segment).await;
    let long = Value::from("x".repeat(3 << 20));
    fake.fail_with(Fault::Answer(200, &[], long));
    assert_eq!(fake.sink("").write(&events(1)).await.unwrap(), []);
}
