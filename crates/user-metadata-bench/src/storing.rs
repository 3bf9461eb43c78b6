use std::time::{Duration, Instant};

use user_metadata_testing::load::Client;
use user_metadata_testing::process::{MetadataConsumer, WsServer};
use user_metadata_testing::{Scratch, until};

use crate::Failure;
use crate::backlog::{any_record, fill};
use crate::cpu::cpu_time;
use crate::verdict::Verdict;

const EVENTS: u32 = 500_000;
/// Events a second that must be stored.
const FLOOR: f64 = 80_000.0;
const WRITTEN: &str = "user_metadata_sink_written_total";

/// Prints how fast the consumer works off a backlog into SQLite.
pub(crate) async fn measure(verdict: &mut Verdict) -> Result<(), Failure> {
    let scratch = Scratch::new("bench-storing");
    let (seen, data) = (scratch.file("seen"), scratch.file("data"));
    let server = WsServer::start(&["--data-dir", &seen]);
    let mut client = Client::connect(server.listen().address(), &[]).await?;
    client.join("user-123", "John").await?;
    drop(server.running.stop());
    fill(data.as_ref(), &any_record(seen.as_ref())?, EVENTS)?;

    let sink = format!("sqlite:{}", scratch.file("users.sqlite"));
    let consumer = MetadataConsumer::start(&["--data-dir", &data, "--sink", &sink]);
    let wait_for = |events: u32| {
        until("the consumer", Duration::from_secs(120), || {
            let written = written(&consumer.get("/metrics").body);
            (written >= f64::from(events)).then(|| (Instant::now(), written))
        })
    };
    let (start, already) = wait_for(1);
    let (end, written) = wait_for(EVENTS);
    let rate = (written - already) / (end - start).as_secs_f64();
    let cpu = cpu_time(consumer.running.pid())?.as_secs_f64() * 1e6 / written;
    verdict.check(
        format_args!("events into SQLite: {rate:.0} a second, {cpu:.1} µs of processor time each"),
        "at least 80,000",
        rate >= FLOOR,
    );
    Ok(())
}

/// The counter's value in Prometheus text; none is nought.
pub(crate) fn written(metrics: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with(WRITTEN));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_read_from_prometheus_text() {
        let text = "# TYPE user_metadata_sink_written_total counter\n\
            user_metadata_sink_written_total{sink=\"sqlite\"} 1000\nother 5\n";
        assert!((written(text) - 1_000.0).abs() < f64::EPSILON);
        assert!(written("").abs() < f64::EPSILON);
    }
}
