//! What a User-Agent tells without hints.

use crate::class::class;
use crate::engine::{Engine, Named, Reading, UapDevice};
use crate::models::stated;
use crate::system::system;
use crate::{Browser, Client, ClientKind, Device, DeviceType, text, version};

/// A longer text is not a name.
const LONGEST_PRODUCT: usize = 64;
/// uap-core's device family for crawlers.
const SPIDER: &str = "Spider";
/// uap-core's browser family for pages in apps of iOS.
pub(crate) const WEB_VIEW: &str = "Mobile Safari UI/WKWebView";

pub(crate) fn describe(engine: &Engine, user_agent: &str) -> Client {
    let mut reading = engine.read(user_agent);
    let mut client = Client {
        os: system(&mut reading, user_agent),
        kind: reading.kind(),
        ..Client::default()
    };
    if client.kind == Some(ClientKind::Library) {
        // It runs somewhere, but not on a person's device.
        name_browser(&mut client, &mut reading);
        client.browser = client.browser.or_else(|| product(user_agent));
        return client;
    }
    if let Some(bot) = reading.named_bot() {
        become_bot(&mut client, browser(bot));
        return client;
    }
    name_browser(&mut client, &mut reading);
    let found = reading.device();
    // Names of apps also contain the words that bots use.
    if client.kind != Some(ClientKind::App) {
        let family = found.as_ref().and_then(|found| found.family.as_deref());
        let is_spider = family == Some(SPIDER);
        let bot = reading.bot_word().or_else(|| reading.bot_form());
        let bot = bot.and_then(browser);
        if is_spider || bot.is_some() {
            // Of a bot in disguise, uap-core may know only the browser that it pretends to be.
            let is_plain = is_spider || !user_agent.starts_with("Mozilla/");
            let known = client.browser.take();
            let known = known.filter(|known| is_plain && !is_word_for_bot(&known.name));
            become_bot(&mut client, known.or(bot));
            return client;
        }
    }
    if !user_agent.contains("Mozilla/") {
        client.kind = client.kind.or_else(|| reading.guessed_kind());
    }
    name_app(&mut client, user_agent);
    let is_known = found.is_some();
    client.device = found.as_ref().map(device).unwrap_or_default();
    if client.device.vendor.is_none() {
        let model = client.device.model.as_deref();
        client.device.vendor = model.and_then(|model| vendor(engine, model));
    }
    if client.os.as_ref().is_some_and(|os| os.name == "iPadOS") {
        client.device.model = Some("iPad".to_owned());
    }
    client.device.kind = stated(user_agent)
        .and_then(|model| engine.class_of_model(model))
        .or_else(|| class(&mut reading, user_agent, &client, is_known));
    client
}

/// Classifies a client that names no known system, device or browser: a program that states only
/// its own name.
pub(crate) fn name_program(client: &mut Client, user_agent: &str) {
    if client.device != Device::default() || client.os.is_some() || client.browser.is_some() {
        return;
    }
    match client.kind {
        // It only looks like a browser.
        Some(ClientKind::Browser) if user_agent.starts_with("Mozilla/5.0") => {
            let engines = ["AppleWebKit", "Gecko", "Trident"];
            if !engines.iter().any(|engine| user_agent.contains(engine)) {
                become_bot(client, None);
            }
        }
        None if !looks_like_a_model(user_agent) => {
            client.browser = product(user_agent);
            client.kind = client.browser.as_ref().map(|_| ClientKind::Library);
        }
        _ => {}
    }
}

/// Whether it may be the model of a phone: old ones state nothing else. Programs state their
/// version.
fn looks_like_a_model(user_agent: &str) -> bool {
    let has_version = user_agent.contains('/')
        || user_agent
            .split(' ')
            .map(|word| word.strip_prefix('v').unwrap_or(word))
            .any(|word| word.contains('.') && version::numeric(word).is_some());
    !has_version && user_agent.contains(|char: char| char.is_ascii_digit())
}

