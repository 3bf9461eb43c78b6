//! A custom sink: a CSV file of who joined with which device, read from the embedded log in `./data`.
//!
//! `cargo run -p user-metadata-consumer --example own_sink`, while a ws-server is running; Ctrl-C ends it.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;

use tokio_util::sync::CancellationToken;
use user_metadata_consumer::{Consumer, Delivery, Rejection, Sink, SinkError};

struct Csv(File);

impl Sink for Csv {
    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        let (mut lines, mut rejections) = (String::new(), Vec::new());
        for (index, Delivery { event, .. }) in batch.iter().enumerate() {
            if event.user_id.contains([',', '"']) {
                // It becomes a dead letter; the others are stored.
                rejections.push(Rejection::new(index, "a user id that CSV has to quote"));
                continue;
            }
            let device = event.metadata.device.as_deref().unwrap_or("unknown");
            let line = format_args!(
                "{},{},{},{device}",
                event.id, event.timestamp, event.user_id
            );
            writeln!(lines, "{line}").map_err(SinkError::fatal)?;
        }
        // `Ok` means stored durably. After `Unavailable` the same batch comes again.
        self.0
            .write_all(lines.as_bytes())
            .and_then(|()| self.0.sync_data())
            .map_err(SinkError::unavailable)?;
        Ok(rejections)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open("joins.csv")?;
    let stop = CancellationToken::new();
    let at_ctrl_c = stop.clone();
    tokio::spawn(async move {
        drop(tokio::signal::ctrl_c().await);
        at_ctrl_c.cancel();
    });
    Consumer::builder()
        .log("./data")
        .sink("csv", Csv(file))
        .run(stop)
        .await?;
    Ok(())
}
