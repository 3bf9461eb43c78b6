//! A headless Chromium, driven by chromedriver over the WebDriver protocol.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http;
use crate::missing::{Missing, tool};
use crate::port::Port;
use crate::process::{Program, Running};
use crate::scratch::Scratch;
use crate::until::until;

/// A browser with an empty profile, closed when this is dropped.
#[derive(Debug)]
pub struct Browser {
    session: String,
    port: Port,
    _driver: Running,
    _profile: Scratch,
}

/// It connects to nothing but the pages that it is told to open.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// The key under which WebDriver returns element ids.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

impl Browser {
    /// Starts a browser.
    ///
    /// # Errors
    ///
    /// [`Missing`] without Chromium or chromedriver.
    pub fn start() -> Result<Self, Missing> {
        let chromium = tool("chromium", "install Chromium")?;
        let driver = tool("chromedriver", "install chromedriver")?;
        let port = Port::free();
        let profile = Scratch::new("chromium");
        let driver = Program::new(driver)
            .args([format!("--port={}", port.number())])
            .must_start();
        until("chromedriver", Duration::from_secs(30), || {
            http::get(port.address(), "/status").ok()
        });
        let mut flags = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let options = json!({ "binary": chromium, "args": flags });
        let wanted =
            json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = call(&port, "POST", "/session", &wanted);
        Ok(Self {
            session: format!("/session/{}", text(&session["sessionId"])),
            port,
            _driver: driver,
            _profile: profile,
        })
    }

    /// Makes it identify as another browser, in headers and to scripts: parameters of
    /// [`Emulation.setUserAgentOverride`][1]. Headless, it would say `HeadlessChrome`.
    ///
    /// [1]: https://chromedevtools.github.io/devtools-protocol/tot/Emulation/#method-setUserAgentOverride
    pub fn pass_as(&self, user_agent: &Value) {
        let command = json!({ "cmd": "Emulation.setUserAgentOverride", "params": user_agent });
        self.command("/goog/cdp/execute", &command);
    }

    /// Opens a page and waits until it is loaded.
    pub fn open(&self, url: &str) {
        self.command("/url", &json!({ "url": url }));
    }

    /// Replaces the text of the input that a CSS selector finds.
    pub fn fill_in(&self, input: &str, value: &str) {
        let element = self.find(input);
        self.command(&format!("{element}/clear"), &json!({}));
        self.command(&format!("{element}/value"), &json!({ "text": value }));
    }

    /// Clicks on the element that a CSS selector finds.
    pub fn click(&self, element: &str) {
        let element = self.find(element);
        self.command(&format!("{element}/click"), &json!({}));
    }

    /// Runs JavaScript, the body of a function, and returns its result.
    #[must_use]
    pub fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits until the text of the element that a CSS selector finds is as wanted, and returns it.
    #[must_use]
    pub fn wait_for_text(&self, element: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        let script = format!(
            "return document.querySelector({})?.innerText ?? ''",
            json!(element)
        );
        until(element, Duration::from_secs(30), || {
            let shown = text(&self.run(&script)).to_owned();
            is_wanted(&shown).then_some(shown)
        })
    }

    fn find(&self, selector: &str) -> String {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.command("/element", &wanted);
        format!("/element/{}", text(&found[ELEMENT]))
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        call(&self.port, "POST", &format!("{}{path}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Closes Chromium, which would outlive its driver.
        drop(http::request(
            self.port.address(),
            "DELETE",
            &self.session,
            "",
        ));
    }
}

fn call(port: &Port, method: &str, path: &str, body: &Value) -> Value {
    let response = http::request(port.address(), method, path, &body.to_string());
    let response = response.unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(response.status, 200, "{path}: {}", response.body);
    let mut answer: Value = serde_json::from_str(&response.body).unwrap_or_default();
    answer["value"].take()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}
