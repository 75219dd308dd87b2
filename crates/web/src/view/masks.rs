//! What is masked of a service's data on its way to another environment, by name. Pure.

use std::collections::BTreeMap;

use api::project::ServiceMasks;
use serde_json::Value;

/// By service, each column, key and prefix with the word of its mask.
pub fn named(masks: &BTreeMap<String, ServiceMasks>) -> Vec<(String, String)> {
    let of = |(service, masks): (&String, &ServiceMasks)| {
        let columns = masks.columns.iter().map(|(column, mask)| format!("{column}: {}", word(mask)));
        let rules = masks.values.iter().map(|rule| {
            let said = |name: &str| rule.get(name).and_then(Value::as_str);
            let field = said("field").map(|field| format!(" {field}")).unwrap_or_default();
            let mask = rule.get("mask").map_or("null", word);
            format!("{}{field}: {mask}", said("keys").unwrap_or("*"))
        });
        let prefixes = masks.prefixes.iter().map(|(prefix, mask)| format!("{prefix}*: {}", word(mask)));
        let denied = masks.deny.then(|| "nothing else that could be personal".to_owned());
        let all: Vec<String> = columns.chain(rules).chain(prefixes).chain(denied).collect();
        (service.clone(), all.join(", "))
    };
    masks.iter().map(of).filter(|(_, said)| !said.is_empty()).collect()
}

/// What a mask that needs more than its word is given stays in the project.
fn word(mask: &Value) -> &str {
    match mask {
        Value::String(word) => word,
        Value::Object(fields) => fields.keys().next().map_or("", String::as_str),
        _ => "null",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn masks_are_told_by_name_and_without_what_stands_in_for_values() {
        let masks = json!({
            "db": {"users.email": "email", "users.password": {"constant": "s3cret"}, "users.note": null},
            "cache": {"deny": true, "values": [{"keys": "user:*", "field": "name", "mask": "name"}]},
            "uploads": {"prefixes": {"avatars/": "drop"}},
            "queue": {},
        });
        let told = named(&serde_json::from_value(masks).unwrap());
        let told: Vec<(&str, &str)> =
            told.iter().map(|(service, said)| (service.as_str(), said.as_str())).collect();
        assert_eq!(
            told,
            [
                ("cache", "user:* name: name, nothing else that could be personal"),
                ("db", "users.email: email, users.note: null, users.password: constant"),
                ("uploads", "avatars/*: drop"),
            ]
        );
    }
}
