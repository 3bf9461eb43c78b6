//! Logging in, and again after a refusal: credentials that are refused may be accepted later.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use krafka::Kafka;
use krafka::auth::{AuthConfig, TlsConfig};
use tokio::time::Instant;

use super::classify::classify;
use super::consumer::connect;
use super::listener::Listener;
use super::member::Member;
use super::{ConsumeError, GroupEvent};
use crate::{KafkaOptions, Refusal, SaslMechanism};

/// Connects to a broker as the user that the options name.
pub(super) async fn log_in(kafka: &KafkaOptions) -> Result<Kafka, ConsumeError> {
    let login = async {
        let gate = kafka.gate();
        let permit = gate.acquire().await.map_err(ConsumeError::Untrusted)?;
        let client = Kafka::builder(permit.brokers(kafka.brokers()).join(","))
            .client_id(kafka.client_id())
            .security(security(kafka))
            .request_timeout(kafka.request_timeout())
            // krafka rejects a connect timeout that is longer than the request timeout.
            .connect_timeout(kafka.connect_timeout().min(kafka.request_timeout()))
            .metadata_max_age(kafka.metadata_max_age())
            .connect()
            .await
            .map_err(classify);
        let error = client.as_ref().err();
        let refusal = permit.finish(kafka, error.map(|error| error as &dyn Error));
        match (client, refusal) {
            (_, Some(refusal)) => Err(ConsumeError::Untrusted(refusal)),
            (Err(ConsumeError::Unavailable(cause)), None) => {
                Err(ConsumeError::Unavailable(kafka.no_login(cause)))
            }
            (client, None) => client,
        }
    };
    let limit = kafka.connect_timeout();
    let in_time = tokio::time::timeout(limit, login).await;
    in_time.unwrap_or(Err(ConsumeError::Timeout(limit)))
}

fn security(kafka: &KafkaOptions) -> AuthConfig {
    let auth = kafka.sasl().map_or_else(AuthConfig::plaintext, |sasl| {
        let with = match sasl.mechanism() {
            SaslMechanism::Plain => AuthConfig::sasl_plain,
            SaslMechanism::ScramSha256 => AuthConfig::sasl_scram_sha256,
            SaslMechanism::ScramSha512 => AuthConfig::sasl_scram_sha512,
        };
        with(sasl.username(), sasl.password())
    });
    let Some(tls) = kafka.tls() else {
        return auth;
    };
    let mut config = TlsConfig::new().with_ca_cert_pem(tls.roots());
    if let Some(identity) = tls.identity() {
        let key = identity.key.reveal().as_bytes().to_vec();
        config = config.with_client_cert_pem(identity.certificates.as_slice(), key);
    }
    auth.with_tls(config)
}

impl Member {
    /// Drops everything and rejoins once Kafka and this process trust each other again.
    ///
    /// # Errors
    ///
    /// The caller is gone, or was notified that nothing more will come.
    pub(super) async fn log_in_again(mut self, refusal: Refusal) -> Result<Self, ConsumeError> {
        let pause = self.kafka.refusal_pause();
        self.kafka.gate().refused(&refusal, pause).await;
        let error = ConsumeError::Untrusted(refusal);
        if self.incident.begin_refusal() {
            self.report_outage(&error);
        }
        self.reconnect(error).await
    }

    /// Drops everything and rejoins with a new krafka consumer, since krafka does not: another
    /// member uses the instance id, or the group accepts no commits from this one.
    ///
    /// # Errors
    ///
    /// As [`log_in_again`](Self::log_in_again).
    pub(super) async fn reconnect_as_new_member(
        mut self,
        error: ConsumeError,
    ) -> Result<Self, ConsumeError> {
        self.begin_incident(&error);
        self.awaits_group = true;
        self.reconnect(error).await
    }

    /// Connects again after `error`.
    pub(super) async fn reconnect(mut self, mut error: ConsumeError) -> Result<Self, ConsumeError> {
        // The group assigns the partitions to others.
        self.commits.announce(&BTreeSet::new());
        self.event(GroupEvent::Left);
        // krafka's own tasks would keep retrying at the rate of an outage.
        drop(self.consumer);
        loop {
            let wait = self.incident.failed();
            if !self.queue.keep_up_for(wait).await {
                return Err(error);
            }
            let listener = Listener::new(
                Arc::clone(&self.queue),
                self.commits.clone(),
                self.options.handover_timeout(),
            );
            error = match connect(&self.kafka, &self.options, listener).await {
                Ok(consumer) => {
                    self.consumer = Arc::new(consumer);
                    self.subscribed = None;
                    self.paused = false;
                    self.check_at = Instant::now();
                    self.list_at = Instant::now();
                    return Ok(self);
                }
                Err(error) if error.is_retriable() => error,
                Err(error) => {
                    self.queue.fail(error).await;
                    return Err(ConsumeError::Ended);
                }
            };
        }
    }
}
