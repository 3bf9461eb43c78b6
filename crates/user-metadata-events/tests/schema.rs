//! The JSON Schema agrees with the types.
#![allow(
    clippy::unwrap_used,
    reason = "a test that can't read its fixture has failed"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

fn crate_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).unwrap()).ok()
}

fn schema() -> (Schemas, SchemaIndex) {
    let mut schemas = Schemas::new();
    let path = crate_file("schema/user-metadata-event.v1.json");
    let index = Compiler::new()
        .compile(path.to_str().unwrap(), &mut schemas)
        .unwrap();
    (schemas, index)
}

#[test]
fn good_fixtures_match_the_schema_and_bad_ones_do_not() {
    let (schemas, index) = schema();
    let mut seen = 0;
    for entry in std::fs::read_dir(crate_file("../../fixtures/events")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // The reader is lenient in one point: `null` counts as an absent key. A validator can't see
        // a duplicate key.
        let skipped = ["null-is-absent.json", "bad-duplicate-key.json"];
        if !name.ends_with(".json") || skipped.contains(&name.as_str()) {
            continue;
        }
        let Some(value) = read(&path) else { continue };
        let result = schemas.validate(&value, index);
        assert_eq!(
            result.is_ok(),
            !name.starts_with("bad-"),
            "{name}: {result:?}"
        );
        seen += 1;
    }
    assert!(seen > 10, "only {seen} fixtures");
}

/// `full.json` has every field, which the first assertion holds to the types: it is what the types
/// write of it.
#[test]
fn the_schema_names_every_field_of_the_types_and_no_other() {
    let full = std::fs::read(crate_file("../../fixtures/events/full.json")).unwrap();
    let event = user_metadata_events::UserMetadataEvent::decode(Some(&full)).unwrap();
    assert!(event.extra.is_empty() && event.metadata.extra.is_empty());
    let written: Value = serde_json::from_slice(&event.encode().unwrap()).unwrap();
    let schema = read(&crate_file("schema/user-metadata-event.v1.json")).unwrap();
    assert_eq!(
        keys_of_value(&written, ""),
        keys_of_schema(&schema, &schema, "")
    );
}

fn keys_of_value(value: &Value, path: &str) -> BTreeSet<String> {
    let Some(object) = value.as_object() else {
        return BTreeSet::from([path.to_owned()]);
    };
    let nested = object.iter();
    nested
        .flat_map(|(key, value)| keys_of_value(value, &format!("{path}/{key}")))
        .collect()
}

fn keys_of_schema(root: &Value, schema: &Value, path: &str) -> BTreeSet<String> {
    let reference = schema.get("$ref").and_then(Value::as_str);
    let target = reference.and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    let mut keys = BTreeSet::new();
    for schema in target.into_iter().chain([schema]) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, property) in properties.into_iter().flatten() {
            keys.extend(keys_of_schema(root, property, &format!("{path}/{key}")));
        }
    }
    if keys.is_empty() {
        keys.insert(path.to_owned());
    }
    keys
}
