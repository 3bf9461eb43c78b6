use std::sync::LazyLock;

use super::Broker;
use crate::environment::variable;
use crate::missing::Missing;

/// A broker for tests that only need their own topics: that of `KAFKA_BROKERS`, else one that all
/// tests of this process share. Nobody may stop it.
///
/// # Errors
///
/// As [`Broker::start`].
pub fn shared() -> Result<String, Missing> {
    static OWN: LazyLock<Result<Broker, Missing>> = LazyLock::new(Broker::start);
    match variable("KAFKA_BROKERS") {
        Some(brokers) => Ok(brokers),
        None => OWN.as_ref().map(Broker::address).map_err(Clone::clone),
    }
}
