//! The keys of a text: those of a JSON object, else the whole text under one name.

use std::collections::BTreeMap;

use serde_json::Value;

/// The key of what has no keys of its own.
pub const WHOLE: &str = "value";

/// Numbers and booleans are taken as they are written; lists, maps and nulls are no values of a variable.
pub fn keys(text: &str) -> BTreeMap<String, Vec<u8>> {
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else { return whole(text.as_bytes()) };
    let fields = fields.into_iter().filter_map(|(key, value)| match value {
        Value::String(text) => Some((key, text.into_bytes())),
        Value::Number(_) | Value::Bool(_) => Some((key, value.to_string().into_bytes())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    });
    fields.collect()
}

pub fn whole(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    [(WHOLE.to_owned(), bytes.to_vec())].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        keys(text)
            .into_iter()
            .map(|(key, bytes)| (key, String::from_utf8(bytes).unwrap_or_default()))
            .collect()
    }

    #[test]
    fn an_object_has_keys_and_any_other_text_is_a_value() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let of_database = r#"{"username": "app", "port": 3306, "tls": true, "more": {"a": 1}, "none": null}"#;
        assert_eq!(read(of_database), [pair("port", "3306"), pair("tls", "true"), pair("username", "app")]);
        assert_eq!(read("sk_live_1"), [pair("value", "sk_live_1")]);
        assert_eq!(read(r#"["a"]"#), [pair("value", r#"["a"]"#)]);
        assert_eq!(read(""), [pair("value", "")]);
    }
}
