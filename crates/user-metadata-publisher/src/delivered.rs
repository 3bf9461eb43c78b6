use std::fmt;

use tracing::info;

use user_metadata_events::{EncodedEvent, forges_lines};

/// The target of the one line per acknowledged event, so that it can be turned off.
const TARGET: &str = "user_metadata::delivered";

/// Logs that the event got `offset` in `partition`.
pub(crate) fn log(event: &EncodedEvent, partition: u32, offset: u64) {
    info!(
        target: TARGET,
        event_id = %event.id(),
        partition,
        offset,
        "📊 Published user metadata for {} ({})",
        Escaped(event.username()),
        Escaped(&String::from_utf8_lossy(event.key())),
    );
}

/// Text that can neither forge nor reorder a line of a log: characters that could are written as
/// `\u{…}`.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(forges_lines) {
            match part.char_indices().next_back() {
                Some((start, last)) if forges_lines(last) => {
                    write!(f, "{}{}", &part[..start], last.escape_unicode())?;
                }
                _ => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_forge_lines_are_escaped_and_no_others() {
        assert_eq!(Escaped("Ĵöhn \"J\" 👩‍👩‍👧").to_string(), "Ĵöhn \"J\" 👩‍👩‍👧");
        assert_eq!(
            Escaped("a\nb\u{1b}[2J\u{202e}").to_string(),
            "a\\u{a}b\\u{1b}[2J\\u{202e}"
        );
    }
}
