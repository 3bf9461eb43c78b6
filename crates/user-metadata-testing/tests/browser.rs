//! The browser loads pages, fills in inputs, clicks and shows text.
#![cfg(feature = "browser")]

use user_metadata_testing::browser::Browser;
use user_metadata_testing::require;

#[test]
fn a_page_is_filled_in_and_answers() {
    let browser = require!(Browser::start());
    browser.open(
        "data:text/html,<input id=name value=old><button id=greet \
         onclick=\"out.innerText = 'Hello ' + document.getElementById('name').value\">greet</button>\
         <p id=out>nothing yet</p>",
    );
    browser.fill_in("#name", "John");
    browser.click("#greet");
    let shown = browser.wait_for_text("#out", |shown| shown.starts_with("Hello"));
    assert_eq!(shown, "Hello John");
    assert_eq!(browser.run("return 6 * 7"), 42);
}
