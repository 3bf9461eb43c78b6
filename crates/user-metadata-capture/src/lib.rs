#![doc = include_str!("../README.md")]

mod agent;
mod capture;
mod cidr;
mod client_ip;
mod context;
#[cfg(feature = "axum")]
mod extractor;
mod forwarded;
mod join;
#[cfg(feature = "tower")]
mod layer;
mod metrics;
mod privacy;
mod text;
mod trace;

pub use capture::{Capture, CaptureOptions};
pub use cidr::{Cidr, ParseCidrError};
pub use client_ip::{ClientIpHeader, ClientIpOptions};
pub use context::ConnectionContext;
#[cfg(feature = "axum")]
pub use extractor::NoConnectionContext;
pub use join::{InvalidJoin, Join, JoinError};
#[cfg(feature = "tower")]
pub use layer::{CaptureLayer, CaptureService};
pub use privacy::{HashKey, HashKeyError, IpPrivacy};

// Types of other crates in this crate's signatures, so that one `use` is enough.
pub use user_metadata_events::{
    ClientId, ClientIp, EventId, IpSource, Metadata, Screen, UnixMillis, User, UserMetadataEvent,
};
pub use user_metadata_ua::{CacheOptions, ClientHints, Parser};
