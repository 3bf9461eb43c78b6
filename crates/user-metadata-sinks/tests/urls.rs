//! Invalid sink URLs, and their error messages.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;

use user_metadata_sinks::SinkUrl;

const WRONG: [&str; 76] = [
    "",
    "stdout",
    "./users.sqlite",
    "mysql:x",
    "SQLITE:x",
    "sqlite3:x",
    ":x",
    "hunter2@db:5432",
    "password-that-is-long:x",
    "stdout:here",
    "stdout://",
    "sqlite:",
    "sqlite:?name=x",
    "sqlite://",
    "sqlite://host/users.sqlite",
    "sqlite:./data/",
    "sqlite:100%.sqlite",
    "sqlite:a%00b",
    "sqlite:x?ip=half",
    "sqlite:x?ip",
    "sqlite:x?ip=%",
    "sqlite:x?name=",
    "sqlite:x?name=Archive",
    "sqlite:x?name=a.b",
    "sqlite:x?name=%C3%A9",
    "sqlite:x?name=a&name=b",
    "sqlite:x?ip=full&ip=none",
    "sqlite:x?sync=full",
    "stdout:?rotate=64MiB",
    "sqlite:x?hunter2%21",
    "sqlite:who?hunter2@host/x",
    "postgres:",
    "postgres://",
    "postgres:/u@h/d",
    "postgres://h/d",
    "postgres://u@h",
    "postgres://u@h/",
    "postgres://:hunter2@h/d",
    "postgres://u:hunter2@/d",
    "postgres://u:hunter2/x@h/d",
    "postgres://u:hunter2%@h/d",
    "postgres://u:hunter2@h:port/d",
    "postgres://u:hunter2@[::1/d",
    "postgresql://u:hunter2@h/d?password-file=x",
    "postgres://u@h/d?sslmode=verify-ca&schema=",
    "postgres://u@h/d?connections=0",
    "postgres://u@h/d?keep=1y",
    "postgres://u@h/d?users=yes",
    "file:",
    "file:./data/",
    "file:x?rotate=0",
    "file:x?rotate=64MB",
    "file:x?rotate=",
    "file:x?keep=0",
    "file:x?keep=many",
    "webhook:",
    "webhook:example.com/hook?secret-file=x",
    "webhook:https://example.com/hook",
    "webhook:https://example.com/hook?secret-file=",
    "webhook:https://user:hunter2@example.com/?secret-file=x",
    "webhook:http://example.com/?secret-file=x",
    "webhook:https://example.com/?a=hunter2&secret-file=x",
    "webhook:https://example.com/%zz?secret-file=x",
    "webhook:https://example.com/?secret-file=x&timeout=10",
    "webhook:https://example.com/?secret-file=x&timeout=1h",
    "webhook:https://example.com/?secret-file=x&plain=no",
    "webhook:https://example.com/?secret-file=x&region=eu",
    "segment:",
    "segment:hunter2",
    "segment:?token=hunter2",
    "mixpanel:?token-file=x&region=mars",
    "amplitude:?token-file=x&host=http://example.com",
    "posthog:?token-file=x&host=https://u:hunter2@example.com",
    "ga4:?token-file=x",
    "ga4:UA-1?token-file=x",
    "ga4:G-1A2B3C",
];

#[test]
fn a_url_that_cannot_be_right_is_refused_with_its_remedy() {
    let mut said = String::new();
    for text in WRONG {
        let error = text.parse::<SinkUrl>().unwrap_err();
        writeln!(said, "{text}\n    {error}").unwrap();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    insta::assert_snapshot!(said);
}

#[test]
fn ways_to_write_the_same_sink_are_the_same() {
    for (one, other) in [
        ("stdout:", "stdout:?"),
        ("stdout:", "stdout:?name=stdout&ip=full"),
        ("sqlite:/a/b", "sqlite:///a/b"),
        ("sqlite:/a/b", "sqlite:/a/%62?&"),
        ("file:a?rotate=1MiB&keep=10", "file:a?rotate=1048576"),
        (
            "segment:?token-file=x",
            "segment:?token-file=x&region=us&ip=truncate&timeout=30s",
        ),
        (
            "posthog:?token-file=x&host=https://a/",
            "posthog:?token-file=x&host=https://a",
        ),
        ("sqlite:a?name=x&ip=none", "sqlite:a?ip=none&name=%78"),
        (
            "postgres://u@h/d",
            "postgresql://u:@h:5432/d?sslmode=prefer&users=on&sessions=off",
        ),
        (
            "postgres://u@h/d?timeout=60s&keep=14d",
            "postgres://u@h/d?timeout=1m&keep=2w",
        ),
        (
            "postgres://%75:p%40@[::1]/d",
            "postgres://u:p@@[::1]:5432/%64",
        ),
    ] {
        let [one, other] = [one, other].map(|text| text.parse::<SinkUrl>().unwrap());
        assert_eq!(one, other);
    }
}

#[test]
fn a_password_is_not_shown() {
    let url: SinkUrl = "postgres://u:hunter2@h/d".parse().unwrap();
    let shown = format!("{url:?}");
    assert!(
        shown.contains("***") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn the_name_is_the_scheme_unless_it_is_given() {
    let name = |text: &str| text.parse::<SinkUrl>().unwrap().name().to_owned();
    assert_eq!(name("stdout:"), "stdout");
    assert_eq!(name("sqlite:./data/user-metadata.sqlite"), "sqlite");
    assert_eq!(name("postgresql://u@h/d"), "postgres");
    assert_eq!(name("sqlite:x?name=archive-2"), "archive-2");
}

#[cfg(feature = "sqlite")]
#[test]
fn the_path_is_the_name_of_a_file_whatever_characters_it_has() {
    let dir = tempfile::tempdir().unwrap();
    for (written, meant) in [
        ("what%3f%20100%25.db", "what? 100%.db"),
        ("a+b#c&d.db", "a+b#c&d.db"),
        (":memory:", ":memory:"),
        ("file:x.db", "file:x.db"),
        ("%C3%A9t%C3%A9.db", "été.db"),
    ] {
        let url = format!("sqlite:{}/{written}", dir.path().display());
        drop(url.parse::<SinkUrl>().unwrap().open().unwrap());
        assert!(dir.path().join(meant).is_file(), "{written}");
    }
}

#[cfg(not(feature = "sqlite"))]
#[test]
fn a_sink_that_is_not_built_in_names_the_feature_that_it_needs() {
    let url: SinkUrl = "sqlite:x".parse().unwrap();
    let error = url.open().unwrap_err();
    assert!(error.to_string().contains("feature `sqlite`"), "{error}");
}
