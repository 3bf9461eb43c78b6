//! A word, and the version behind it.

use regex_automata::util::primitives::NonMaxUsize;

use super::expression::Slot;

/// A word in lower case. It matches in any case where no letter or digit is next to it.
#[derive(Debug)]
pub(super) struct Word(pub(super) Box<str>);

impl Word {
    /// Whether it is in the text. Its one group is the version that follows: that of `Name/1.2`,
    /// `Name 1.2` or `Name v1.2`.
    pub(super) fn search(&self, text: &str, slots: &mut [Slot]) -> bool {
        let text = text.as_bytes();
        let word = self.0.as_bytes();
        let mut places = text
            .windows(word.len())
            .enumerate()
            .filter(|(start, part)| {
                let before = start.checked_sub(1).map(|before| text[before]);
                let behind = text.get(start + word.len()).copied();
                part.eq_ignore_ascii_case(word)
                    && !(touch(before, word.first().copied())
                        || touch(word.last().copied(), behind))
            });
        let Some((start, _)) = places.next() else {
            return false;
        };
        let end = start + word.len();
        let version = version(&text[end..]).map(|(from, to)| (end + from, end + to));
        let found = [Some((start, end)), version];
        for (pair, found) in slots.chunks_exact_mut(2).zip(found) {
            pair[0] = found.and_then(|(start, _)| NonMaxUsize::new(start));
            pair[1] = found.and_then(|(_, end)| NonMaxUsize::new(end));
        }
        true
    }
}

/// Whether two adjacent bytes belong to one word.
fn touch(one: Option<u8>, other: Option<u8>) -> bool {
    let is_of_word = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    is_of_word(one) && is_of_word(other)
}

/// The version's position in the text behind a name.
fn version(behind: &[u8]) -> Option<(usize, usize)> {
    let mut start = usize::from(matches!(behind.first(), Some(b'/' | b' ' | b'-')));
    start += usize::from(matches!(behind.get(start), Some(b'v' | b'V')));
    let is_of_version = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let length = behind[start..]
        .iter()
        .take_while(|byte| is_of_version(byte))
        .count();
    let number = &behind[start..start + length];
    let dots = number
        .iter()
        .rev()
        .take_while(|byte| **byte == b'.')
        .count();
    let end = start + length - dots;
    behind[start..end]
        .first()
        .filter(|byte| byte.is_ascii_digit())?;
    Some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version; `-` without one.
    fn found(word: &str, text: &str) -> Option<String> {
        let mut slots = [None; 4];
        let is_found = Word(word.into()).search(text, &mut slots);
        let version = slots[2].zip(slots[3]);
        let version = version.map_or("-", |(start, end)| &text[start.get()..end.get()]);
        is_found.then(|| version.to_owned())
    }

    #[test]
    fn a_word_stands_alone_in_any_case_with_its_version() {
        for (text, version) in [
            ("FooBot/2.1", "2.1"),
            ("(compatible; foobot v3; +http://x)", "3"),
            ("x-FOOBOT 1.2.", "1.2"),
            ("FooBots FooBot-x", "-"),
            ("FooBot", "-"),
            ("FooBot/", "-"),
            ("FooBot/.5", "-"),
        ] {
            assert_eq!(found("foobot", text).as_deref(), Some(version), "{text}");
        }
        assert_eq!(found("foo/", "Foo/9").as_deref(), Some("9"));
        for text in ["", "foobo", "FooBots", "myfoobot", "foobot2"] {
            assert_eq!(found("foobot", text), None, "{text}");
        }
    }
}
