//! The MongoDB sink keeps what `Sink` promises.
#![cfg(feature = "mongodb")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use support::mongodb::{events, json};
use user_metadata_consumer::BoxError;
use user_metadata_consumer::conformance::{StoredEvent, Subject, check};
use user_metadata_events::UserMetadataEvent;
use user_metadata_sinks::{BuiltinSink, SinkUrl};
use user_metadata_testing::mongo::Server;
use user_metadata_testing::require;

struct Mongo(Server);

impl Subject for Mongo {
    type Sink = BuiltinSink;

    async fn open(&mut self) -> Result<BuiltinSink, BoxError> {
        Ok(self.0.url("conformance").parse::<SinkUrl>()?.open()?)
    }

    async fn stored(&mut self) -> Result<Vec<StoredEvent>, BoxError> {
        let documents = events(&self.0.url("conformance")).await;
        let events = documents.into_iter().map(|document| {
            let value = serde_json::to_vec(&json(document))?;
            Ok(UserMetadataEvent::decode(Some(&value))?.into())
        });
        events.collect()
    }

    async fn set_available(&mut self, available: bool) -> Result<bool, BoxError> {
        if available {
            self.0.thaw();
        } else {
            self.0.freeze();
        }
        Ok(true)
    }

    fn is_ordered(&self) -> bool {
        false
    }
}

#[test]
fn the_mongodb_sink_keeps_its_promise() {
    let server = require!(Server::start());
    let kept = move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(check(Mongo(server))).unwrap();
    };
    // Without optimisation the driver's calls under the kit's take more than a test's thread has.
    let thread = std::thread::Builder::new().stack_size(16 << 20);
    thread.spawn(kept).unwrap().join().unwrap();
}
