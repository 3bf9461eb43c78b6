//! `cargo quickstart`, as typed right after cloning the repository.
#![cfg(all(feature = "browser", feature = "load"))]
#![allow(clippy::unwrap_used)]

mod support;

use std::net::TcpStream;
use std::time::Duration;

use support::{DELIVERED, Database, chrome_on_windows_11};
use user_metadata_testing::browser::Browser;
use user_metadata_testing::process::Program;
use user_metadata_testing::{Port, Scratch, require};

/// A cold build on a busy machine.
const BUILD: Duration = Duration::from_secs(900);

#[test]
fn one_command_leads_from_a_clone_to_a_row_in_the_database() {
    let browser = require!(Browser::start());
    let scratch = Scratch::new("quickstart");
    let data = scratch.file("data");
    let ports = [Port::free(), Port::free(), Port::free()];
    let [listen, admin, consumer] = ports.each_ref().map(ToString::to_string);
    let quickstart = Program::new(env!("CARGO"))
        .args(["quickstart", "--listen", &listen, "--admin-listen", &admin])
        .args(["--consumer-listen", &consumer, "--data-dir", &data])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .start()
        .unwrap();
    let line = quickstart.stdout().wait_long_for("Open http://", BUILD);
    let address = line
        .split(' ')
        .find(|word| word.starts_with("http://"))
        .unwrap();

    browser.pass_as(&chrome_on_windows_11());
    browser.open(address);
    browser.click("#submit");
    drop(browser.wait_for_text("#facts", |shown| shown.contains("Desktop")));
    let delivered = quickstart.stderr().wait_for(DELIVERED);
    assert!(delivered.starts_with("ws-server | "), "{delivered}");
    let database = Database::open(&format!("{data}/user-metadata.sqlite"));
    database.wait_for_rows(1);
    let row = database.row_of("user-123", "username, os, device, ip");
    assert_eq!(row, ["John", "Windows 11", "Desktop", "127.0.0.1"]);

    let ended = quickstart.stop();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    for port in ports {
        TcpStream::connect(port.address()).unwrap_err();
    }
}
