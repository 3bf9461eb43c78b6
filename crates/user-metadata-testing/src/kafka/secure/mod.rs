//! A broker with TLS and authentication.

mod authority;
mod broker;

pub use authority::Authority;
pub use broker::{Listener, SecureBroker};
