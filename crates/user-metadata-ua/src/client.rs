use serde::Serialize;

use crate::Device;

/// What a User-Agent and its client hints tell about a client. What they don't tell is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Client {
    /// The browser, app, library or bot that sent the User-Agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<Browser>,
    /// The operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<Os>,
    /// The device.
    pub device: Device,
    /// What kind of program it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ClientKind>,
    /// The bot's name, if it is one: `Googlebot`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bot: Option<String>,
    /// What became of the client hints.
    pub hints: HintsUse,
}

/// A browser, or the program in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Browser {
    /// The family's name in uap-core: `Chrome`, `Chrome Mobile`, `Mobile Safari`, `Edge`.
    pub name: String,
    /// Up to four numbers, as far as they are known: `120.0.6099.109`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// An operating system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Os {
    /// `Windows`, `macOS`, `iOS`, `iPadOS`, `Android`, `Linux`, `Ubuntu`, `Chrome OS`, …
    pub name: String,
    /// The version: `11`, `14.2`, `17.2.1`; for Windows the release's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The User-Agent states a version that never changes, whatever the true one is. `version`
    /// is then `None`, but for Windows, where `10` names the platform (Windows 10 or later).
    pub version_frozen: bool,
}

/// What kind of program a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ClientKind {
    /// A web browser that people use.
    Browser,
    /// A program with pages or connections of its own: an in-app browser, a desktop shell, a game.
    App,
    /// An HTTP or WebSocket library or a command-line tool.
    Library,
    /// A crawler, monitor, preview fetcher or headless browser.
    Bot,
}

/// What became of the client hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum HintsUse {
    /// There were none, or they added nothing to the User-Agent.
    #[default]
    Unused,
    /// They completed or corrected the User-Agent.
    Used,
    /// They contradict the User-Agent and were ignored.
    Contradicted,
}

impl Client {
    /// The browser as people write it: `Chrome 120.0`; the name alone without a version.
    #[must_use]
    pub fn browser_label(&self) -> Option<String> {
        let Browser { name, version } = self.browser.as_ref()?;
        Some(label(name, version.as_deref()))
    }

    /// The operating system as people write it: `Windows 10`, `macOS 14.2`, `Ubuntu`.
    #[must_use]
    pub fn os_label(&self) -> Option<String> {
        let Os { name, version, .. } = self.os.as_ref()?;
        Some(label(name, version.as_deref()))
    }

    /// The device's class: `Desktop`.
    #[must_use]
    pub fn device_label(&self) -> Option<&'static str> {
        self.device.kind.map(crate::DeviceType::as_str)
    }
}

/// The name and the first two parts of the version.
fn label(name: &str, version: Option<&str>) -> String {
    let Some(version) = version else {
        return name.to_owned();
    };
    let end = version
        .match_indices('.')
        .nth(1)
        .map_or(version.len(), |(end, _)| end);
    format!("{name} {}", &version[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_two_parts_of_the_version() {
        assert_eq!(label("Chrome", Some("120.0.6099.109")), "Chrome 120.0");
        assert_eq!(label("Windows", Some("11")), "Windows 11");
        assert_eq!(label("Ubuntu", None), "Ubuntu");
    }
}
