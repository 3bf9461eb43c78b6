//! A broker that speaks TLS and asks who one is.

mod authority;
mod broker;

pub use authority::Authority;
pub use broker::{Listener, SecureBroker};
