//! WebSocket clients that join: a single one, or thousands.

mod client;
mod percentile;
mod run;
mod steady;

pub use client::{Client, ClientError};
pub use percentile::percentile;
pub use run::{Join, Load, Report};
pub use steady::{SteadyJoins, SteadyLoad, TimedJoin};
