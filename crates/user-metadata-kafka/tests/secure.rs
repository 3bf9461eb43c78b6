//! TLS and SASL against a broker that requires them.
#![cfg(all(feature = "consume", feature = "produce"))]
#![allow(clippy::unwrap_used)] // helpers

mod support;

use std::error::Error;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use support::{LONG, insist, record, topic, until, within};
use user_metadata_kafka::{
    Compression, ConnectError, ConsumeError, GroupConsumer, GroupEvent, GroupOptions, KafkaOptions,
    OptionsError, ProduceError, Producer, Refusal, SaslMechanism, SaslOptions, Secret, TlsOptions,
    TopicSpec,
};
use user_metadata_testing::kafka::{Authority, Listener, SecureBroker};
use user_metadata_testing::{Missing, require};

/// For tests that change nothing.
fn shared() -> Result<&'static SecureBroker, Missing> {
    static SHARED: OnceLock<Result<SecureBroker, Missing>> = OnceLock::new();
    SHARED
        .get_or_init(SecureBroker::start)
        .as_ref()
        .map_err(Clone::clone)
}

fn options(broker: &SecureBroker, listener: Listener) -> KafkaOptions {
    KafkaOptions::new([broker.address(listener)]).unwrap()
}

fn trusting(authority: &Authority) -> TlsOptions {
    TlsOptions::with_ca(std::fs::read(authority.ca_file()).unwrap()).unwrap()
}

fn sasl(mechanism: SaslMechanism, password: &str) -> SaslOptions {
    SaslOptions::new(mechanism, SecureBroker::USER, Secret::new(password)).unwrap()
}

fn group(topic: &TopicSpec) -> GroupOptions {
    GroupOptions::new(topic.name(), topic.name()).unwrap()
}

async fn first_value(consumer: &mut GroupConsumer) -> Vec<u8> {
    within(LONG, async {
        loop {
            if let GroupEvent::Records(records) = consumer.next().await.unwrap() {
                return records[0].record.value.clone().unwrap().into();
            }
        }
    })
    .await
}

/// A record is produced and comes back through a group.
async fn goes_and_comes(options: &KafkaOptions, name: &str) {
    let topic = topic(name, 2);
    let producer = Producer::connect(options, &topic).await.unwrap();
    insist(&producer, 1, &[record("key", name)]).await;
    let mut consumer = GroupConsumer::join(options, group(&topic)).await.unwrap();
    assert_eq!(first_value(&mut consumer).await, name.as_bytes());
    consumer.close().await.unwrap();
}

