use std::time::{Duration, Instant};

use user_metadata_testing::load::Client;
use user_metadata_testing::process::{MetadataConsumer, WsServer};
use user_metadata_testing::{Scratch, until};

use crate::Failure;
use crate::backlog::{any_record, fill};
use crate::cpu::cpu_time;
use crate::verdict::Verdict;

const EVENTS: u32 = 500_000;
/// Options of the sink, and how many events per second must be stored with them.
const FLOORS: [(&str, f64); 2] = [("?users=off", 80_000.0), ("", 40_000.0)];
const WRITTEN: &str = "user_metadata_sink_written_total";

/// Prints how fast the consumer processes a backlog into SQLite, without and with the table of users.
pub(crate) async fn measure(verdict: &mut Verdict) -> Result<(), Failure> {
    let scratch = Scratch::new("bench-storing");
    let (seen, data) = (scratch.file("seen"), scratch.file("data"));
    let server = WsServer::start(&["--data-dir", &seen]);
    let mut client = Client::connect(server.listen().address(), &[]).await?;
    client.join("user-123", "John").await?;
    drop(server.running.stop());
    fill(data.as_ref(), &any_record(seen.as_ref())?, EVENTS)?;

    for (options, floor) in FLOORS {
        let file = scratch.file(if options.is_empty() {
            "users"
        } else {
            "events"
        });
        store(&data, &format!("sqlite:{file}{options}"), floor, verdict)?;
    }
    Ok(())
}

fn store(data: &str, sink: &str, floor: f64, verdict: &mut Verdict) -> Result<(), Failure> {
    // A group of its own, which reads from the start.
    let group = format!("bench-{floor}");
    let flags = ["--data-dir", data, "--sink", sink, "--group", &group];
    let consumer = MetadataConsumer::start(&flags);
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
    let what = if sink.ends_with("off") {
        "alone"
    } else {
        "with the table of users"
    };
    verdict.check(
        format_args!(
            "events into SQLite, {what}: {rate:.0} per second, {cpu:.1} µs of processor time each"
        ),
        &format!("at least {floor}"),
        rate >= floor,
    );
    Ok(())
}

/// The counter's value in Prometheus text; 0 if it is not there.
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
