//! WebSocket clients that join: one that a test talks through, or thousands.

mod client;
mod run;

pub use client::{Client, ClientError};
pub use run::{Join, Load, Report};
