//! What is masked of a service's data on its way to another environment, by name. Pure.

use std::collections::BTreeMap;

use api::project::ServiceMasks;
use askama::Template;
use serde_json::Value;

/// What is masked, for whoever chooses how data comes.
#[derive(Template)]
#[template(path = "_masked.html")]
pub struct Masked {
    /// By service; none: the project could not be read.
    named: Option<Vec<(String, String)>>,
}

impl Masked {
    pub fn of(masks: &BTreeMap<String, ServiceMasks>) -> Self {
        Self { named: Some(named(masks)) }
    }

    /// Nobody may read that nothing is masked, or that something is.
    pub fn unknown() -> Self {
        Self { named: None }
    }
}

/// By service, each column, key and prefix with the word of its mask.
fn named(masks: &BTreeMap<String, ServiceMasks>) -> Vec<(String, String)> {
    let of = |(service, masks): (&String, &ServiceMasks)| {
        let columns = masks.columns.iter().map(|(column, mask)| format!("{column}: {}", word(mask)));
        let rules = masks.values.iter().map(|rule| {
            let said = |name: &str| rule.get(name).and_then(Value::as_str);
            let field = said("field").map(|field| format!(" {field}")).unwrap_or_default();
            let mask = rule.get("mask").map_or("null", word);
            format!("{}{field}: {mask}", said("keys").unwrap_or("*"))
        });
        let prefixes = masks.prefixes.iter().map(|(prefix, mask)| format!("{prefix}*: {}", word(mask)));
        let denied = masks.deny.then(|| rest(masks).to_owned());
        let all: Vec<String> = columns.chain(rules).chain(prefixes).chain(denied).collect();
        (service.clone(), all.join(", "))
    };
    masks.iter().map(of).filter(|(_, said)| !said.is_empty()).collect()
}

/// What becomes of whatever has no mask of its own, if that does not come as it is.
fn rest(masks: &ServiceMasks) -> &'static str {
    match (masks.columns.is_empty(), masks.values.is_empty() && masks.prefixes.is_empty()) {
        (false, _) => "all other text and bytes: emptied",
        (true, false) => "everything else: left out",
        // Of which kind the service is, its masks do not say.
        (true, true) => "all text and bytes: emptied, or left out of a Redis or S3",
    }
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
            "shop": {"deny": true, "orders.id": "keep"},
            "users": {"deny": true},
        });
        let told = named(&serde_json::from_value(masks).unwrap());
        let told: Vec<(&str, &str)> =
            told.iter().map(|(service, said)| (service.as_str(), said.as_str())).collect();
        assert_eq!(
            told,
            [
                ("cache", "user:* name: name, everything else: left out"),
                ("db", "users.email: email, users.note: null, users.password: constant"),
                ("shop", "orders.id: keep, all other text and bytes: emptied"),
                ("uploads", "avatars/*: drop"),
                ("users", "all text and bytes: emptied, or left out of a Redis or S3"),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_told_as_nothing() {
        let masks = json!({"db": {"users.email": "email"}});
        let masked = Masked::of(&serde_json::from_value(masks).unwrap()).render().unwrap();
        assert!(masked.contains("Masked: ") && masked.contains("users.email: email"), "{masked}");
        assert!(Masked::of(&BTreeMap::new()).render().unwrap().contains("masks nothing"));
        let unknown = Masked::unknown().render().unwrap();
        assert_eq!(unknown.trim(), "What the project masks cannot be read now.");
    }
}
