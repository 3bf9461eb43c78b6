//! The fixtures and a parser that the tests of one file share.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers of tests, of which each file uses a part"
)]

use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use serde::Deserialize;
use user_metadata_ua::{ClientHints, Parser};

/// Compiling the regular expressions takes a while without optimization.
pub(crate) fn parser() -> &'static Parser {
    static PARSER: OnceLock<Parser> = OnceLock::new();
    PARSER.get_or_init(Parser::new)
}

/// One line of `fixtures/user-agents/*.jsonl`.
#[derive(Deserialize)]
pub(crate) struct Fixture {
    ua: String,
    repeat: Option<usize>,
    /// What it was once wrongly taken for, or easily is.
    why: Option<String>,
    #[serde(default)]
    pub(crate) hints: ClientHints,
}

impl Fixture {
    pub(crate) fn read(path: &Path) -> Vec<Self> {
        let text = std::fs::read_to_string(path).unwrap();
        let line = |line| serde_json::from_str(line).unwrap();
        text.lines().map(line).collect()
    }

    pub(crate) fn all() -> Vec<Self> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/user-agents");
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
        let all: Vec<_> = files.flat_map(|path| Self::read(&path)).collect();
        assert!(all.len() > 250, "fixtures are missing");
        all
    }

    pub(crate) fn user_agent(&self) -> String {
        self.ua.repeat(self.repeat.unwrap_or(1))
    }
}

impl fmt::Display for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = !self.ua.is_empty() && !self.ua.contains(char::is_control);
        match self.repeat {
            Some(times) => write!(f, "{:?} × {times}", self.ua)?,
            None if is_plain => f.write_str(&self.ua)?,
            None => write!(f, "{:?}", self.ua)?,
        }
        if let Some(why) = &self.why {
            write!(f, "\n    # {why}")?;
        }
        if !self.hints.is_empty() {
            write!(f, "\n    {}", serde_json::to_string(&self.hints).unwrap())?;
        }
        Ok(())
    }
}
