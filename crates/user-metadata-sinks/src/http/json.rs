use serde_json::Value;

/// Removes nulls and empty objects: vendors show those as values.
pub(crate) fn compact(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let kept = object.into_iter().map(|(key, value)| (key, compact(value)));
            Value::Object(kept.filter(|(_, value)| !is_nothing(value)).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(compact).collect()),
        value => value,
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// The first `max` characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    text.char_indices()
        .nth(max)
        .map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_unknown_is_absent() {
        let full = json!({"a": null, "b": {"c": null, "d": {}}, "e": [{"f": null}], "g": false});
        assert_eq!(compact(full), json!({"e": [{}], "g": false}));
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(cut("🦀🦀🦀", 2), "🦀🦀");
        assert_eq!(cut("ab", 2), "ab");
        assert_eq!(cut("", 0), "");
    }
}
