//! A look into MongoDB.

use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};
use serde_json::Value;

pub(crate) async fn database(url: &str) -> Database {
    let client = Client::with_uri_str(url).await.unwrap();
    client.default_database().unwrap()
}

async fn all(url: &str, collection: &str) -> Vec<Document> {
    let collection = database(url).await.collection(collection);
    let mut cursor = collection.find(doc! {}).await.unwrap();
    let mut found = Vec::new();
    while cursor.advance().await.unwrap() {
        found.push(cursor.deserialize_current().unwrap());
    }
    found
}

pub(crate) async fn events(url: &str) -> Vec<Document> {
    all(url, "events").await
}

pub(crate) async fn users(url: &str) -> Vec<Document> {
    all(url, "users").await
}

/// The event as it was: `id` for `_id`, dates as milliseconds.
pub(crate) fn json(mut document: Document) -> Value {
    let id = document.remove("_id").unwrap();
    document.remove("_record").unwrap();
    document.insert("id", id);
    plain(document.into())
}

fn plain(bson: Bson) -> Value {
    match bson {
        Bson::DateTime(date) => date.timestamp_millis().into(),
        Bson::Document(document) => {
            let fields = document.into_iter();
            fields.map(|(key, value)| (key, plain(value))).collect()
        }
        Bson::Array(values) => values.into_iter().map(plain).collect(),
        Bson::String(text) => text.into(),
        Bson::Boolean(is_it) => is_it.into(),
        Bson::Int32(number) => number.into(),
        Bson::Int64(number) => number.into(),
        Bson::Double(number) => number.into(),
        Bson::Null => Value::Null,
        other => panic!("{other:?}"),
    }
}
