//! The class of a device.

use crate::engine::Reading;
use crate::{Client, DeviceType, version};

/// By words of the User-Agent, or else by the operating system. `has_model`: uap-core knows a
/// device.
pub(crate) fn class(
    reading: &mut Reading<'_>,
    user_agent: &str,
    client: &Client,
    has_model: bool,
) -> Option<DeviceType> {
    let by_words = reading.class();
    let has_desktop_word = || DESKTOP_WORDS.iter().any(|word| user_agent.contains(word));
    let by_system = |name: &str| by_system(name, user_agent);
    by_words
        .or_else(|| by_system(&client.os.as_ref()?.name))
        .or_else(|| has_desktop_word().then_some(DeviceType::Desktop))
        // Nearly all that uap-core knows are phones. It recognizes some by only four letters.
        .or_else(|| {
            let is_telephone = client.os.is_none() && has_model && client.kind.is_some();
            is_telephone.then_some(DeviceType::Mobile)
        })
}

/// What is in the User-Agents of computers whose system is not known.
const DESKTOP_WORDS: &[&str] = &[
    "X11;",
    "(Win",
    "; Win",
    "Mosaic",
    "OmniWeb",
    "iCab",
    "Lynx/",
    "w3m/",
    "Cyberdog",
    "Arachne",
    "Voyager",
    "Links (",
    "Elinks",
    "Dillo",
    "WebExplorer",
    "WorldWideweb",
    "Syllable",
    "Inferno",
    "IntelliJ",
    "Microsoft Office",
    "FrontPage",
    "NetPositive",
    "IBrowse",
];

fn by_system(name: &str, user_agent: &str) -> Option<DeviceType> {
    match name {
        "iOS" if may_be_a_mac(user_agent) => None,
        "iPadOS" => Some(DeviceType::Tablet),
        "tvOS" => Some(DeviceType::Tv),
        "watchOS" => Some(DeviceType::Wearable),
        "visionOS" => Some(DeviceType::Xr),
        "Android" if is_tablet(user_agent) => Some(DeviceType::Tablet),
        "Windows RT" => Some(DeviceType::Tablet),
        "Fuchsia" if user_agent.contains("Mobile") => Some(DeviceType::Mobile),
        "VIDAA" => Some(DeviceType::Tv),
        "Nintendo" | "PlayStation" | "Xbox" => Some(DeviceType::Console),
        "OpenHarmony" if user_agent.contains("(PC;") => Some(DeviceType::Desktop),
        _ if DESKTOPS.contains(&name) => Some(DeviceType::Desktop),
        _ if MOBILES.iter().any(|mobile| name.starts_with(mobile)) => Some(DeviceType::Mobile),
        _ => None,
    }
}

/// Apps on Macs state the processor if it is not Apple's.
fn may_be_a_mac(user_agent: &str) -> bool {
    let darwin = user_agent.split_once("Darwin/").map(|(_, version)| version);
    user_agent.contains("CFNetwork/")
        && darwin
            .and_then(version::major)
            .is_none_or(|major| major >= 20)
}

/// Browsers on Android phones say `Mobile`, those on tablets don't; apps never do.
fn is_tablet(user_agent: &str) -> bool {
    user_agent.contains("Safari/") && !user_agent.contains("Mobile")
}

const DESKTOPS: &[&str] = &[
    "Windows",
    "macOS",
    "Mac OS",
    "Chrome OS",
    "Linux",
    "Arch Linux",
    "BackTrack",
    "CentOS",
    "Debian",
    "Fedora",
    "Gentoo",
    "Kubuntu",
    "Linux Mint",
    "Lubuntu",
    "Mageia",
    "Mandriva",
    "openSUSE",
    "PCLinuxOS",
    "Puppy",
    "Red Hat",
    "Slackware",
    "SUSE",
    "Ubuntu",
    "BSD",
    "FreeBSD",
    "NetBSD",
    "OpenBSD",
    "SerenityOS",
    "Solaris",
    "AIX",
    "AmigaOS",
    "AROS",
    "BeOS",
    "DragonFly BSD",
    "Fuchsia",
    "Haiku",
    "HP-UX",
    "IRIX",
    "Minix",
    "MorphOS",
    "OpenVMS",
    "OS/2",
    "OSF1",
    "Plan 9",
    "QNX",
    "RISC OS",
];

/// How their names begin.
const MOBILES: &[&str] = &[
    "iOS",
    "Android",
    "Bada",
    "BlackBerry OS",
    "Brew",
    "BREW",
    "Firefox OS",
    "HarmonyOS",
    "KaiOS",
    "Maemo",
    "MeeGo",
    "Nokia Series",
    "OpenHarmony",
    "Palm OS",
    "Sailfish",
    "Symbian",
    "Tizen",
    "Ubuntu Touch",
    "Windows CE",
    "Windows Mobile",
    "Windows Phone",
    "YunOS",
];
