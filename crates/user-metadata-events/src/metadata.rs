use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ClientIp;

/// What a user joined from. Every field is optional; absent means unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Metadata {
    /// Where the connection came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<ClientIp>,
    /// The `User-Agent` header, at most 1,024 Unicode scalar values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Name and `major.minor` version: `Chrome 120.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
    /// Operating system and version: `Windows 10`, `macOS 14.2`; no version where the browser
    /// freezes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// `Desktop`, `Mobile`, `Tablet`, `TV`, `Console`, `Wearable`, `Car`, `XR` or `Bot`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The `Accept-Language` header, at most 256 Unicode scalar values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The same as `browser`, `os` and `device`, in parts and with full versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// The screen, as the page claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<Screen>,
    /// The IANA time zone, as the page claims: `Europe/Paris`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Client hints that the page sent changed `browser`, `os` or `device`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claimed_hints: bool,
    /// Keys of a newer version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What the User-Agent and the client hints say, in parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Agent {
    /// The browser or client program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<NameVersion>,
    /// The operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<AgentOs>,
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<AgentDevice>,
    /// What kind of program it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientKind>,
    /// The bot's name, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bot: Option<Bot>,
    /// Keys of a newer version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A program and its full version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NameVersion {
    /// `Chrome`, `Mobile Safari`, …
    pub name: String,
    /// All parts that are known: `120.0.6099.71`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Keys of a newer version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl NameVersion {
    /// A program and, if it is known, its version.
    #[must_use]
    pub fn new(name: impl Into<String>, version: Option<String>) -> Self {
        Self {
            name: name.into(),
            version,
            extra: Map::new(),
        }
    }
}

/// An operating system and its full version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AgentOs {
    /// `Windows`, `macOS`, `Android`, …
    pub name: String,
    /// All parts that are known: `14.2.1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The User-Agent names a version that its browser no longer changes, so the true one is
    /// unknown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub version_frozen: bool,
    /// Keys of a newer version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl AgentOs {
    /// A system and, if it is known, its version.
    #[must_use]
    pub fn new(name: impl Into<String>, version: Option<String>) -> Self {
        Self {
            name: name.into(),
            version,
            version_frozen: false,
            extra: Map::new(),
        }
    }
}

/// A device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AgentDevice {
    /// As `metadata.device`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `Apple`, `Samsung`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// `iPhone`, `SM-S918B`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Keys of a newer version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A bot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Bot {
    /// `Googlebot`, …
    pub name: String,
    /// Keys of a newer version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Bot {
    /// A bot of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            extra: Map::new(),
        }
    }
}

/// What kind of program connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ClientKind {
    /// A web browser, or a web view inside an app.
    Browser,
    /// An app of its own.
    App,
    /// An HTTP or WebSocket library, a command-line tool.
    Library,
    /// A crawler, a monitor, a headless browser.
    Bot,
    /// A kind that this version does not know.
    #[serde(untagged)]
    Other(String),
}

/// A screen, as a page sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Screen {
    /// Width in CSS pixels.
    pub width: u32,
    /// Height in CSS pixels.
    pub height: u32,
    /// Device pixels to a CSS pixel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_ratio: Option<f64>,
    /// Keys of a newer version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Screen {
    /// A screen of this size in CSS pixels.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            pixel_ratio: None,
            extra: Map::new(),
        }
    }
}
