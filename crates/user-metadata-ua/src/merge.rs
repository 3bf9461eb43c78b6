//! What client hints add to a User-Agent.

use crate::DeviceType::{self, Desktop, Mobile, Tablet};
use crate::agent::{WEB_VIEW, become_bot, vendor, with_model};
use crate::brand::{Chosen, choose, has_brands, is_same};
use crate::engine::Engine;
use crate::platform::Platform;
use crate::system::safari_version;
use crate::text::usable;
use crate::{Browser, Client, ClientHints, ClientKind, Os, version};

/// The client completed by the hints, or `None` if they contradict the User-Agent.
pub(crate) fn merge(
    engine: &Engine,
    mut client: Client,
    user_agent: &str,
    hints: &ClientHints,
) -> Option<Client> {
    let platform = usable(hints.platform.as_ref()).and_then(Platform::named);
    if is_other_engine(user_agent, hints)
        || platform.is_some_and(|platform| platform.contradicts(client.os.as_ref()))
    {
        return None;
    }
    if let Some(chosen) = choose(hints) {
        merge_browser(&mut client, &chosen, hints);
    }
    if let Some(platform) = platform {
        merge_system(&mut client, platform, hints);
    }
    if client.kind != Some(ClientKind::Bot) {
        merge_device(engine, &mut client, hints);
        merge_package(engine, &mut client, hints);
        merge_touch(&mut client, user_agent, hints);
    }
    Some(client)
}

/// Only Chromium has brands: a browser on another engine did not send them.
fn is_other_engine(user_agent: &str, hints: &ClientHints) -> bool {
    let is_browser = user_agent.starts_with("Mozilla/") || user_agent.starts_with("Opera/");
    // Everything built on Chromium states this version of WebKit, and WebKit itself no longer does.
    let is_chromium = user_agent.contains("Chrom") || user_agent.contains("AppleWebKit/537.36");
    is_browser && !is_chromium && has_brands(hints)
}

fn merge_browser(client: &mut Client, chosen: &Chosen<'_>, hints: &ClientHints) {
    let named = || Browser {
        name: chosen.name.to_owned(),
        version: chosen
            .version
            .map(|version| version::trim(version).to_owned()),
    };
    match &mut client.browser {
        Some(browser) if is_same(&browser.name, chosen.name) => {
            refine(&mut browser.version, chosen.version);
        }
        // A fork that has only Chromium's brands.
        Some(browser) if chosen.is_shared && !is_same(&browser.name, "Chrome") => {}
        browser => {
            let mut named = named();
            if named.name == "Chrome" && hints.mobile == Some(true) {
                named.name = "Chrome Mobile".to_owned();
            }
            *browser = Some(named);
            client.kind = client.kind.or(Some(ClientKind::Browser));
        }
    }
    if chosen.is_headless {
        become_bot(client, Some(named()));
    }
}

/// Replaces a version unless the hint is the same one with fewer parts.
fn refine(version: &mut Option<String>, hint: Option<&str>) {
    let Some(hint) = hint else { return };
    let known = version.as_deref();
    if known.and_then(version::major) != version::major(hint)
        || known.is_none_or(|known| version::parts(known) < version::parts(hint))
    {
        *version = Some(version::trim(hint).to_owned());
    }
}

fn merge_system(client: &mut Client, platform: Platform, hints: &ClientHints) {
    let version = usable(hints.platform_version.as_ref());
    client.os = platform.refine(client.os.take(), version);
}

fn merge_device(engine: &Engine, client: &mut Client, hints: &ClientHints) {
    let mut class = form_factor(&hints.form_factors);
    if let Some(model) = usable(hints.model.as_ref()) {
        client.device.vendor = vendor(engine, model).or(client.device.vendor.take());
        client.device.model = Some(model.to_owned());
        if model.starts_with("Xbox") && client.os.as_ref().is_some_and(|os| os.name == "Windows") {
            client.os = Some(Os {
                name: "Xbox".to_owned(),
                version: None,
                version_frozen: false,
            });
        }
        class = class
            .or_else(|| engine.class_of_model(model))
            .or_else(|| engine.read(&with_model(model)).class());
    }
    let is_android = client.os.as_ref().is_some_and(|os| os.name == "Android");
    let class = class.or_else(|| by_mobile(client.device.kind, hints.mobile?, is_android));
    client.device.kind = class.or(client.device.kind);
}

/// What `mobile` tells about a device. Some tablets say that they are mobile.
const fn by_mobile(
    known: Option<DeviceType>,
    mobile: bool,
    is_android: bool,
) -> Option<DeviceType> {
    match (known, mobile) {
        (None, false) if !is_android => Some(Desktop),
        (None | Some(Desktop | Mobile), false) if is_android => Some(Tablet),
        (None, true) => Some(Mobile),
        (Some(Desktop), true) if is_android => Some(Mobile),
        _ => known,
    }
}

/// The first form factor that is known.
fn form_factor(form_factors: &[String]) -> Option<DeviceType> {
    form_factors
        .iter()
        .find_map(|factor| match factor.as_str() {
            "Desktop" => Some(Desktop),
            "Mobile" => Some(Mobile),
            "Tablet" | "EInk" => Some(Tablet),
            "Automotive" => Some(DeviceType::Car),
            "Watch" => Some(DeviceType::Wearable),
            "XR" => Some(DeviceType::Xr),
            "TV" => Some(DeviceType::Tv),
            _ => None,
        })
}

/// The app around a web view. Scripts send the header too, but with `XMLHttpRequest`.
fn merge_package(engine: &Engine, client: &mut Client, hints: &ClientHints) {
    let Some(package) = usable(hints.requested_with.as_ref()).filter(|name| name.contains('.'))
    else {
        return;
    };
    let browser = client.browser.as_ref().map(|browser| browser.name.as_str());
    let is_plain = browser.is_none_or(|name| is_same(name, "Chrome") || name == "Android");
    if client.kind == Some(ClientKind::Library) || !is_plain {
        return;
    }
    client.kind = Some(ClientKind::App);
    if let Some(name) = engine.app(package) {
        client.browser = Some(Browser {
            name: name.to_owned(),
            version: None,
        });
    }
}

/// An iPad that says it is a Mac: no Mac has a touch screen.
fn merge_touch(client: &mut Client, user_agent: &str, hints: &ClientHints) {
    let is_mac = client.os.as_ref().is_some_and(|os| os.name == "macOS");
    let is_webkit = user_agent.contains("AppleWebKit/") && !user_agent.contains("Chrom");
    if !is_mac || !is_webkit || hints.max_touch_points.is_none_or(|points| points < 2) {
        return;
    }
    let version = safari_version(user_agent).and_then(|version| version::join([Some(version)]));
    client.os = Some(Os {
        name: "iPadOS".to_owned(),
        version_frozen: version.is_none(),
        version,
    });
    client.device.kind = Some(Tablet);
    client.device.model = Some("iPad".to_owned());
    // What uap-core calls these on a Mac and on an iPad.
    match &mut client.browser {
        Some(browser) if browser.name == "Safari" => browser.name = "Mobile Safari".to_owned(),
        Some(browser) if browser.name == "Apple Mail" => {
            browser.name = WEB_VIEW.to_owned();
            browser.version = None;
            client.kind = Some(ClientKind::App);
        }
        _ => {}
    }
}
