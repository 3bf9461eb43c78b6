//! The operating system that a User-Agent states.

use crate::engine::{Named, Reading};
use crate::{Os, text, version};

/// The operating system, without versions that never change.
pub(crate) fn system(reading: &mut Reading<'_>, user_agent: &str) -> Option<Os> {
    if let Some(stated) = reading.own_system() {
        let mut os = named(stated, user_agent)?;
        // It states 10.15.7, which is a version of macOS.
        os.version_frozen = os.name == "iPadOS" && os.version.is_none();
        return Some(os);
    }
    let mut os = named(reading.system()?, user_agent)?;
    check_version(&mut os, user_agent);
    Some(os)
}

/// The system under its maker's present name.
fn named(found: Named<'_>, user_agent: &str) -> Option<Os> {
    let mut version = version::join(found.version.iter().map(Option::as_deref));
    let name = found.name?;
    let name = match &*name {
        "Other" => return None,
        "Windows" if version.as_deref() == Some("CE") => {
            return Some(without_version("Windows CE"));
        }
        "Windows" if version.as_deref() == Some("RT") => {
            return Some(without_version("Windows RT"));
        }
        "Windows Phone" if version.is_none() && user_agent.contains("WPDesktop") => {
            let is_8_1 = user_agent.contains("Trident/7.0");
            version = Some(if is_8_1 { "8.1" } else { "8.0" }.to_owned());
            "Windows Phone"
        }
        "Mac OS X" => "macOS",
        "ATV OS X" => "tvOS",
        "WatchOS" => "watchOS",
        "Web0S" => "webOS",
        // Apple gave it its own name with version 13.
        "iOS"
            if user_agent.contains("iPad") && major(version.as_deref()).is_none_or(|v| v >= 13) =>
        {
            "iPadOS"
        }
        name => name,
    };
    Some(Os {
        name: text::name(name)?,
        version,
        version_frozen: false,
    })
}

fn without_version(name: &str) -> Os {
    Os {
        name: name.to_owned(),
        version: None,
        version_frozen: false,
    }
}

/// Marks a version that the User-Agent states whatever the true one is, and removes it, or replaces
/// it if the User-Agent states the true one elsewhere.
fn check_version(os: &mut Os, user_agent: &str) {
    let Some(version) = os.version.as_deref() else {
        return;
    };
    match (os.name.as_str(), version) {
        // Windows 11 says 10 too. It stays as the name of the platform.
        ("Windows", "10") => os.version_frozen = true,
        // Safari since macOS 11, Firefox and Chromium; Catalina itself can't be distinguished.
        ("macOS", "10.15.7" | "10.15") | ("Chrome OS", "14541.0") => freeze(os),
        ("Android", "10") if is_reduced(user_agent) => freeze(os),
        ("iOS" | "iPadOS", version) if is_frozen_ios(version) => match safari_version(user_agent) {
            Some(safari) if major(Some(safari)).is_some_and(|v| v >= 26) => {
                os.version = version::join([Some(safari)]);
            }
            Some(_) if !version.starts_with("19.") => {}
            _ => freeze(os),
        },
        _ => {}
    }
}

/// Chromium's reduced User-Agent: 10 stands for every version, K for every model.
fn is_reduced(user_agent: &str) -> bool {
    user_agent.contains("Android 10; K)") || user_agent.contains("Android 10; K;")
}

fn freeze(os: &mut Os) {
    os.version = None;
    os.version_frozen = true;
}

/// From iOS 26 on WebKit says 18.6, 18.6.2 or 18.7, and so do some browsers on it for every
/// version; early builds said 19. Only `Version/` tells.
fn is_frozen_ios(version: &str) -> bool {
    ["18.6", "18.7", "19"].iter().any(|frozen| {
        let rest = version.strip_prefix(frozen);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// What follows `Version/`: on Apple's mobile systems Safari's version is the system's.
pub(crate) fn safari_version(user_agent: &str) -> Option<&str> {
    let (_, rest) = user_agent.split_once("Version/")?;
    let end = rest
        .find(|char: char| !char.is_ascii_digit() && char != '.')
        .unwrap_or(rest.len());
    version::numeric(&rest[..end])
}

fn major(version: Option<&str>) -> Option<u32> {
    version.and_then(version::major)
}
