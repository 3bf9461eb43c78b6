use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use clap::{Arg, ArgAction, Command};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use user_metadata_sinks::{ParseSinkError, SinkUrl};

/// A list of sinks is separated by spaces.
const SPACES: &AsciiSet = &CONTROLS.add(b' ');
/// What has a meaning in an option of a URL.
const SPECIAL: &AsciiSet = &SPACES.add(b'%').add(b'&').add(b'#').add(b'+');

/// The settings of a file, as flags.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    /// The values by flag.
    settings: Vec<(String, Vec<String>)>,
}

/// What is wrong in a file, with the line: `consumer.toml:3: …`.
#[derive(Debug)]
pub(crate) struct Problem {
    path: String,
    line: Option<usize>,
    what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path)?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.what)
    }
}

/// A file that is being read.
struct Reading<'a> {
    path: &'a Path,
    text: &'a str,
    flags: Command,
    problems: Vec<Problem>,
}

type Entry<'a, 'i> = (
    &'a Spanned<std::borrow::Cow<'i, str>>,
    &'a Spanned<DeValue<'i>>,
);

impl ConfigFile {
    /// Reads a file and checks each setting: whether `flags` has it and accepts it.
    pub(crate) fn read(path: &Path, flags: Command) -> Result<Self, Vec<Problem>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            vec![Problem {
                path: path.display().to_string(),
                line: None,
                what: format!("{error}; set --config to a file that can be read"),
            }]
        })?;
        let mut reading = Reading {
            path,
            text: &text,
            flags,
            problems: Vec::new(),
        };
        let file = match DeTable::parse(&text) {
            Ok(table) => reading.settings(table.get_ref()),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                // Its `Display` would quote the line.
                reading.refuse(at, error.message().to_owned());
                Self::default()
            }
        };
        if reading.problems.is_empty() {
            return Ok(file);
        }
        reading.problems.sort_by_key(|problem| problem.line);
        Err(reading.problems)
    }

    /// The wanted settings as flags: those that the command has, and that are not set otherwise.
    pub(crate) fn flags(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<OsString> {
        let wanted = self.settings.iter().filter(|(flag, _)| is_wanted(flag));
        let flags = wanted.flat_map(|(flag, values)| {
            let with = values.iter().map(move |value| format!("--{flag}={value}"));
            let alone = values.is_empty().then(|| format!("--{flag}"));
            with.chain(alone)
        });
        flags.map(OsString::from).collect()
    }
}

