//! WebSocket clients that join: one that a test talks through, or thousands.

mod client;
mod percentile;
mod run;
mod steady;

pub use client::{Client, ClientError};
pub use percentile::percentile;
pub use run::{Join, Load, Report};
pub use steady::{SteadyJoins, SteadyLoad, TimedJoin};
