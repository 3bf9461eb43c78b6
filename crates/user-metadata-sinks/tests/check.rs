//! A check connects and looks, and creates and changes nothing.
#![allow(clippy::unwrap_used, reason = "tests")]

#[cfg(any(feature = "postgres", feature = "mongodb"))]
mod support;

use user_metadata_consumer::SinkError;
use user_metadata_sinks::SinkUrl;

async fn check(url: impl AsRef<str>) -> Result<Vec<String>, SinkError> {
    url.as_ref().parse::<SinkUrl>().unwrap().check().await
}

async fn wrong(url: impl AsRef<str>) -> String {
    let error = check(url).await.unwrap_err();
    format!("{error:?}")
}

#[cfg(all(feature = "sqlite", feature = "file"))]
#[tokio::test]
async fn a_file_is_as_it_was_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let names = || std::fs::read_dir(folder.path()).unwrap().count();
    for (scheme, made) in [
        ("sqlite", "create the file and its tables"),
        ("file", "create the file"),
    ] {
        let url = format!("{scheme}:{}", path("new/of-it"));
        let expected = format!("a start would {made}");
        assert_eq!(check(&url).await.unwrap(), [expected]);
        assert_eq!(names(), 0, "{scheme}");
    }
    let foreign = path("foreign");
    std::fs::write(&foreign, "no lines of JSON\n").unwrap();
    for scheme in ["sqlite", "file"] {
        let said = wrong(format!("{scheme}:{foreign}")).await;
        assert!(said.contains("Foreign"), "{said}");
        let said = wrong(format!("{scheme}:{foreign}/in/a/file")).await;
        assert!(said.contains("Create"), "{said}");
    }
    let torn = path("torn");
    std::fs::write(&torn, "{}\n{").unwrap();
    let said = check(format!("file:{torn}")).await.unwrap();
    assert_eq!(
        said,
        ["a start would cut off the last line, which a crash has left incomplete"]
    );
    assert_eq!(std::fs::read_to_string(&torn).unwrap(), "{}\n{");
    assert_eq!(names(), 2);

    let url = format!("sqlite:{}", path("x.sqlite"));
    drop(url.parse::<SinkUrl>().unwrap().open().unwrap());
    assert_eq!(check(&url).await.unwrap(), [""; 0]);
    let url: SinkUrl = format!("file:{}", path("x.ndjson")).parse().unwrap();
    let sink = url.open().unwrap();
    let error = url.check().await.unwrap_err();
    assert!(format!("{error:?}").contains("InUse"), "{error:?}");
    drop(sink);
    assert_eq!(url.check().await.unwrap(), [""; 0]);
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_tells_what_a_start_would_change() {
    use support::postgres::{at, now, ready, write};
    use user_metadata_testing::{postgres::database, require};

    let database = require!(database());
    let url = database.url();
    let tables = "SELECT count(*) FROM pg_class WHERE relname IN ('settings', 'events')";
    let made = ["a start would create its tables"];
    assert_eq!(check(url).await.unwrap(), made);
    assert_eq!(check(format!("{url}?schema=s1")).await.unwrap(), made);
    assert_eq!(database.query(tables), ["0"]);

    let mut sink = ready(&database, "keep=400d").await;
    write(&mut sink, &[at(1, "ann", now())]).await;
    assert_eq!(check(url).await.unwrap(), [""; 0]);
    let options = "keep=40d&partition=day&index=ip&sessions=on";
    assert_eq!(
        check(format!("{url}?{options}")).await.unwrap(),
        [
            "a start would set `keep` to 40 days (it is 400 days), set `partition` to day (it is \
             month), create the index on (ip, timestamp), fill `sessions` from `events`"
        ]
    );
    assert_eq!(
        check(format!("{url}?keep=off")).await.unwrap(),
        ["a start would set `keep` to off (it is 400 days)"]
    );
    let settings = "SELECT keep, partition_by, to_regclass('events_ip') IS NULL,
        (SELECT count(*) FROM sessions) FROM settings";
    assert_eq!(database.query(settings), ["400 days|month|t|0"]);

    let user = format!("reader_{}", std::process::id());
    database.execute(&format!(
        "CREATE ROLE {user} LOGIN PASSWORD 'pw'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}"
    ));
    let (_, end) = url.rsplit_once('@').unwrap();
    let reader = format!("postgres://{user}:pw@{end}");
    let said = wrong(&reader).await;
    assert!(
        said.contains("grant insert on events, insert on users, update on users"),
        "{said}"
    );
    let said = wrong(format!("{reader}?schema=s1")).await;
    assert!(said.contains("may not create tables"), "{said}");
    database.execute(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
    database.execute("CREATE SCHEMA other; CREATE TABLE other.users ()");
    let said = wrong(format!("{url}?schema=other")).await;
    assert!(said.contains("a table users of another program"), "{said}");
}

#[cfg(feature = "mongodb")]
#[tokio::test]
async fn mongodb_tells_what_a_start_would_change() {
    use support::mongodb::database;
    use user_metadata_consumer::Sink as _;
    use user_metadata_testing::{mongo::shared, require};

    let url = require!(shared(&format!("check-{}", std::process::id())));
    let collections = async || database(&url).await.list_collection_names().await.unwrap();
    let made = ["a start would create the indexes of `events`"];
    assert_eq!(check(&url).await.unwrap(), made);
    assert!(collections().await.is_empty());

    let kept = format!("{url}?keep=90d");
    let sink: SinkUrl = kept.parse().unwrap();
    sink.open().unwrap().prepare().await.unwrap();
    assert_eq!(check(&kept).await.unwrap(), [""; 0]);
    let shorter = ["a start would keep events for 10 days (they are kept 90 days)"];
    assert_eq!(check(format!("{url}?keep=10d")).await.unwrap(), shorter);
    assert_eq!(check(format!("{url}?keep=10d")).await.unwrap(), shorter);
    let said = wrong(&url).await;
    assert!(said.contains("drop the index, or say how long"), "{said}");
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_is_not_to_drop_what_it_was_not_asked_to_forget() {
    use user_metadata_testing::redis::{Server, cli};
    use user_metadata_testing::require;

    let server = require!(Server::start());
    let url = server.url();
    assert_eq!(check(&url).await.unwrap(), [""; 0]);
    let set = |policy| cli(&url, &["CONFIG", "SET", "maxmemory-policy", policy]).unwrap();
    assert_eq!(set("allkeys-lru"), ["OK"]);
    let notes = check(&url).await.unwrap();
    assert!(
        notes[0].contains("eviction policy allkeys-lru"),
        "{notes:?}"
    );
    assert_eq!(set("volatile-lru"), ["OK"]);
    assert_eq!(check(&url).await.unwrap(), [""; 0]);
    assert_eq!(cli(&url, &["KEYS", "*"]).unwrap(), [""]);
}

#[cfg(all(feature = "webhook", feature = "segment"))]
#[tokio::test]
async fn a_sink_that_posts_connects_and_tells_that_it_cannot_know_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    std::fs::write(&key, secret).unwrap();
    let key = key.display();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    for url in [
        format!("webhook:{address}/hook?secret-file={key}"),
        format!("segment:?token-file={key}&host={address}"),
    ] {
        let limit = std::time::Duration::from_secs(10);
        let accepting = tokio::time::timeout(limit, listener.accept());
        let (said, accepted) = tokio::join!(check(&url), accepting);
        accepted.unwrap().unwrap();
        assert_eq!(said.unwrap(), ["the key is checked with the first event"]);
    }
    drop(listener);
    let said = wrong(format!("webhook:{address}/hook?secret-file={key}")).await;
    assert!(
        said.starts_with("Unavailable") && said.contains("NoAnswer"),
        "{said}"
    );
    assert!(!said.contains(secret), "{said}");
}
