use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tokio::time::{MissedTickBehavior, interval};
use tracing::info;
use user_metadata_consumer::ReplayProgress;

use crate::screen::Screen;

/// How often the terminal and the log are updated.
const DRAW_EVERY: Duration = Duration::from_millis(100);
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Does `work` and shows its progress: a bar on a terminal, or lines of the log.
pub(crate) async fn shown<F: Future>(
    progress: &ReplayProgress,
    screen: &Screen,
    work: F,
) -> F::Output {
    let begun = Instant::now();
    let bar = bar(progress.total());
    let output = if screen.show(&bar) {
        let output = meanwhile(DRAW_EVERY, || bar.set_position(progress.done()), work).await;
        bar.set_position(progress.done());
        screen.leave();
        output
    } else {
        let log = || {
            info!(
                "{}",
                line(progress.done(), progress.total(), begun.elapsed())
            )
        };
        meanwhile(LOG_EVERY, log, work).await
    };
    info!(
        "{}",
        line(progress.done(), progress.total(), begun.elapsed())
    );
    output
}

async fn meanwhile<F: Future>(every: Duration, mut look: impl FnMut(), work: F) -> F::Output {
    let mut work = std::pin::pin!(work);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is immediate, when there is no progress yet.
    ticks.tick().await;
    loop {
        tokio::select! {
            biased;
            output = &mut work => return output,
            _ = ticks.tick() => look(),
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    let template = "{wide_bar} {percent:>3} % {human_pos}/{human_len} {rate}/s, {eta} left";
    let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
        // Writing to the bar's string does not fail.
        write!(text, "{}", HumanCount(state.per_sec() as u64)).unwrap_or_default();
    };
    // The template is a constant, so it is valid.
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.with_key("rate", rate));
    bar
}

/// `25 %: 12000 of 48000 records, 3000/s, 12s left`.
fn line(done: u64, total: u64, elapsed: Duration) -> String {
    let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
    let per_second = done as f64 / elapsed.as_secs_f64().max(0.001);
    let mut line = format!("{percent} %: {done} of {total} records, {per_second:.0}/s");
    if done < total {
        if done > 0 {
            let left = Duration::from_secs(((total - done) as f64 / per_second).ceil() as u64);
            line.push_str(&format!(", {} left", humantime::format_duration(left)));
        }
    } else {
        let took = Duration::from_secs(elapsed.as_secs_f64().round() as u64);
        line.push_str(&format!(", done in {}", humantime::format_duration(took)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_count_share_rate_and_time_left() {
        let seconds = Duration::from_secs;
        for (done, total, elapsed, expected) in [
            (0, 48_000, 5, "0 %: 0 of 48000 records, 0/s"),
            (
                12_000,
                48_000,
                4,
                "25 %: 12000 of 48000 records, 3000/s, 12s left",
            ),
            (
                1,
                100_000,
                1,
                "0 %: 1 of 100000 records, 1/s, 1day 3h 46m 39s left",
            ),
            (
                48_000,
                48_000,
                16,
                "100 %: 48000 of 48000 records, 3000/s, done in 16s",
            ),
            (0, 0, 0, "100 %: 0 of 0 records, 0/s, done in 0s"),
        ] {
            assert_eq!(line(done, total, seconds(elapsed)), expected);
        }
    }
}
