//! Processes end when they should, and never outlive the test.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use user_metadata_testing::process::{Program, Running};
use user_metadata_testing::until;

fn shell(script: &str) -> Running {
    Program::new("/bin/sh")
        .args(["-c", script])
        .start()
        .unwrap()
}

fn wait_until_gone(pid: u32) {
    until("the end of the process", Duration::from_secs(10), || {
        (!is_running(pid)).then_some(())
    });
}

/// A zombie that was not waited for has ended, too.
fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn lines_and_exit_code_are_collected() {
    let ended = shell("echo out; echo err >&2; exit 3").wait();
    assert_eq!(ended.code, Some(3));
    assert_eq!(ended.stdout, ["out"]);
    assert_eq!(ended.stderr, ["err"]);
}

#[test]
fn a_stop_lets_the_program_clean_up_and_a_kill_does_not() {
    let script = "trap 'kill $!; echo bye; exit 0' TERM; sleep 60 >/dev/null 2>&1 & echo up; wait";
    let stopped = shell(script);
    assert_eq!(stopped.stdout().wait_for("up"), "up");
    let stopped = stopped.stop();
    assert_eq!((stopped.code, stopped.stdout.len()), (Some(0), 2));
    let killed = shell("echo up; exec sleep 60");
    assert_eq!(killed.stdout().wait_for_count(1), ["up"]);
    assert_eq!(killed.kill().code, None);
}

#[test]
fn a_program_ends_when_its_value_is_dropped() {
    let running = shell("exec sleep 60");
    let pid = running.pid();
    assert!(is_running(pid));
    drop(running);
    wait_until_gone(pid);
}

#[test]
fn a_program_ends_when_the_process_that_started_it_is_killed() {
    // This same test again, as the process to kill: it starts a program and prints its id.
    let role = "USER_METADATA_TEST_ROLE";
    if std::env::var_os(role).is_some() {
        let running = shell("exec sleep 60");
        eprintln!("\nstarted {}", running.pid());
        drop(running.wait());
        return;
    }
    let test = "a_program_ends_when_the_process_that_started_it_is_killed";
    let parent = Program::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(role, "parent")
        .start()
        .unwrap();
    let line = parent.stderr().wait_for("started ");
    let pid: u32 = line.trim_start_matches("started ").parse().unwrap();
    assert!(is_running(pid));
    drop(parent.kill());
    wait_until_gone(pid);
}

#[test]
fn a_frozen_program_goes_on_when_it_is_thawed() {
    let running = shell("exec sleep 60");
    running.freeze();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", running.pid())).unwrap();
    assert!(state().contains(") T "));
    running.thaw();
    until("the thaw", Duration::from_secs(10), || {
        (!state().contains(") T ")).then_some(())
    });
}

#[test]
#[should_panic(expected = "a line with \"never\" was expected, but the program ended:\nonly this")]
fn a_line_that_never_comes_is_reported_with_those_that_came() {
    drop(shell("echo only this").stdout().wait_for("never"));
}

#[test]
fn what_is_missing_is_named_with_its_remedy() {
    let missing = user_metadata_testing::tool("no-such-tool", "install it").unwrap_err();
    assert_eq!(missing.to_string(), "no-such-tool (install it)");
    let sh = user_metadata_testing::tool("sh", "").unwrap();
    assert!(Path::new(&sh).is_file());
}
