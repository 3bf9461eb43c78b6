use std::sync::OnceLock;

use super::Broker;
use crate::missing::Missing;

/// A broker for tests that only need their own topics: that of `KAFKA_BROKERS`, else one that all
/// tests of this process share. Nobody may stop it.
///
/// # Errors
///
/// As [`Broker::start`].
pub fn shared() -> Result<String, Missing> {
    static OWN: OnceLock<Result<Broker, Missing>> = OnceLock::new();
    match std::env::var("KAFKA_BROKERS") {
        Ok(brokers) if !brokers.is_empty() => Ok(brokers),
        _ => {
            let own = OWN.get_or_init(Broker::start);
            own.as_ref().map(Broker::address).map_err(Clone::clone)
        }
    }
}
