//! Login and encryption with PostgreSQL.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::os::unix::fs::PermissionsExt;

use support::postgres::{fatal, join, unavailable, write};
use user_metadata_consumer::Sink;
use user_metadata_sinks::SinkUrl;
use user_metadata_testing::kafka::Authority;
use user_metadata_testing::postgres::Server;
use user_metadata_testing::require;

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_has_to_fix_is_fatal_and_no_secret_is_shown() {
    let server = require!(Server::start());
    let database = server.database();
    let attempt = async |url: String| {
        let url: SinkUrl = url.parse().unwrap();
        fatal(url.open().unwrap().prepare().await)
    };
    let (start, end) = database.url().rsplit_once('@').unwrap();
    let user = start.rsplit_once(':').unwrap().0;
    let said = attempt(format!("{user}:hunter2@{end}")).await;
    assert!(
        said.contains("28P01") && said.contains("correct the URL"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
    let said = attempt(format!("{user}@{end}")).await;
    assert!(said.contains("?password-file=FILE"), "{said}");
    let said = attempt(server.url().replace("/postgres", "/nowhere")).await;
    assert!(
        said.contains("3D000") && said.contains("create it"),
        "{said}"
    );
    database.execute(
        "CREATE ROLE guest LOGIN PASSWORD 'guest'; REVOKE ALL ON SCHEMA public FROM public",
    );
    let said = attempt(format!("postgres://guest:guest@{end}")).await;
    assert!(said.contains("?schema=NAME"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_may_be_in_a_file() {
    let server = require!(Server::start());
    let database = server.database();
    let (login, address) = database.url().rsplit_once('@').unwrap();
    let (user, password) = login.rsplit_once(':').unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{password}\n")).unwrap();
    let url = format!("{user}@{address}?password-file={}", file.path().display());
    let url: SinkUrl = url.parse().unwrap();
    write(&mut url.open().unwrap(), &[join(1, |_| {})]).await;
    assert_eq!(database.query("SELECT count(*) FROM events"), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_and_the_server_verified_where_that_is_asked_for() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign("postgres", &["localhost"]);
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    let server = require!(Server::start_with(&[
        "ssl=on",
        &format!("ssl_cert_file={certificate}"),
        &format!("ssl_key_file={key}"),
    ]));
    let database = server.database();
    let named = database.url().replace("127.0.0.1", "localhost");
    let root = authority.ca_file();
    let other = Authority::new();
    let is_encrypted = async |url: &str, options: &str| {
        let url: SinkUrl = format!("{url}?{options}").parse().unwrap();
        let mut sink = url.open().unwrap();
        sink.prepare().await?;
        let ssl = "SELECT bool_or(ssl), bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity
            USING (pid) WHERE application_name = 'user-metadata'";
        Ok(database.query(ssl)[0] == "t|t")
    };
    for (url, options, expected) in [
        (database.url(), "sslmode=prefer", true),
        (database.url(), "sslmode=disable", false),
        (database.url(), "sslmode=require", true),
        (
            &named,
            &format!("sslmode=verify-full&sslrootcert={root}"),
            true,
        ),
        (&named, &format!("sslmode=require&sslrootcert={root}"), true),
    ] {
        let encrypted: Result<bool, user_metadata_consumer::SinkError> =
            is_encrypted(url, options).await;
        assert_eq!(encrypted.unwrap(), expected, "{options}");
    }
    for (url, root) in [(&*named, other.ca_file()), (database.url(), root)] {
        let options = format!("sslmode=verify-full&sslrootcert={root}");
        let said = unavailable(is_encrypted(url, &options).await);
        assert!(said.contains("certificate"), "{said}");
    }
    let error = format!("{named}?sslmode=verify-full&sslrootcert={key}")
        .parse::<SinkUrl>()
        .unwrap()
        .open()
        .unwrap_err();
    assert!(error.to_string().contains("can't be read"), "{error}");
}
