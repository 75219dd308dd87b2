//! Settings that one environment has otherwise than its project says: what differs by hand.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::project::Resources;

/// What is different about one component.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Override {
    /// Environment variables, added or instead of the project's; `${…}` is replaced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Keys that are not named stay as the project has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<ScaleOverride>,
}

/// How many replicas run; what is not named stays as the class has it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleOverride {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub min: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub cpu: Option<u32>,
}

/// By component.
pub type Overrides = BTreeMap<String, Override>;

/// Every setting as it is typed: `web.env.LOG_LEVEL` and its value.
pub fn listed(overrides: &Overrides) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (component, Override { env, resources, scale }) in overrides {
        let mut add = |key: &str, value: Option<String>| {
            all.extend(value.map(|value| (format!("{component}.{key}"), value)));
        };
        for (name, value) in env {
            add(&format!("env.{name}"), Some(value.clone()));
        }
        let resources = resources.clone().unwrap_or_default();
        add("resources.cpu", resources.cpu);
        add("resources.memory", resources.memory);
        let ScaleOverride { min, max, cpu } = scale.clone().unwrap_or_default();
        for (key, number) in [("scale.min", min), ("scale.max", max), ("scale.cpu", cpu)] {
            add(key, number.map(|number| number.to_string()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_listed_as_it_is_typed() {
        let overrides: Overrides = serde_json::from_value(serde_json::json!({
            "web": {"env": {"LOG_LEVEL": "debug"}, "resources": {"memory": "256Mi"}, "scale": {"min": 2}},
        }))
        .unwrap();
        let listed: Vec<String> =
            listed(&overrides).into_iter().map(|(setting, value)| format!("{setting}={value}")).collect();
        assert_eq!(listed, ["web.env.LOG_LEVEL=debug", "web.resources.memory=256Mi", "web.scale.min=2"]);
    }
}
