//! How personal data in a service is masked when it is copied to another environment.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::{MaskSpec, ObjectMask};

/// The masks of one service, as they are written: whoever uses them asks for [`specs`](Self::specs),
/// [`rules`](Self::rules) or [`objects`](Self::objects).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct ServiceMasks {
    /// Text and bytes that no mask is given for are emptied; keys of Redis and objects of S3 that none names are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deny: bool,
    /// Of Redis: which values of which keys, and their masks. The first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "named_rules")]
    pub values: Vec<Value>,
    /// Of S3: what becomes of objects by how their keys begin. The longest that fits counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prefixes: BTreeMap<String, Value>,
    /// `TABLE.COLUMN` and its mask.
    #[serde(flatten, deserialize_with = "named")]
    pub columns: BTreeMap<String, Value>,
}

/// A mask for values of a Redis.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueMask {
    /// A pattern of keys' names.
    pub keys: String,
    /// A pattern of fields of hashes and streams (default: every value).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub mask: MaskSpec,
}

impl ServiceMasks {
    /// Masks by `TABLE.COLUMN`, or the first that is none and why: an object may have come past all checks.
    pub fn specs(&self) -> Result<BTreeMap<String, MaskSpec>, (String, serde_json::Error)> {
        let specs = self.columns.iter().map(|(column, mask)| match serde_json::from_value(mask.clone()) {
            Ok(mask) => Ok((column.clone(), mask)),
            Err(error) => Err((column.clone(), error)),
        });
        specs.collect()
    }

    /// The same of values of a Redis.
    pub fn rules(&self) -> Result<Vec<ValueMask>, (String, serde_json::Error)> {
        let rule = |(index, rule): (usize, &Value)| {
            serde_json::from_value(rule.clone()).map_err(|error| (format!("values[{index}]"), error))
        };
        self.values.iter().enumerate().map(rule).collect()
    }

    /// The same of objects of S3. With `deny`, what no prefix names is dropped.
    pub fn objects(&self) -> Result<BTreeMap<String, ObjectMask>, (String, serde_json::Error)> {
        let denied = self.deny.then(|| Ok((String::new(), ObjectMask::Drop)));
        let named = self.prefixes.iter().map(|(prefix, mask)| match serde_json::from_value(mask.clone()) {
            Ok(mask) => Ok((prefix.clone(), mask)),
            Err(error) => Err((format!("prefixes[{prefix:?}]"), error)),
        });
        // Of two that say the same prefix the last one counts: what is named.
        denied.into_iter().chain(named).collect()
    }
}

/// `null` is a mask like others, and Kubernetes keeps no fields that are null: it becomes a word.
fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Value>, D::Error> {
    let mut columns = BTreeMap::<String, Value>::deserialize(deserializer)?;
    columns.values_mut().for_each(name);
    Ok(columns)
}

fn named_rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    let mut rules = Vec::<Value>::deserialize(deserializer)?;
    rules.iter_mut().filter_map(|rule| rule.get_mut("mask")).for_each(name);
    Ok(rules)
}

fn name(mask: &mut Value) {
    match mask {
        Value::Null => *mask = MaskSpec::Null.word().into(),
        Value::Object(fields) => {
            if let Some(Value::Object(paths)) = fields.get_mut("json") {
                paths.values_mut().for_each(name);
            }
        }
        _ => {}
    }
}

impl JsonSchema for ServiceMasks {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ServiceMasks".into()
    }

    // A word or a map is no shape that Kubernetes' schemas know: an object that it lets through has still to be read.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let rule = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        json_schema!({
            "type": "object",
            "description": "`TABLE.COLUMN` and its mask.",
            "properties": {
                "deny": {
                    "type": "boolean",
                    "description": "Text and bytes that no mask is given for are emptied; keys of Redis and objects of S3 that none names are left out.",
                },
                "values": {
                    "type": "array",
                    "description": "Of Redis: which values of which keys, and their masks. The first that fits counts.",
                    "items": rule,
                },
                "prefixes": {
                    "type": "object",
                    "description": "Of S3: what becomes of objects by how their keys begin. The longest that fits counts.",
                    "x-kubernetes-preserve-unknown-fields": true,
                },
            },
            "x-kubernetes-preserve-unknown-fields": true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read_as_they_are_written_and_null_becomes_a_word() {
        let masks: ServiceMasks = serde_json::from_value(json!({
            "deny": true,
            "users.email": "email",
            "users.note": null,
            "users.born": {"dateShift": 30},
            "orders.data": {"json": {"$.note": null, "$.email": "email"}},
        }))
        .unwrap();
        assert!(masks.deny);
        let specs = masks.specs().unwrap();
        assert_eq!(specs["users.note"], MaskSpec::Null);
        assert_eq!(specs["users.born"], MaskSpec::DateShift(30));
        let within = [("$.note".to_owned(), MaskSpec::Null), ("$.email".to_owned(), MaskSpec::Email)].into();
        assert_eq!(specs["orders.data"], MaskSpec::Json(within));
        // What is stored holds no null, which would be lost.
        assert!(!serde_json::to_string(&masks).unwrap().contains("null,"), "{masks:?}");
    }

    #[test]
    fn rules_for_values_keep_their_order_and_hold_no_null_either() {
        let masks: ServiceMasks = serde_json::from_value(json!({"values": [
            {"keys": "user:*", "field": "email", "mask": "email"},
            {"keys": "*", "mask": null},
            {"keys": "cart:*", "mask": {"json": {"$.note": null}}},
        ]}))
        .unwrap();
        assert!(masks.columns.is_empty());
        assert!(!serde_json::to_string(&masks).unwrap().contains("null}"), "{masks:?}");
        let rules = masks.rules().unwrap();
        assert_eq!((rules[0].keys.as_str(), rules[0].field.as_deref()), ("user:*", Some("email")));
        assert_eq!(rules[1].mask, MaskSpec::Null);
    }

    #[test]
    fn of_objects_what_no_prefix_names_is_dropped_where_that_is_asked_for() {
        let of = |masks: Value| serde_json::from_value::<ServiceMasks>(masks).unwrap().objects();
        let masks =
            of(json!({"deny": true, "prefixes": {"public/": "keep", "faces/": "placeholder"}})).unwrap();
        assert_eq!((masks[""], masks["public/"]), (ObjectMask::Drop, ObjectMask::Keep));
        let named = of(json!({"deny": true, "prefixes": {"": "placeholder"}})).unwrap();
        assert_eq!(named[""], ObjectMask::Placeholder);
        assert!(!of(json!({"prefixes": {"faces/": "placeholder"}})).unwrap().contains_key(""));
        assert_eq!(of(json!({"prefixes": {"a/": "blur"}})).unwrap_err().0, "prefixes[\"a/\"]");
    }

    #[test]
    fn what_came_past_all_checks_is_told_with_its_column_and_disturbs_nobody() {
        let masks: ServiceMasks =
            serde_json::from_value(json!({"users.email": "emial", "values": [{"keys": "a"}]})).unwrap();
        assert_eq!(masks.specs().unwrap_err().0, "users.email");
        assert_eq!(masks.rules().unwrap_err().0, "values[0]");
    }
}
