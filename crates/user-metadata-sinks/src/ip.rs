use std::str::FromStr;

use user_metadata_consumer::{Delivery, Rejection, Sink, SinkError};
use user_metadata_events::{ClientIp, Record};

/// How much of a client's address a sink gets, if the event still has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum IpPrivacy {
    /// All of it.
    #[default]
    Full,
    /// The network: the host bits are zero, `/24` for IPv4 and `/48` for IPv6. A keyed hash stays,
    /// since it does not reveal the address; any other text that is not an address is removed.
    Truncate,
    /// Nothing.
    None,
}

impl IpPrivacy {
    /// What a sink gets of `ip`.
    ///
    /// ```
    /// use user_metadata_sinks::IpPrivacy;
    /// let kept = IpPrivacy::Truncate.apply("203.0.113.77".into());
    /// assert_eq!(kept.unwrap().to_string(), "203.0.113.0");
    /// ```
    #[must_use]
    pub fn apply(self, ip: ClientIp) -> Option<ClientIp> {
        match (self, ip) {
            (Self::Full, ip) => Some(ip),
            (Self::Truncate, ClientIp::Address(address)) => Some(ClientIp::network(address)),
            (Self::Truncate, ClientIp::Pseudonym(text)) => {
                is_keyed_hash(&text).then_some(ClientIp::Pseudonym(text))
            }
            (Self::None, _) => None,
        }
    }

    fn apply_to(self, delivery: &Delivery) -> Delivery {
        let mut event = delivery.event.clone();
        event.metadata.ip = event.metadata.ip.and_then(|ip| self.apply(ip));
        let connection = &mut event.connection_info;
        connection.ip_address = connection.ip_address.take().and_then(|ip| self.apply(ip));
        let record = Record {
            key: delivery.record.key.clone(),
            // It holds the address.
            value: None,
            headers: delivery.record.headers.clone(),
            timestamp: delivery.record.timestamp,
        };
        let mut changed = Delivery::new(event, record, delivery.position.clone());
        changed.replayed_from = delivery.replayed_from;
        changed
    }
}

/// The text is not an [`IpPrivacy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `full`, `truncate` or `none`")]
#[non_exhaustive]
pub struct ParseIpPrivacyError;

/// As in a sink's URL: `full`, `truncate` or `none`.
impl FromStr for IpPrivacy {
    type Err = ParseIpPrivacyError;

    fn from_str(text: &str) -> Result<Self, ParseIpPrivacyError> {
        match text {
            "full" => Ok(Self::Full),
            "truncate" => Ok(Self::Truncate),
            "none" => Ok(Self::None),
            _ => Err(ParseIpPrivacyError),
        }
    }
}

/// 32 hexadecimal digits, as the capturing side writes a hash. Anything else may be an address
/// that does not parse, such as one with a port or a zone.
pub(crate) fn is_keyed_hash(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A sink that gets only a part of the addresses.
///
/// Except with [`IpPrivacy::Full`], its records have no raw value, since that holds the address: a
/// sink that wants JSON serializes the event.
#[derive(Debug)]
pub struct IpFilter<S> {
    privacy: IpPrivacy,
    sink: S,
}

impl<S> IpFilter<S> {
    /// Puts `privacy` in front of `sink`.
    #[must_use]
    pub const fn new(privacy: IpPrivacy, sink: S) -> Self {
        Self { privacy, sink }
    }
}

impl<S: Sink> Sink for IpFilter<S> {
    async fn prepare(&mut self) -> Result<(), SinkError> {
        self.sink.prepare().await
    }

    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        if self.privacy == IpPrivacy::Full {
            return self.sink.write(batch).await;
        }
        let filtered: Vec<_> = batch.iter().map(|d| self.privacy.apply_to(d)).collect();
        self.sink.write(&filtered).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(privacy: IpPrivacy, ip: &str) -> Option<String> {
        privacy.apply(ip.into()).map(|ip| ip.to_string())
    }

    #[test]
    fn truncate_keeps_a_keyed_hash_and_no_other_text() {
        let hash = "8f434346648f6b96df89dda901c5176b";
        assert_eq!(kept(IpPrivacy::Truncate, hash).unwrap(), hash);
        for text in ["203.0.113.7:80", "fe80::1%eth0", "unknown", "", &hash[1..]] {
            assert_eq!(kept(IpPrivacy::Truncate, text), None, "{text}");
        }
    }

    #[test]
    fn full_keeps_everything_and_none_nothing() {
        for text in ["203.0.113.7", "2001:db8::1", "unknown"] {
            assert_eq!(kept(IpPrivacy::Full, text).unwrap(), text);
            assert_eq!(kept(IpPrivacy::None, text), None);
        }
    }
}
