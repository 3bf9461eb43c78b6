//! Checks that a sink keeps the promises of [`Sink`]. Any sink can run them in its tests.
//!
//! The author implements how to open the sink and how to read back what its target holds; [`check`]
//! then drives it with the consumer's own pipeline through what happens in production: batches of
//! one and of a thousand, text and events at their limits, bad events among good ones, lost
//! acknowledgements, writes that are cancelled, crashes, a target that is slow or unavailable for a
//! while.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use user_metadata_consumer::conformance::{StoredEvent, Subject, check};
//! use user_metadata_consumer::{BoxError, Delivery, Rejection, Sink, SinkError};
//! use user_metadata_events::UserMetadataEvent;
//!
//! #[derive(Clone, Default)]
//! struct Memory(Arc<Mutex<Vec<UserMetadataEvent>>>);
//!
//! impl Sink for Memory {
//!     async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
//!         let mut stored = self.0.lock().unwrap();
//!         for Delivery { event, .. } in batch {
//!             if stored.iter().all(|other| other.id != event.id) {
//!                 stored.push(event.clone());
//!             }
//!         }
//!         Ok(Vec::new())
//!     }
//! }
//!
//! struct MemorySubject(Memory);
//!
//! impl Subject for MemorySubject {
//!     type Sink = Memory;
//!
//!     async fn open(&mut self) -> Result<Memory, BoxError> {
//!         Ok(self.0.clone())
//!     }
//!
//!     async fn stored(&mut self) -> Result<Vec<StoredEvent>, BoxError> {
//!         let stored = self.0.0.lock().unwrap();
//!         Ok(stored.iter().cloned().map(StoredEvent::from).collect())
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
//! # runtime.block_on(async {
//! check(MemorySubject(Memory::default())).await.unwrap();
//! # });
//! ```

mod cases;
mod compare;
mod events;
mod hard_cases;
mod probe;
mod stage;
mod subject;
mod violation;

pub use cases::check;
pub use subject::{StoredEvent, Subject};
pub use violation::{Fault, Violation};

#[cfg(doc)]
use crate::Sink;
