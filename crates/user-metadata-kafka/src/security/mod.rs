//! TLS, SASL, and what happens when one side does not trust the other.

#[cfg(any(feature = "consume", feature = "produce"))]
mod gate;
mod refusal;
#[cfg(any(feature = "consume", feature = "produce"))]
mod refusal_text;
mod sasl;
mod secret;
mod tls;
#[cfg(any(feature = "consume", feature = "produce"))]
mod trust;

#[cfg(any(feature = "consume", feature = "produce"))]
pub(crate) use gate::Gate;
pub use refusal::Refusal;
pub use sasl::{SaslMechanism, SaslOptions};
pub use secret::Secret;
pub use tls::TlsOptions;
#[cfg(feature = "produce")]
pub(crate) use trust::client_config;