/// What both sides report when they are refused.
async fn refused(options: &KafkaOptions) -> Refusal {
    let options = options.clone().with_refusal_pause(Duration::ZERO);
    let topic = topic("refused", 1);
    let error = Producer::connect(&options, &topic).await.unwrap_err();
    let joined = GroupConsumer::join(&options, group(&topic)).await;
    let other = joined.unwrap_err();
    assert!(error.is_retriable() && other.is_retriable());
    match (error, other) {
        (ConnectError::Untrusted(producing), ConsumeError::Untrusted(consuming)) => {
            assert_eq!(
                std::mem::discriminant(&producing),
                std::mem::discriminant(&consuming)
            );
            producing
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_is_trusted_by_its_own_authority() {
    let broker = require!(shared());
    let tls = trusting(broker.authority());
    goes_and_comes(&options(broker, Listener::Tls).with_tls(tls), "own-ca").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_with_a_certificate_of_an_unknown_authority_is_not_trusted() {
    let broker = require!(shared());
    for tls in [
        trusting(&Authority::new()),
        TlsOptions::with_system_roots().unwrap(),
    ] {
        let refusal = refused(&options(broker, Listener::Tls).with_tls(tls)).await;
        assert_eq!(
            refusal.to_string(),
            "the broker's certificate is not trusted: UnknownIssuer"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_of_another_host_is_not_trusted() {
    let broker = require!(shared());
    let tls = trusting(broker.authority());
    let refusal = refused(&options(broker, Listener::OtherHost).with_tls(tls)).await;
    assert!(
        matches!(refusal, Refusal::BrokerCertificate(_)),
        "{refusal:?}"
    );
    assert!(refusal.to_string().contains("127.0.0.1"), "{refusal}");
    assert!(
        refusal.to_string().contains("kafka.example.org"),
        "{refusal}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_asks_for_a_client_certificate_gets_the_right_one_or_refuses() {
    let broker = require!(shared());
    let options = options(broker, Listener::Mutual);
    let with = |authority: &Authority| {
        let (certificate, key) = authority.sign("client", &[]);
        let key = Secret::new(std::fs::read_to_string(key).unwrap());
        let tls = trusting(broker.authority());
        tls.with_client_certificate(std::fs::read(certificate).unwrap(), key)
    };
    let known = with(broker.authority()).unwrap();
    goes_and_comes(&options.clone().with_tls(known), "mutual").await;
    for tls in [
        trusting(broker.authority()),
        with(&Authority::new()).unwrap(),
    ] {
        let refusal = refused(&options.clone().with_tls(tls)).await;
        assert!(
            matches!(refusal, Refusal::ClientCertificate(_)),
            "{refusal:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_let_in_by_each_mechanism_with_and_without_tls() {
    let broker = require!(shared());
    for mechanism in [
        SaslMechanism::Plain,
        SaslMechanism::ScramSha256,
        SaslMechanism::ScramSha512,
    ] {
        let sasl = sasl(mechanism, SecureBroker::PASSWORD);
        let name = mechanism.to_string();
        goes_and_comes(
            &options(broker, Listener::Sasl).with_sasl(sasl.clone()),
            &name,
        )
        .await;
        let tls = trusting(broker.authority());
        let secure = options(broker, Listener::SaslTls)
            .with_tls(tls)
            .with_sasl(sasl);
        goes_and_comes(&secure, &name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_refused_with_the_users_name_and_without_the_password() {
    let broker = require!(shared());
    for mechanism in [
        SaslMechanism::Plain,
        SaslMechanism::ScramSha256,
        SaslMechanism::ScramSha512,
    ] {
        let wrong = options(broker, Listener::Sasl).with_sasl(sasl(mechanism, "s3cret"));
        let refusal = refused(&wrong).await;
        assert_eq!(
            refusal.to_string(),
            format!("Kafka refuses the user `app` with {mechanism}: check its name and password")
        );
        assert!(!format!("{wrong:?}").contains("s3cret"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_expects_something_else_is_recognized() {
    let broker = require!(shared());
    let scram = sasl(SaslMechanism::ScramSha256, SecureBroker::PASSWORD);
    let refusal = refused(
        &options(broker, Listener::Tls)
            .with_tls(trusting(broker.authority()))
            .with_sasl(scram),
    )
    .await;
    assert!(matches!(refusal, Refusal::Mechanism(_)), "{refusal:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_hangs_up_adds_a_hint() {
    let broker = require!(shared());
    let tls = || trusting(broker.authority());
    let scram = sasl(SaslMechanism::ScramSha256, SecureBroker::PASSWORD);
    for (options, question) in [
        (
            options(broker, Listener::Sasl)
                .with_tls(tls())
                .with_sasl(scram),
            "does its port speak TLS?",
        ),
        (
            options(broker, Listener::Sasl).with_tls(tls()),
            "does its port speak TLS, or want a password?",
        ),
        (
            options(broker, Listener::SaslTls).with_tls(tls()),
            "does its port speak TLS, or want a password?",
        ),
        (
            options(broker, Listener::Tls),
            "does its port want TLS, or a password?",
        ),
        (
            options(broker, Listener::Sasl),
            "does its port want TLS, or a password?",
        ),
    ] {
        let topic = topic("hangs-up", 1);
        let producing = Producer::connect(&options, &topic).await.unwrap_err();
        let consuming = GroupConsumer::join(&options, group(&topic)).await;
        for error in [&producing as &dyn Error, &consuming.unwrap_err()] {
            let cause = error.source().unwrap().to_string();
            assert!(cause.contains("hangs up before the login"), "{cause}");
            assert!(cause.contains(question), "{cause}");
        }
    }
}

#[test]
fn files_that_are_not_certificates_or_keys_are_refused_at_once() {
    let authority = Authority::new();
    let tls = trusting(&authority);
    let read = |path: String| std::fs::read_to_string(path).unwrap();
    let (certificate, key) = authority.sign("one", &[]);
    let (certificate, key) = (read(certificate), read(key));
    let (_, another) = authority.sign("another", &[]);
    let with = |certificate: &str, key: &str| {
        let tls = tls.clone();
        tls.with_client_certificate(certificate, Secret::new(key))
    };
    let options = with(&certificate, &key).unwrap();
    assert!(!format!("{options:?}").contains("PRIVATE"), "{options:?}");
    for wrong in ["", "no PEM", &key] {
        let ca = TlsOptions::with_ca(wrong);
        assert!(matches!(ca, Err(OptionsError::Ca(_))), "{ca:?}");
        let shown = with(wrong, &key);
        assert!(
            matches!(shown, Err(OptionsError::ClientCertificate(_))),
            "{shown:?}"
        );
    }
    for wrong in ["", "no PEM", &certificate, &read(another)] {
        let shown = with(&certificate, wrong);
        assert!(
            matches!(shown, Err(OptionsError::ClientKey(_))),
            "{shown:?}"
        );
    }
}

/// Short, so that the tests see several pauses; the bounds are those of the half that is never left
/// out.
const PAUSE: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_recovers_once_its_password_is_accepted_and_rarely_tries_before() {
    let broker = require!(SecureBroker::start());
    let options = options(&broker, Listener::Sasl)
        .with_refusal_pause(PAUSE)
        .with_sasl(sasl(SaslMechanism::ScramSha256, "the new one"));
    let topic = topic("made-right", 1);
    let start = Instant::now();
    let mut calls = 0;
    while broker.refused() < 3 {
        let refused = Producer::connect(&options, &topic).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Untrusted(_)), "{refused:?}");
        calls += 1;
        assert!(start.elapsed() < LONG);
    }
    assert!(calls > 100, "{calls} calls are no storm");
    assert!(start.elapsed() >= PAUSE, "two pauses of a half at least");
    broker
        .change_password("SCRAM-SHA-256", "the new one")
        .unwrap();
    let producer = until(async || Producer::connect(&options, &topic).await.ok()).await;
    insist(&producer, 0, &[record("key", "right")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_and_a_producer_outlive_a_password_that_was_wrong_for_a_while() {
    let mut broker = require!(SecureBroker::start());
    let tls = trusting(broker.authority());
    let options = options(&broker, Listener::SaslTls)
        .with_refusal_pause(PAUSE)
        .with_tls(tls)
        .with_sasl(sasl(SaslMechanism::ScramSha512, SecureBroker::PASSWORD));
    let topic = topic("outlived", 3);
    let producer = Producer::connect(&options, &topic).await.unwrap();
    insist(&producer, 0, &[record("key", "before")]).await;
    let mut consumer = GroupConsumer::join(&options, group(&topic)).await.unwrap();
    assert_eq!(first_value(&mut consumer).await, b"before");
    consumer.commit(&[(0, 1)]);

    broker.change_password("SCRAM-SHA-512", "another").unwrap();
    broker.broker().restart();
    let told = within(LONG, told_of_the_refusal(&mut consumer)).await;
    assert!(
        told.contains("refuses the user `app` with SCRAM-SHA-512"),
        "{told}"
    );
    let refused = |error| matches!(error, Err(ProduceError::Untrusted(_))).then_some(());
    let produce = async || {
        let batch = [record("key", "after")];
        refused(producer.produce(1, &batch, Compression::None).await)
    };
    until(produce).await;
    // krafka's own tasks may have retried until the member was notified; then the two share one
    // pause.
    let (since, knocks) = (Instant::now(), broker.refused());
    assert!(knocks <= 3, "{knocks}");
    while broker.refused() < knocks + 2 {
        produce().await.unwrap();
        assert!(since.elapsed() < LONG);
    }
    assert!(since.elapsed() >= PAUSE / 2, "{:?}", since.elapsed());

    broker
        .change_password("SCRAM-SHA-512", SecureBroker::PASSWORD)
        .unwrap();
    insist(&producer, 1, &[record("key", "after")]).await;
    assert_eq!(first_value(&mut consumer).await, b"after");
    consumer.close().await.unwrap();
}

/// The reason in the outage that a refusal causes; the partitions are lost with it.
async fn told_of_the_refusal(consumer: &mut GroupConsumer) -> String {
    let mut told = String::new();
    loop {
        match consumer.next().await.unwrap() {
            GroupEvent::Unavailable { reason } => told = reason,
            GroupEvent::Left => return told,
            GroupEvent::Records(records) => panic!("{records:?}"),
            _ => {}
        }
    }
}
