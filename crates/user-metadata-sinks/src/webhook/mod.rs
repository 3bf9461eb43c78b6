//! Signed batches to a service of one's own, and how that service verifies them.
//!
//! Signatures are those of [Standard Webhooks](https://www.standardwebhooks.com/), for which there
//! are verifiers in most languages; [`verify`] is the one for Rust, and needs neither the client
//! nor TLS (feature `webhook-verify`).

#[cfg(feature = "webhook")]
mod platform;
mod sign;
mod verify;

#[cfg(feature = "webhook")]
pub(crate) use platform::Webhook;
pub use verify::{VerifyError, verify};
