//! What a User-Agent alone tells.

use ua_parser::{device, user_agent};

use crate::class::class;
use crate::engine::Engine;
use crate::system::system;
use crate::{Browser, Client, ClientKind, Device, DeviceType, text, version};

/// uap-core's device family for crawlers.
const SPIDER: &str = "Spider";
/// uap-core's browser family for pages in apps of iOS.
pub(crate) const WEB_VIEW: &str = "Mobile Safari UI/WKWebView";

pub(crate) fn describe(engine: &Engine, user_agent: &str) -> Client {
    let mut client = Client {
        browser: engine
            .browsers
            .extract(user_agent)
            .as_ref()
            .and_then(browser),
        os: system(engine, user_agent),
        kind: engine.kinds.find(user_agent),
        ..Client::default()
    };
    if client.kind == Some(ClientKind::Library) {
        // It runs somewhere, but on no device of a person.
        client.browser = client.browser.or_else(|| product(user_agent));
        return client;
    }
    let found = engine.devices.extract(user_agent);
    let is_spider = found.as_ref().is_some_and(|found| found.device == SPIDER);
    let named = engine.named_bots.extract(user_agent);
    let named = named.as_ref().and_then(browser);
    let form = engine.bot_forms.extract(user_agent);
    let form = form.as_ref().and_then(browser);
    if is_spider || named.is_some() || form.is_some() {
        // Of a bot that dresses up as a browser, uap-core may know only the dress.
        let is_plain = is_spider || !user_agent.starts_with("Mozilla/");
        let known = client.browser.take().filter(|_| is_plain);
        become_bot(&mut client, named.or(known).or(form));
        return client;
    }
    name_app(&mut client, user_agent);
    client.device = found.as_ref().map(device).unwrap_or_default();
    if client.device.vendor.is_none() {
        let model = client.device.model.as_deref();
        client.device.vendor = model.and_then(|model| vendor(engine, model));
    }
    if client.os.as_ref().is_some_and(|os| os.name == "iPadOS") {
        client.device.model = Some("iPad".to_owned());
    }
    client.device.kind = class(engine, user_agent, &client, found.is_some());
    client
}

/// Makes it a bot, if need be without a name.
pub(crate) fn become_bot(client: &mut Client, bot: Option<Browser>) {
    client.bot = bot.as_ref().map(|bot| bot.name.clone());
    client.browser = bot;
    client.kind = Some(ClientKind::Bot);
    client.device = Device {
        kind: Some(DeviceType::Bot),
        ..Device::default()
    };
}

fn browser(found: &user_agent::ValueRef<'_>) -> Option<Browser> {
    let parts = [found.major, found.minor, found.patch, found.patch_minor];
    Some(Browser {
        name: text::name(&found.family).filter(|name| name != "Other")?,
        version: version::join(parts),
    })
}

/// Gives an app its name where uap-core knows only what its pages are shown with.
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
    let is_name = name.starts_with(char::is_alphabetic) && !user_agent.contains("Mozilla/");
    Some(Browser {
        name: text::name(name).filter(|_| is_name)?,
        version: version::join([number.and_then(version::numeric)]),
    })
}

/// Vendor and model, without uap-core's words for not knowing them.
fn device(found: &device::ValueRef<'_>) -> Device {
    let is_generic = |vendor: &str| vendor.starts_with("Generic");
    let vendor = found.brand.as_deref();
    let is_model = |model: &&str| match vendor {
        Some("Generic") => false,
        Some(vendor) if is_generic(vendor) => *model != "K",
        // From `HuaweiBrowser` it takes that Huawei makes a `Browser`.
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

/// Who makes a model of an Android device.
pub(crate) fn vendor(engine: &Engine, model: &str) -> Option<String> {
    device(&engine.devices.extract(&with_model(model))?).vendor
}

/// The User-Agent of an Android device in the form that most rules know, with the build behind the
/// model.
pub(crate) fn with_model(model: &str) -> String {
    format!("Mozilla/5.0 (Linux; Android 14; {model} Build/K) AppleWebKit/537.36")
}
