use std::sync::LazyLock;

use super::Broker;
use crate::environment::variable;
use crate::missing::Missing;

/// A broker for tests that only need topics of their own: that of `KAFKA_BROKERS`, or else one that
/// all tests of this process share. Tests must not stop it.
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
