use super::SaslMechanism;

/// Why a broker and this process don't trust each other. It stays so until somebody changes the
/// configuration, a certificate or the cluster; what is fixed at the broker takes effect while this
/// process runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The broker does not know the user, or has another password for it.
    #[error("Kafka refuses the user `{username}` with {mechanism}: check its name and password")]
    User {
        /// The user.
        username: String,
        /// The SASL mechanism.
        mechanism: SaslMechanism,
    },
    /// The broker does not accept passwords, or not with this mechanism.
    #[error("the broker does not offer SASL {0} at this port: check the mechanism and the port")]
    Mechanism(SaslMechanism),
    /// The broker's certificate is not signed by a trusted authority, is for another host, or has
    /// expired.
    #[error("the broker's certificate is not trusted: {0}")]
    BrokerCertificate(String),
    /// The broker requires a client certificate, or another one.
    #[error("the broker refuses the client certificate, or misses one: {0}")]
    ClientCertificate(String),
    /// The two have no TLS version or cipher suite in common.
    #[error("the broker and this process don't speak the same TLS: {0}")]
    Tls(String),
}
