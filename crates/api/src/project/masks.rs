//! How personal data in a service's columns is masked when it is copied to another environment.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::MaskSpec;

/// The masks of one service, as they are written: whoever uses them asks for [`specs`](Self::specs).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct ServiceMasks {
    /// Text and bytes that no mask is given for are emptied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deny: bool,
    /// `TABLE.COLUMN` and its mask.
    #[serde(flatten, deserialize_with = "named")]
    pub columns: BTreeMap<String, Value>,
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
}

/// `null` is a mask like others, and Kubernetes keeps no fields that are null: it becomes a word.
fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Value>, D::Error> {
    let mut columns = BTreeMap::<String, Value>::deserialize(deserializer)?;
    columns.values_mut().for_each(name);
    Ok(columns)
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
        json_schema!({
            "type": "object",
            "description": "`TABLE.COLUMN` and its mask.",
            "properties": {"deny": {
                "type": "boolean",
                "description": "Text and bytes that no mask is given for are emptied.",
            }},
            "x-kubernetes-preserve-unknown-fields": true,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
    fn what_came_past_all_checks_is_told_with_its_column_and_disturbs_nobody() {
        let masks: ServiceMasks = serde_json::from_value(json!({"users.email": "emial"})).unwrap();
        assert_eq!(masks.specs().unwrap_err().0, "users.email");
    }
}