impl Reading<'_> {
    fn refuse(&mut self, at: usize, what: String) {
        let before = self.text.get(..at).unwrap_or(self.text);
        self.problems.push(Problem {
            path: self.path.display().to_string(),
            line: Some(before.matches('\n').count() + 1),
            what,
        });
    }

    fn settings(&mut self, table: &DeTable<'_>) -> ConfigFile {
        let mut settings = Vec::new();
        for entry in table {
            let name = entry.0.get_ref();
            if name == "sink" {
                let sinks = self.sinks(entry.1);
                settings.push(("sink".to_owned(), sinks));
            } else if let Some(values) = self.setting(entry) {
                settings.extend(values.map(|values| (name.to_string(), values)));
            }
        }
        ConfigFile { settings }
    }

    /// `None` if it is invalid; `Some(None)` for a switch that is off.
    fn setting(&mut self, (key, value): Entry<'_, '_>) -> Option<Option<Vec<String>>> {
        let name: &str = key.get_ref();
        let Some(arg) = settable(&self.flags).find(|arg| arg.get_long() == Some(name)) else {
            let known = settable(&self.flags)
                .filter_map(Arg::get_long)
                .chain(["sink"]);
            let what = format!(
                "unknown setting `{}`{}",
                name.escape_debug(),
                near(name, known)
            );
            self.refuse(key.span().start, what);
            return None;
        };
        let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
        let is_list = arg.get_value_delimiter().is_some();
        let values = match value.get_ref() {
            DeValue::Boolean(on) if is_switch => return Some(on.then(Vec::new)),
            _ if is_switch => Err("must be true or false"),
            DeValue::Array(values) if is_list => {
                let values = values.iter().map(|value| scalar(value.get_ref()));
                values
                    .collect::<Option<_>>()
                    .ok_or("must be a list of strings")
            }
            value => scalar(value)
                .map(|value| vec![value])
                .ok_or("must be a string or a number"),
        };
        let values: Result<Vec<String>, String> = values
            .map_err(|problem| format!("`{name}` {problem}"))
            .and_then(|values| self.accepts(name, values));
        match values {
            Ok(values) => Some(Some(values)),
            Err(what) => {
                self.refuse(value.span().start, what);
                None
            }
        }
    }

    /// The values, if the flag of that name accepts them.
    fn accepts(&self, name: &str, values: Vec<String>) -> Result<Vec<String>, String> {
        let flags = values.iter().map(|value| format!("--{name}={value}"));
        let words = std::iter::once("file".to_owned()).chain(flags);
        match self.flags.clone().try_get_matches_from(words) {
            Ok(_) => Ok(values),
            Err(error) => {
                let text = error.to_string();
                let lines = text.lines().take_while(|line| !line.contains("--help"));
                let lines: Vec<_> = lines
                    .map(str::trim)
                    .filter(|line| !line.is_empty())
                    .collect();
                Err(lines.join(" ").trim_start_matches("error: ").to_owned())
            }
        }
    }

    /// The URLs of the tables `[[sink]]`.
    fn sinks(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<String> {
        let DeValue::Array(tables) = value.get_ref() else {
            let what = "`sink` must be tables: write [[sink]], and below it url = \"…\"";
            self.refuse(value.span().start, what.to_owned());
            return Vec::new();
        };
        let mut urls = Vec::new();
        for table in tables {
            let url = match table.get_ref() {
                DeValue::Table(options) => self.sink(table.span().start, options),
                _ => Err((table.span().start, "must be a table: [[sink]]".to_owned())),
            };
            match url {
                Ok(url) => urls.push(url),
                Err((at, what)) => self.refuse(at, what),
            }
        }
        urls
    }

    fn sink(&self, at: usize, options: &DeTable<'_>) -> Result<String, (usize, String)> {
        let Some(DeValue::String(url)) = options.get("url").map(Spanned::get_ref) else {
            let what = "a sink needs its URL: url = \"sqlite:users.sqlite\"";
            return Err((at, what.to_owned()));
        };
        let mut whole = utf8_percent_encode(url, SPACES).to_string();
        for (key, value) in options.iter().filter(|(key, _)| key.get_ref() != "url") {
            let text = match value.get_ref() {
                // As in a URL.
                DeValue::Boolean(on) => Some(if *on { "on" } else { "off" }.to_owned()),
                value => scalar(value),
            };
            let Some(text) = text else {
                let what = format!(
                    "`{}` must be a string, a number, true or false",
                    key.get_ref()
                );
                return Err((value.span().start, what));
            };
            whole.push(if whole.contains('?') { '&' } else { '?' });
            let text = utf8_percent_encode(&text, SPECIAL);
            whole.push_str(&format!("{}={text}", key.get_ref()));
        }
        let Err(error) = whole.parse::<SinkUrl>() else {
            return Ok(whole);
        };
        let named = match &error {
            ParseSinkError::UnknownOption { key, .. } => key.trim_matches([' ', '`']),
            ParseSinkError::Option { key, .. } => key,
            _ => "url",
        };
        let key = options.get_key_value(named);
        let at = key.map_or(at, |(key, _)| key.span().start);
        Err((at, error.to_string()))
    }
}

/// The flags that a file can set.
fn settable(flags: &Command) -> impl Iterator<Item = &Arg> {
    let not = BTreeSet::from(["config", "sink"]);
    flags
        .get_arguments()
        .filter(move |arg| !not.contains(arg.get_id().as_str()))
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            Some(number.as_str().to_owned()).filter(|_| number.radix() == 10)
        }
        DeValue::Datetime(time) => Some(time.to_string()),
        _ => None,
    }
}

/// `; did you mean `listen`?`, or nothing.
fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let score = |known: &'a str| (strsim::jaro_winkler(name, known), known);
    let best = known.map(score).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((score, known)) if score > 0.8 => format!("; did you mean `{known}`?"),
        _ => "; see metadata-consumer --help".to_owned(),
    }
}
