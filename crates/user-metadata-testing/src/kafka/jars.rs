use crate::jars::Jars;
use crate::missing::Missing;

/// Kafka's version, as `kafka/pom.xml` has it.
const VERSION: &str = "4.1.0";

/// Kafka's programs.
pub(super) fn find() -> Result<Jars, Missing> {
    Jars::find("kafka", VERSION)
}
