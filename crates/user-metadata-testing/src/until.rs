use std::time::{Duration, Instant};

/// Polls until there is an answer, and panics if there is none within `limit`.
///
/// ```
/// use std::time::Duration;
/// let mut asked = 0;
/// let answer = user_metadata_testing::until("three questions", Duration::from_secs(1), || {
///     asked += 1;
///     (asked == 3).then_some(asked)
/// });
/// assert_eq!(answer, 3);
/// ```
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that waits for a condition nobody announces"
)]
pub fn until<T>(what: &str, limit: Duration, mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
