//! Every string in `fixtures/user-agents` gives the line in the snapshot beside it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{Fixture, parser};
use user_metadata_ua::Client;

#[test]
fn user_agents_are_understood() {
    insta::glob!("../../../fixtures/user-agents", "*.jsonl", |path| {
        let lines: Vec<_> = Fixture::read(path).iter().map(describe).collect();
        insta::assert_snapshot!(lines.join("\n"));
    });
}

fn describe(fixture: &Fixture) -> String {
    let client = parser().parse(&fixture.user_agent(), &fixture.hints);
    format!("{fixture}\n    => {}\n", line(&client))
}

/// `browser version | os version | class, vendor, model | kind | …`
fn line(client: &Client) -> String {
    let browser = client.browser.as_ref().map_or("-".to_owned(), |browser| {
        versioned(&browser.name, browser.version.as_deref())
    });
    let os = client.os.as_ref().map_or("-".to_owned(), |os| {
        let frozen = if os.version_frozen { " (frozen)" } else { "" };
        versioned(&os.name, os.version.as_deref()) + frozen
    });
    let device = [
        client.device_label(),
        client.device.vendor.as_deref(),
        client.device.model.as_deref(),
    ];
    let device: Vec<_> = device.into_iter().flatten().collect();
    let device = if device.is_empty() {
        "-".to_owned()
    } else {
        device.join(", ")
    };
    let kind = client
        .kind
        .map_or("-".to_owned(), |kind| format!("{kind:?}"));
    let mut line = format!("{browser} | {os} | {device} | {kind}");
    if let Some(bot) = &client.bot {
        line += &format!(" {bot}");
    }
    if client.hints != user_metadata_ua::HintsUse::Unused {
        line += &format!(" | hints {:?}", client.hints);
    }
    line
}

fn versioned(name: &str, version: Option<&str>) -> String {
    format!("{name} {}", version.unwrap_or("-"))
}
