use std::error::Error;

/// The error and its causes in one line.
pub(crate) fn in_words(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let mut words: Vec<String> = causes.map(ToString::to_string).collect();
    // Some errors quote their cause.
    words.dedup_by(|cause, error| error.ends_with(&**cause));
    words.join(": ")
}
