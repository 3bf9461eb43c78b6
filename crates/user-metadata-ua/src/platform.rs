//! The platform that client hints name, and its version.

use crate::{Os, version};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    Windows,
    MacOs,
    Ios,
    Android,
    ChromeOs,
    Linux,
}

impl Platform {
    /// `None` if the name means nothing (`Unknown`), or is a system of which hints tell no more
    /// than the User-Agent.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Windows" => Self::Windows,
            "macOS" | "Mac OS X" | "Mac OS" => Self::MacOs,
            "iOS" | "iPadOS" => Self::Ios,
            "Android" => Self::Android,
            "Chrome OS" | "Chromium OS" => Self::ChromeOs,
            "Linux" => Self::Linux,
            _ => return None,
        })
    }

    /// Whether no browser on this platform would send a User-Agent with that system.
    pub(crate) fn contradicts(self, os: Option<&Os>) -> bool {
        let Some(os) = os else { return false };
        let stated = Self::named(&os.name);
        match self {
            Self::Windows => !os.name.starts_with("Windows") && os.name != "Xbox",
            Self::MacOs | Self::Ios | Self::ChromeOs => stated != Some(self),
            // Tablets and TV boxes that ask for desktop pages say Linux; many systems are Android
            // under another name.
            Self::Android => matches!(
                stated,
                Some(Self::Windows | Self::MacOs | Self::Ios | Self::ChromeOs)
            ),
            // Distributions have names of their own.
            Self::Linux => stated.is_some_and(|stated| stated != self),
        }
    }

    /// The User-Agent's system, completed.
    pub(crate) fn refine(self, os: Option<Os>, hint: Option<&str>) -> Option<Os> {
        let version = hint.and_then(version::numeric);
        let named = |name: &str, version: Option<String>| Os {
            name: name.to_owned(),
            version,
            version_frozen: false,
        };
        match self {
            Self::Windows => match (version.map(windows_release), os) {
                (Some(Some(release)), _) => Some(named("Windows", Some(release.to_owned()))),
                // Older than 10, which a User-Agent states correctly unless it says 10.
                (Some(None), os) => os
                    .filter(|os| !os.version_frozen)
                    .or_else(|| Some(named("Windows", None))),
                (None, os) => os.or_else(|| Some(named("Windows", None))),
            },
            // The version is the kernel's.
            Self::Linux => os.or_else(|| Some(named("Linux", None))),
            // HarmonyOS, Fire OS and others state their own name and version better.
            Self::Android
                if os
                    .as_ref()
                    .is_some_and(|os| !matches!(os.name.as_str(), "Android" | "Linux")) =>
            {
                os
            }
            _ => match (
                version.filter(|version| version::major(version) > Some(0)),
                os,
            ) {
                (Some(version), _) => Some(named(self.name(), Some(self.trim(version)))),
                (None, Some(os)) if os.name == self.name() => Some(os),
                (None, _) => Some(named(self.name(), None)),
            },
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Windows => "Windows",
            Self::MacOs => "macOS",
            Self::Ios => "iOS",
            Self::Android => "Android",
            Self::ChromeOs => "Chrome OS",
            Self::Linux => "Linux",
        }
    }

    /// Android has had whole numbers since 9: `16.0.0` is 16.
    fn trim(self, version: &str) -> String {
        let version = version::trim(version);
        match version.strip_suffix(".0") {
            Some(major) if self == Self::Android => major.to_owned(),
            _ => version.to_owned(),
        }
    }
}

/// The release that Chromium's number for Windows means: that of the API contract, which Windows 11
/// began at 14, its previews at 13. `0` alone is older than 10.
fn windows_release(version: &str) -> Option<&'static str> {
    match version::major(version)? {
        0 if version.starts_with("0.1") => Some("7"),
        0 if version.starts_with("0.2") => Some("8"),
        0 if version.starts_with("0.3") => Some("8.1"),
        0 => None,
        1..=12 => Some("10"),
        _ => Some("11"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(name: &str) -> Os {
        Os {
            name: name.to_owned(),
            version: None,
            version_frozen: true,
        }
    }

    fn refined(platform: Platform, os: Option<Os>, hint: &str) -> String {
        let os = platform.refine(os, Some(hint)).unwrap();
        format!("{} {}", os.name, os.version.as_deref().unwrap_or("-"))
    }

    #[test]
    fn windows_is_recognized_by_its_api() {
        for (hint, release) in [
            ("0.1.0", "7"),
            ("0.2.0", "8"),
            ("0.3.0", "8.1"),
            ("0.0.0", "-"),
            ("1.0.0", "10"),
            ("10.0.0", "10"),
            ("13.0.0", "11"),
            ("19.0.0", "11"),
        ] {
            let refined = refined(Platform::Windows, Some(os("Windows")), hint);
            assert_eq!(refined, format!("Windows {release}"), "{hint}");
        }
    }

    #[test]
    fn versions_are_written_as_people_do() {
        for (platform, hint, expected) in [
            (Platform::Android, "16.0.0", "Android 16"),
            (Platform::Android, "8.1.0", "Android 8.1"),
            (Platform::MacOs, "26.1.0", "macOS 26.1"),
            (Platform::MacOs, "14.0.0", "macOS 14.0"),
            (Platform::ChromeOs, "16433.41.0", "Chrome OS 16433.41"),
            (Platform::Linux, "6.12.0", "Linux -"),
            (Platform::MacOs, "0.0.0", "macOS -"),
            (Platform::MacOs, "quite new", "macOS -"),
        ] {
            assert_eq!(refined(platform, None, hint), expected);
        }
    }

    #[test]
    fn a_system_with_a_name_of_its_own_keeps_it() {
        for (platform, name) in [
            (Platform::Android, "HarmonyOS"),
            (Platform::Linux, "Ubuntu"),
        ] {
            assert!(!platform.contradicts(Some(&os(name))));
            assert_eq!(
                refined(platform, Some(os(name)), "9.0.0"),
                format!("{name} -")
            );
        }
    }

    #[test]
    fn another_family_of_systems_is_a_contradiction() {
        for (platform, name) in [
            (Platform::Windows, "macOS"),
            (Platform::Android, "Windows"),
            (Platform::MacOs, "iPadOS"),
            (Platform::Linux, "Android"),
            (Platform::ChromeOs, "Android"),
        ] {
            assert!(platform.contradicts(Some(&os(name))), "{platform:?} {name}");
        }
        assert!(!Platform::Android.contradicts(Some(&os("Linux"))));
        assert!(!Platform::Windows.contradicts(None));
    }
}
