//! The cause that an error of this crate wraps, whichever Kafka client it came from.

use std::error::Error;

/// The error of the Kafka client underneath.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The error and its causes in one line.
#[cfg(any(feature = "consume", feature = "produce"))]
pub(crate) fn in_words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some errors quote their cause.
        if !words.ends_with(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words
}
