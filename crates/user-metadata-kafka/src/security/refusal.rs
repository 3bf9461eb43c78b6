use super::SaslMechanism;

/// Why a broker and this process don't trust each other. It stays so until somebody changes a
/// flag, a certificate or the cluster, and may be mended at the broker while this process runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The broker does not know the user, or another password.
    #[error("Kafka refuses the user `{username}` with {mechanism}: check its name and password")]
    User {
        /// The user.
        username: String,
        /// How the password was proved.
        mechanism: SaslMechanism,
    },
    /// The broker takes no password, or not this way.
    #[error("the broker does not offer SASL {0} at this port: check the mechanism and the port")]
    Mechanism(SaslMechanism),
    /// The broker's certificate is signed by nobody trusted, is for another host, or is over.
    #[error("the broker's certificate is not trusted: {0}")]
    BrokerCertificate(String),
    /// The broker wants a client certificate, or another one.
    #[error("the broker refuses the client certificate, or misses one: {0}")]
    ClientCertificate(String),
    /// The two have no version of TLS in common, or no way to encrypt.
    #[error("the broker and this process don't speak the same TLS: {0}")]
    Tls(String),
}
