#![doc = include_str!("../README.md")]

mod codec;
mod connection;
mod encoded;
mod event;
mod id;
mod ip;
mod metadata;
mod partition;
mod record;
mod time;
mod trace;
mod user;

pub use codec::{DecodeError, EncodeError, MAX_EVENT_BYTES};
pub use connection::{ConnectionInfo, IpSource};
pub use encoded::EncodedEvent;
pub use event::UserMetadataEvent;
pub use id::{ClientId, EventId, ParseIdError};
pub use ip::ClientIp;
pub use metadata::{Agent, AgentDevice, AgentOs, Bot, ClientKind, Metadata, NameVersion, Screen};
pub use partition::partition_for_key;
pub use record::{EVENT_TYPE, Record};
pub use time::UnixMillis;
pub use trace::parse_traceparent;
pub use user::{FieldProblem, InvalidUser, User, forges_lines};

/// The topic that events are published to.
pub const TOPIC: &str = "user-metadata";

/// How many partitions the topic is created with.
pub const DEFAULT_PARTITIONS: std::num::NonZeroU32 = std::num::NonZeroU32::new(3).unwrap();