/// Whether uap-core took a part of an address or a generic word for bots as a name.
fn is_word_for_bot(name: &str) -> bool {
    let words = ["bot", "robot", "crawler", "spider"];
    name.contains('/') || words.iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// The browser, by its own name if it has one besides that of the browser that it is built on.
fn name_browser(client: &mut Client, reading: &mut Reading<'_>) {
    client.browser = reading.browser().and_then(browser);
    let built_on = client.browser.as_ref().map(|browser| browser.name.as_str());
    if built_on.is_some_and(|name| !is_engine(name)) {
        return;
    }
    let Some(fork) = reading.fork().and_then(browser) else {
        return;
    };
    if matches!(built_on, Some(WEB_VIEW | "Chrome Mobile WebView")) {
        client.kind = Some(ClientKind::App);
    }
    client.browser = Some(fork);
}

/// Whether it is uap-core's name for a browser that others are built on.
fn is_engine(name: &str) -> bool {
    matches!(
        name,
        "Android"
            | "Chrome"
            | "Chrome Mobile"
            | "Chrome Mobile WebView"
            | "Chromium"
            | "Firefox"
            | "Firefox Mobile"
            | "IE"
            | "Mobile Safari"
            | WEB_VIEW
            | "NetFront NX"
            | "Safari"
            | "WebKit Nightly"
    )
}

/// Makes it a bot, without a name if there is none.
pub(crate) fn become_bot(client: &mut Client, bot: Option<Browser>) {
    client.bot = bot.as_ref().map(|bot| bot.name.clone());
    client.browser = bot;
    client.kind = Some(ClientKind::Bot);
    client.device = Device {
        kind: Some(DeviceType::Bot),
        ..Device::default()
    };
}

fn browser(found: Named<'_>) -> Option<Browser> {
    Some(Browser {
        name: text::name(&found.name?).filter(|name| name != "Other")?,
        version: version::join(found.version.iter().map(Option::as_deref)),
    })
}

/// Gives an app its name where uap-core knows only the web view that shows its pages.
fn name_app(client: &mut Client, user_agent: &str) {
    let name = client.browser.as_ref().map(|browser| browser.name.as_str());
    if name == Some(WEB_VIEW) {
        client.kind = Some(ClientKind::App);
    }
    let is_unnamed = matches!(name, None | Some(WEB_VIEW | "Android"));
    if client.kind == Some(ClientKind::App) && is_unnamed {
        client.browser = product(user_agent).or_else(|| client.browser.take());
    }
}

/// The name and version that a User-Agent begins with, where it is not in the form that all
/// browsers have taken over from Mozilla: `Name/1.2 (…)`.
fn product(user_agent: &str) -> Option<Browser> {
    let end = user_agent.find(['(', ';', ',']).unwrap_or(user_agent.len());
    let product = &user_agent[..end];
    let (name, rest) = product
        .split_once('/')
        .or_else(|| product.split_once(" v"))
        .unwrap_or((product, ""));
    let number = rest.split([' ', '-', '+']).next();
    let is_name = name.starts_with(char::is_alphabetic)
        && name.len() <= LONGEST_PRODUCT
        && !matches!(name, "null" | "undefined" | "None")
        && !user_agent.contains("Mozilla/");
    Some(Browser {
        name: text::name(name).filter(|_| is_name)?,
        version: version::join([number.and_then(version::numeric)]),
    })
}

/// Vendor and model, without uap-core's words for unknown ones.
fn device(found: &UapDevice<'_>) -> Device {
    let is_generic = |vendor: &str| vendor.starts_with("Generic");
    if found.brand.as_deref() == Some(SPIDER) {
        return Device::default();
    }
    let vendor = found.brand.as_deref();
    let is_model = |model: &&str| match vendor {
        Some("Generic") => false,
        Some(vendor) if is_generic(vendor) => *model != "K",
        // uap-core reads `HuaweiBrowser` as Huawei's model `Browser`.
        _ => !matches!(*model, "iOS-Device" | "Browser"),
    };
    let model = found.model.as_deref().filter(is_model);
    Device {
        kind: None,
        vendor: vendor
            .filter(|vendor| !is_generic(vendor))
            .and_then(text::name),
        model: model.and_then(text::name),
    }
}

/// The maker of an Android device's model.
pub(crate) fn vendor(engine: &Engine, model: &str) -> Option<String> {
    device(&engine.read(&with_model(model)).device()?).vendor
}

/// The User-Agent of an Android device in the form that most rules know, with the build behind the
/// model.
pub(crate) fn with_model(model: &str) -> String {
    format!("Mozilla/5.0 (Linux; Android 14; {model} Build/K) AppleWebKit/537.36")
}
