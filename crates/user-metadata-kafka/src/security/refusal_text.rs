//! Finds refusals in the text of a client's error. rskafka turns the errors of its first connection
//! into text, and krafka those of rustls, so both are parsed the same way; the tests against a
//! broker pin the texts.

use std::error::Error;

use super::Refusal;
use crate::error::in_words;
use crate::{BoxError, KafkaOptions, SaslOptions};

impl KafkaOptions {
    /// The refusal in an error, if there is one.
    pub(crate) fn refusal(&self, error: &dyn Error) -> Option<Refusal> {
        let text = in_words(error);
        by_certificate(&text).or_else(|| by_password(&text, self.sasl()?))
    }

    /// Why the login failed, with a hint if the broker hangs up without saying why. That may also
    /// be an outage, so it is not a refusal.
    pub(crate) fn no_login(&self, error: BoxError) -> BoxError {
        // The last one is what TLS makes of plain text read as a length.
        const HANG_UPS: [&str; 4] = [
            "early eof",
            "handshake eof",
            "connection closed",
            "352518912",
        ];
        let text = in_words(&*error);
        if !HANG_UPS.iter().any(|words| text.contains(words)) {
            return error;
        }
        let question = match (self.tls(), self.sasl()) {
            (Some(_), Some(_)) => "does its port speak TLS?",
            (Some(_), None) => "does its port speak TLS, or want a password?",
            (None, Some(_)) => "does its port want TLS?",
            (None, None) => "does its port want TLS, or a password?",
        };
        format!("the broker hangs up before the login: {question} ({text})").into()
    }
}

fn by_certificate(text: &str) -> Option<Refusal> {
    let after = |words: &str| text.split_once(words).map(|(_, rest)| rest.to_owned());
    if let Some(problem) = after("invalid peer certificate: ") {
        return Some(Refusal::BrokerCertificate(problem));
    }
    let alert = after("received fatal alert: ")?;
    let is_certificate = ["Certificate", "UnknownCA", "AccessDenied"];
    if is_certificate.iter().any(|words| alert.contains(words)) {
        return Some(Refusal::ClientCertificate(alert));
    }
    Some(Refusal::Tls(alert))
}

fn by_password(text: &str, sasl: &SaslOptions) -> Option<Refusal> {
    if text.contains("UnsupportedSaslMechanism") || text.contains("IllegalSaslState") {
        return Some(Refusal::Mechanism(sasl.mechanism()));
    }
    text.contains("SaslAuthenticationFailed")
        .then(|| Refusal::User {
            username: sasl.username().to_owned(),
            mechanism: sasl.mechanism(),
        })
}
