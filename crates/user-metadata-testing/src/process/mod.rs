//! Programs under test: started, read from, stopped, killed, frozen, and ended with the test,
//! however that ends.

mod leash;
mod lines;
mod program;
mod restartable;
mod running;
mod service;

pub use lines::Lines;
pub use program::Program;
pub(crate) use restartable::Restartable;
pub use running::{Ended, Running};
pub use service::{MetadataConsumer, WsServer};
