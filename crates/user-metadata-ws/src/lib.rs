#![doc = include_str!("../README.md")]

mod clock;
mod end;
mod endpoint;
mod limits;
mod metrics;
mod options;
mod origin;
mod pages;
mod protocol;
mod readiness;
mod server;
mod session;
mod shared;
mod upgrade;

pub use options::ServerOptions;
pub use origin::{Origin, ParseOriginError};
pub use readiness::{Readiness, ServerStatus};
pub use server::{Drained, Server};
