//! The fields of the event and the columns of `events` in `docs/integrations` exist.
#![allow(clippy::unwrap_used)] // helpers

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The SQL of a page, without its comments.
fn sql(page: &str) -> String {
    let page = read(&format!("docs/integrations/{page}.md"));
    let blocks = page.split("```sql\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    let lines = lines.map(|line| line.split("--").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// Every dotted path of the schema, and whether it is a value rather than an object.
fn schema() -> (BTreeSet<String>, BTreeSet<String>) {
    let schema: Value = serde_json::from_str(&read(
        "crates/user-metadata-events/schema/user-metadata-event.v1.json",
    ))
    .unwrap();
    let (mut all, mut values) = (BTreeSet::new(), BTreeSet::new());
    walk(&schema, &schema, "", &mut all, &mut values);
    (all, values)
}

fn walk(
    schema: &Value,
    at: &Value,
    path: &str,
    all: &mut BTreeSet<String>,
    values: &mut BTreeSet<String>,
) {
    let named = at["$ref"].as_str().map(|name| {
        let name = name.strip_prefix("#/$defs/").unwrap();
        &schema["$defs"][name]
    });
    let mut is_value = true;
    for part in named.into_iter().chain([at]) {
        for (key, below) in part["properties"].as_object().into_iter().flatten() {
            is_value = false;
            let path = format!("{path}.{key}");
            let path = path.trim_start_matches('.');
            all.insert(path.to_owned());
            walk(schema, below, path, all, values);
        }
    }
    if is_value {
        values.insert(path.to_owned());
    }
}

/// The texts between two markers, up to the first `end` outside of them.
fn quoted(text: &str, mark: char, end: char) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find([mark, end]) {
        if rest[at..].starts_with(end) {
            break;
        }
        let (inside, after) = rest[at + 1..].split_once(mark).unwrap();
        found.push(inside);
        rest = after;
    }
    found
}

/// The columns that are `… AS name` in the SELECT that begins with `head`.
fn columns(sql: &str, head: &str) -> Vec<String> {
    let select = sql.split(head).nth(1).unwrap();
    let select = &select[select.find("SELECT").unwrap()..];
    let select = select.split("\nFROM").next().unwrap();
    let names = select.lines().filter_map(|line| line.rsplit_once(" AS "));
    // Followed by a bracket: a cast.
    let names = names.filter(|(_, name)| !name.contains(')'));
    let names = names.map(|(_, name)| name.trim_matches([',', '`', '"']).to_owned());
    names.collect()
}

/// The columns of the SQLite sink, which all databases have.
fn columns_of_events() -> Vec<String> {
    let schema = read("crates/user-metadata-sinks/src/sqlite/version_1.sql");
    let table = schema.split("CREATE TABLE events (").nth(1).unwrap();
    let table = table.split(") STRICT").next().unwrap();
    let names = table
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let names: Vec<String> = names.map(ToOwned::to_owned).collect();
    assert_eq!(names.len(), 14, "{names:?}");
    names
}

fn assert_known(page: &str, paths: &[String]) {
    let (known, _) = schema();
    assert!(paths.len() > 14, "{page}: {paths:?}");
    let unknown: Vec<_> = paths.iter().filter(|path| !known.contains(*path)).collect();
    assert!(unknown.is_empty(), "{page}: no such field: {unknown:?}");
}

/// The fields that are not in `details` as they have a column.
fn assert_left_out(page: &str, sql: &str, before: &str, end: char) {
    let (known, _) = schema();
    let lists: Vec<_> = sql.split(before).skip(1).collect();
    assert!(lists.len() >= 2, "{page}");
    for name in lists.into_iter().flat_map(|list| quoted(list, '\'', end)) {
        let is_known = |path: &String| path.rsplit('.').next() == Some(name);
        assert!(known.iter().any(is_known), "{page}: no field {name}");
    }
}

#[test]
fn clickhouse_names_fields_and_columns_that_there_are() {
    let sql = sql("clickhouse");
    let mut paths = Vec::new();
    for call in sql.split("JSONExtract").skip(1) {
        let (function, arguments) = call.split_once('(').unwrap();
        assert!(arguments.starts_with("event"), "{call}");
        let mut path = quoted(arguments, '\'', ')');
        if function.is_empty() {
            // The type comes last.
            path.pop();
        }
        if !path.is_empty() {
            paths.push(path.join("."));
        }
    }
    assert_known("clickhouse", &paths);
    assert_left_out("clickhouse", &sql, "NOT IN (", ')');
    assert_eq!(columns(&sql, "events_from_queue"), columns_of_events());
    let table = sql
        .split("CREATE TABLE user_metadata.events\n(")
        .nth(1)
        .unwrap();
    let table = table.split("\n)").next().unwrap();
    let names = table
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    assert_eq!(names.collect::<Vec<_>>(), columns_of_events());
}

#[test]
fn flink_names_fields_and_columns_that_there_are() {
    let sql = sql("flink-sql");
    let (table, view) = sql.split_once("CREATE VIEW").unwrap();
    let table = table.split("joined_at AS").next().unwrap();
    let table = table.split_once('(').unwrap().1;
    // `name` TYPE, or `name` ROW<…>
    let (mut paths, mut outer) = (Vec::new(), Vec::new());
    let mut name = "";
    for (index, part) in table.split('`').enumerate() {
        if index % 2 == 1 {
            name = part;
            paths.push([&outer[..], &[name]].concat().join("."));
            continue;
        }
        if part.trim_start().starts_with("ROW<") {
            outer.push(name);
        }
        for _ in part.matches('>') {
            outer.pop();
        }
    }
    assert!(outer.is_empty(), "{outer:?}");
    assert_known("flink-sql", &paths);
    // `metadata`.`agent`.`os`
    let chains = view.replace("`.`", ".");
    let chains = chains.split('`').skip(1).step_by(2);
    let chains = chains
        .filter(|chain| chain.contains('.'))
        .map(ToOwned::to_owned);
    assert_known("flink-sql", &chains.collect::<Vec<_>>());
    assert_eq!(columns(&sql, "CREATE VIEW"), columns_of_events());
    let (_, values) = schema();
    let missing: Vec<_> = values.iter().filter(|path| !paths.contains(path)).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}

#[test]
fn risingwave_names_fields_and_columns_that_there_are() {
    let sql = sql("risingwave");
    let table = sql.split("CREATE TABLE joins\n(").nth(1).unwrap();
    let table = table.split("\n)").next().unwrap();
    let names = table
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let names = names.map(|name| name.trim_matches('"').to_owned());
    let mut paths: Vec<String> = names.collect();
    let words: Vec<&str> = sql.split_whitespace().collect();
    for three in words.windows(3).filter(|three| three[1] == "->>") {
        let name = |word: &str| {
            let name = word.rsplit(['(', ' ']).next().unwrap();
            name.trim_matches(['"', '\'', ',', ')']).to_owned()
        };
        let key = three[2].split(')').next().unwrap();
        paths.push(format!("{}.{}", name(three[0]), name(key)));
    }
    assert_known("risingwave", &paths);
    assert_left_out("risingwave", &sql, "ARRAY[", ']');
    assert_eq!(
        columns(&sql, "CREATE MATERIALIZED VIEW"),
        columns_of_events()
    );
}

#[test]
fn opentelemetry_names_every_field_once_and_no_other() {
    let page = read("docs/integrations/opentelemetry.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let fields: Vec<&str> = rows.map(|row| row.split('`').next().unwrap()).collect();
    let named: BTreeSet<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    assert_eq!(named.len(), fields.len(), "one is named twice");
    assert_eq!(named, schema().1);
}

#[test]
fn a_page_with_an_unknown_field_would_be_noticed() {
    assert_eq!(
        quoted(
            "event, 'metadata', 'ip', 'Nullable(String)') x 'y'",
            '\'',
            ')'
        ),
        ["metadata", "ip", "Nullable(String)"]
    );
    let (all, values) = schema();
    assert!(all.contains("metadata.agent.os.versionFrozen"));
    assert!(all.contains("metadata.agent") && !values.contains("metadata.agent"));
    assert!(!all.contains("metadata.agent.os.frozen"));
    assert!(values.contains("connectionInfo.ipAddress"));
}
