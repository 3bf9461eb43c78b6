//! Reads lines `{"ua":…,"hints":{…}?}` and prints, in the same order, what the parser makes of
//! each: `{"ua","hints"?,"browser","browserVersion","os","osVersion","device"}`, one line for
//! each, to be compared with labels. The keys of `hints` are those of
//! `navigator.userAgentData`, or names of request headers.
//!
//! `cargo run --release -p user-metadata-ua --example classify < strings.jsonl`

use std::io::{BufWriter, Error, Write, stdin, stdout};

use serde_json::{Map, Value, json};
use user_metadata_ua::{Client, ClientHints, ClientKind, Parser};

/// Their names may be in any case.
const PAGE_HINTS: [&str; 11] = [
    "brands",
    "fullVersionList",
    "platform",
    "platformVersion",
    "architecture",
    "bitness",
    "model",
    "mobile",
    "formFactors",
    "wow64",
    "maxTouchPoints",
];

fn main() -> Result<(), Error> {
    let parser = Parser::new();
    let mut out = BufWriter::new(stdout().lock());
    for line in stdin().lines() {
        let row: Value = serde_json::from_str(&line?)?;
        let client = parser.parse(
            row["ua"].as_str().unwrap_or_default(),
            &hints(&row["hints"])?,
        );
        writeln!(out, "{}", prediction(&row, &client))?;
    }
    out.flush()
}

fn hints(row: &Value) -> Result<ClientHints, serde_json::Error> {
    let mut page = Map::new();
    let mut headers = ClientHints::default();
    for (name, value) in row.as_object().into_iter().flatten() {
        match value {
            Value::String(text) if name.contains('-') => headers.set_header(name, text),
            _ => {
                let known = PAGE_HINTS
                    .iter()
                    .find(|hint| hint.eq_ignore_ascii_case(name));
                page.insert(
                    known.map_or(name.as_str(), |hint| hint).to_owned(),
                    value.clone(),
                );
            }
        }
    }
    let page: ClientHints = serde_json::from_value(page.into())?;
    Ok(headers.or(page))
}

fn prediction(row: &Value, client: &Client) -> Value {
    let browser = client.browser.as_ref();
    let os = client.os.as_ref();
    // Lists of bots count libraries among them.
    let is_library = client.kind == Some(ClientKind::Library);
    let device = if is_library {
        Some("Bot")
    } else {
        client.device_label()
    };
    json!({
        "ua": row["ua"],
        "hints": row.get("hints"),
        "browser": browser.map(|browser| &browser.name),
        "browserVersion": browser.and_then(|browser| browser.version.as_ref()),
        "os": os.map(|os| &os.name),
        "osVersion": os.and_then(|os| os.version.as_ref()),
        "device": device,
    })
}
