//! What a rule extracts from the text that its expression matches.

use std::borrow::Cow;

/// The most fields that a rule has: a name and four parts of a version.
pub(crate) const FIELDS: usize = 5;

/// A rule before it is compiled.
#[derive(Debug, Default)]
pub(crate) struct Rule<'a> {
    pub(crate) pattern: Cow<'a, str>,
    pub(crate) form: Form,
    pub(crate) fields: [Draft<'a>; FIELDS],
}

/// How a rule's pattern is to be read.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) enum Form {
    #[default]
    Regex,
    RegexIgnoringCase,
    Word,
}

/// A field before the number of groups is known.
#[derive(Debug, Default)]
pub(crate) struct Draft<'a> {
    /// Used if it is given and not blank. `$1` to `$9` are groups.
    pub(crate) text: Option<Cow<'a, str>>,
    /// Used otherwise, if there is such a group.
    pub(crate) group: Option<usize>,
}

/// A field of a compiled rule.
#[derive(Debug)]
pub(super) enum Field {
    Absent,
    Group(usize),
    Text(Box<str>),
    Template(Box<str>),
}

impl<'a> Draft<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self {
            text: Some(Cow::Borrowed(text)),
            group: None,
        }
    }

    pub(super) fn group(group: usize) -> Self {
        Self {
            text: None,
            group: Some(group),
        }
    }

    pub(super) fn compile(self, groups: usize) -> Result<Field, String> {
        let Some(text) = self.text.filter(|text| !text.trim().is_empty()) else {
            let group = self.group.filter(|group| *group <= groups);
            return Ok(group.map_or(Field::Absent, Field::Group));
        };
        match highest_reference(&text) {
            None => Ok(Field::Text(text.into())),
            Some(highest) if highest <= groups => Ok(Field::Template(text.into())),
            Some(highest) => Err(format!("`{text}` names group {highest} of {groups}")),
        }
    }
}

impl Field {
    /// The highest group that it reads.
    pub(super) fn highest_group(&self) -> usize {
        match self {
            Self::Absent | Self::Text(_) => 0,
            Self::Group(group) => *group,
            Self::Template(text) => highest_reference(text).unwrap_or(0),
        }
    }

    /// Its value; `None` if that is empty.
    pub(super) fn resolve<'a>(
        &'a self,
        group: impl Fn(usize) -> Option<&'a str>,
    ) -> Option<Cow<'a, str>> {
        let value = match self {
            Self::Absent => return None,
            Self::Group(number) => Cow::Borrowed(group(*number)?),
            Self::Text(text) => Cow::Borrowed(&**text),
            Self::Template(text) => {
                let mut value = String::with_capacity(text.len() + 16);
                for (before, number) in references(text) {
                    value += before;
                    value += number.and_then(&group).unwrap_or_default();
                }
                Cow::Owned(value.trim().to_owned())
            }
        };
        Some(value).filter(|value| !value.is_empty())
    }
}

fn highest_reference(text: &str) -> Option<usize> {
    references(text).filter_map(|(_, group)| group).max()
}

/// The text before each `$1` to `$9` with its number, then the text behind the last.
fn references(text: &str) -> impl Iterator<Item = (&str, Option<usize>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let reference = text
            .as_bytes()
            .windows(2)
            .position(|pair| pair[0] == b'$' && (b'1'..=b'9').contains(&pair[1]));
        let Some(start) = reference else {
            rest = None;
            return Some((text, None));
        };
        rest = Some(&text[start + 2..]);
        let number = text.as_bytes()[start + 1] - b'0';
        Some((&text[..start], Some(usize::from(number))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: Option<&'static str>, group: usize) -> Draft<'static> {
        Draft {
            text: text.map(Cow::Borrowed),
            group: Some(group),
        }
    }

    fn resolved(draft: Draft<'_>, groups: &[Option<&str>]) -> Option<String> {
        let field = draft.compile(groups.len()).unwrap();
        assert!(field.highest_group() <= groups.len());
        let group = |number: usize| groups[number - 1];
        field.resolve(group).map(Cow::into_owned)
    }

    #[test]
    fn a_field_is_its_text_or_else_its_group() {
        let groups = [Some("Chrome"), None, Some("")];
        assert_eq!(
            resolved(field(Some("Edge"), 1), &groups),
            Some("Edge".into())
        );
        assert_eq!(
            resolved(field(Some(" "), 1), &groups),
            Some("Chrome".into())
        );
        assert_eq!(resolved(field(None, 1), &groups), Some("Chrome".into()));
        for (text, group) in [(None, 2), (None, 3), (None, 4), (Some("$2$3 "), 1)] {
            assert_eq!(resolved(field(text, group), &groups), None);
        }
    }

    #[test]
    fn groups_stand_in_templates() {
        let groups = [Some("a"), Some("b")];
        assert_eq!(
            resolved(field(Some("$2 x$1$ $0 "), 1), &groups),
            Some("b xa$ $0".into())
        );
        assert_eq!(
            field(Some("$3"), 1).compile(2).unwrap_err(),
            "`$3` names group 3 of 2"
        );
    }
}
